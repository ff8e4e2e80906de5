"""What is followed from slice to slice: how well a disc fits at each place, and the line of the best."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse


def convolved(array: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Each slice with the kernel laid over it."""
    weights = kernel.astype(np.float32)
    return np.stack([ndimage.correlate(plane, weights, mode="nearest") for plane in array])


def share(part: np.ndarray) -> np.ndarray:
    """Weights that make a mean over a part; none where voxels are larger than it."""
    return part / max(int(part.sum()), 1)


def discs(coarse: Coarse, *radii_mm: float) -> list[np.ndarray]:
    """Discs of these radii on the grid of a slice."""
    _, dy, dx = coarse.geometry.spacing_mm
    half = [int(max(radii_mm) / step) + 1 for step in (dy, dx)]
    y, x = np.ogrid[-half[0] : half[0] + 1, -half[1] : half[1] + 1]
    radius = np.hypot(y * dy, x * dx)
    return [radius <= r for r in radii_mm]


def track(score: np.ndarray) -> list[tuple[int, int]]:
    """The (row, column) in each slice with the highest sum of scores, moving at most one block a slice."""
    if not len(score):
        return []
    total = [score[0]]
    for plane in score[1:]:
        total.append(plane + ndimage.maximum_filter(total[-1], 3, mode="nearest"))
    path = [divmod(int(total[-1].argmax()), score.shape[2])]
    for plane in total[-2::-1]:
        row, column = path[-1]
        a, b = max(0, row - 1), max(0, column - 1)
        part = plane[a : row + 2, b : column + 2]
        i, j = divmod(int(part.argmax()), part.shape[1])
        path.append((a + i, b + j))
    return path[::-1]
