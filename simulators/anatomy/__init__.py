"""Tumour and lung in the image: how they move, shrink, grow and scar."""
