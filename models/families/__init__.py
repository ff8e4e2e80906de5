"""Ways to learn a translation, one file each."""
