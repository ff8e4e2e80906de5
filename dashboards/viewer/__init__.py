"""What the viewer shows: a subject, its packed voxels and the addresses they are fetched from."""
