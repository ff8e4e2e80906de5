"""Images on other grids."""

from __future__ import annotations

import numpy as np

from twin import Geometry, Volume


def sampled(volume: Volume, grid: Geometry, order: int = 1) -> np.ndarray:
    """(z, y, x) float32 on another grid of the same extent and axes; beyond its last centres an image goes on.

    Axes that are the same need no weights of eight neighbours: each is gone through alone.

    Args:
        volume: the image.
        grid: where it is wanted.
        order: 0 nearest, 1 linear.
    """
    first = volume.geometry.index(grid.lps((0.0, 0.0, 0.0)))
    out = np.asarray(volume.array, np.float32)
    for axis, (start, n) in enumerate(zip(first, grid.shape, strict=True)):
        step = grid.spacing_mm[axis] / volume.geometry.spacing_mm[axis]
        at = np.clip(start + step * np.arange(n), 0, out.shape[axis] - 1)
        low = np.rint(at).astype(int)
        if order and not np.allclose(at, low, atol=1e-4):
            low = np.minimum(at.astype(int), max(out.shape[axis] - 2, 0))
            share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
            beside = np.take(out, np.minimum(low + 1, out.shape[axis] - 1), axis)
            out = np.take(out, low, axis)
            beside -= out
            beside *= share
            out += beside
        elif low.size != out.shape[axis] or (low != np.arange(low.size)).any():
            out = np.take(out, low, axis)
    return out
