"""Images on other grids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from twin import Geometry, Volume


def sampled(volume: Volume, grid: Geometry, order: int = 1) -> np.ndarray:
    """(z, y, x) float32 on another grid of the same extent; half a voxel beyond its last centres an image goes on.

    Args:
        volume: the image.
        grid: where it is wanted.
        order: 0 nearest, 1 linear.
    """
    first = volume.geometry.lps((-1.0, -1.0, -1.0))
    x, y, z = (float(v) for v in first)
    nz, ny, nx = (n + 2 for n in volume.array.shape)
    wide = replace(volume.geometry, shape=(nz, ny, nx), origin_mm=(x, y, z))
    return Volume(wide, np.pad(volume.array, 1, mode="edge"), volume.modality, volume.unit).on(
        grid, order=order
    )
