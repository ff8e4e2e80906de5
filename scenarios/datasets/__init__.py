"""In-silico sets, and scans in pairs to learn from."""
