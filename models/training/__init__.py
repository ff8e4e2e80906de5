"""Training: resumable, logged and watched by its validation."""
