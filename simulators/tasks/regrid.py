"""Scans brought to the pixels on which a network works and back, and what a guess from single voxels could do."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from twin import Geometry, Volume


def nearest_beyond(volume: Volume) -> Volume:
    """A volume with its outer voxels once more all around, so that nothing between grids falls outside.

    Args:
        volume: any.
    """
    g = volume.geometry
    origin = tuple(float(v) for v in g.lps(np.array([-1, -1, -1])))
    grid = Geometry(tuple(n + 2 for n in g.shape), g.spacing_mm, origin, g.direction)  # type: ignore[arg-type]
    return Volume(grid, np.pad(volume.array, 1, mode="edge"), volume.modality, volume.unit)


def brought(volume: Volume, grid: Geometry) -> np.ndarray:
    """(z, y, x) float32 values on another grid of the same directions; smoothed first along axes where it is coarser.

    Args:
        volume: of any voxels.
        grid: where it is wanted.
    """
    from scipy.ndimage import gaussian_filter

    each = zip(volume.geometry.spacing_mm, grid.spacing_mm, strict=True)
    fine = [max(0.0, (1 - (s / g) ** 2)) ** 0.5 * g / s * 0.4 for s, g in each]
    values = volume.array.astype(np.float32)
    smooth = gaussian_filter(values, fine, mode="nearest") if any(fine) else values
    return nearest_beyond(Volume(volume.geometry, smooth, volume.modality, volume.unit)).on(grid)


def best_voxelwise(source: np.ndarray, truth: np.ndarray, region: np.ndarray, bin_width: float) -> np.ndarray:
    """The best that a guess from a voxel's own value could do: the median of the truth at each value of the source.

    Args:
        source: (z, y, x) values.
        truth: (z, y, x) what is wanted.
        region: (z, y, x) bool, where it is guessed; elsewhere the source stays.
        bin_width: of the source's values.

    Returns:
        (z, y, x) float32.
    """
    seen = np.floor(source / bin_width).astype(int)
    low = int(seen[region].min())
    inside, wanted = seen[region] - low, truth[region]
    order = np.argsort(inside, kind="stable")
    ends = np.searchsorted(inside[order], np.arange(int(inside.max()) + 2))
    medians = np.array([np.median(wanted[order[a:b]]) if b > a else 0.0 for a, b in pairwise(ends)])
    out = source.astype(np.float32)
    out[region] = medians[inside]
    return out
