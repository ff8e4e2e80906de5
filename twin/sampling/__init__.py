"""Values of a grid at the voxels of another, compiled."""
