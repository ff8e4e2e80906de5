"""Tumour models that can be asked for by name, one a file."""
