"""A mask of any grid laid on another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.errors import InputError
from twin.geometry import Box, Geometry
from twin.structures import bounding_box
from twin.volume import Volume

_HALF = 0.5
_WHOLE_MM = 0.01  # a crop's voxels lie this close to the grid's own
_MOST_SAMPLES = 1 << 27


@dataclass(frozen=True, eq=False)
class Laid:
    """A mask on a grid.

    Args:
        mask: (z, y, x) bool of the whole grid.
        resampled: it lay on other voxels; else it is voxel by voxel what it was.
        cut: a part of it lay outside the grid.
        before_cm3: its volume on its own grid, cm3.
    """

    mask: np.ndarray
    resampled: bool
    cut: bool
    before_cm3: float


def laid(part: Volume, grid: Geometry) -> Laid:
    """A mask on another grid: a whole-voxel crop in its place, any other by the share of each voxel that it covers.

    Args:
        part: shares of 0 to 1, of which half and more is inside; axes upright.
        grid: where to lay it.

    Raises:
        InputError: nothing of the mask is inside, or nothing lies within the grid.
    """
    inside = part.array >= _HALF
    try:
        box = bounding_box(inside)
    except InputError:
        raise InputError("it is empty") from None
    before_cm3 = float(np.count_nonzero(inside)) * part.geometry.voxel_cm3
    start = grid.index(part.geometry.lps([s.start for s in box]))
    whole = np.rint(start).astype(int)
    same_axes = np.allclose(part.geometry.spacing_mm, grid.spacing_mm, rtol=1e-3) and np.allclose(
        part.geometry.direction, grid.direction, atol=1e-4
    )
    exact = same_axes and bool((np.abs(start - whole) * grid.spacing_mm < _WHOLE_MM).all())
    mask = np.zeros(grid.shape, dtype=bool)
    cut = (
        _place(mask, inside[box], whole) if exact else _resample(mask, part, _grown(box, part.geometry), grid)
    )
    if not mask.any():
        raise InputError("it lies outside the scan or is smaller than its voxels")
    return Laid(mask, not exact, cut, before_cm3)


def _place(mask: np.ndarray, inside: np.ndarray, start: np.ndarray) -> bool:
    """Copy a crop into its place; whether some of it lies outside."""
    low = np.maximum(start, 0)
    high = np.minimum(start + inside.shape, mask.shape)
    if (high <= low).any():
        return True
    there = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    here = tuple(slice(int(a - s), int(b - s)) for a, b, s in zip(low, high, start, strict=True))
    mask[there] = inside[here]
    return bool(np.count_nonzero(inside) > np.count_nonzero(mask[there]))


def _grown(box: Box, geometry: Geometry) -> Box:
    """A box with one voxel more on each side, where there is one."""
    z, y, x = (
        slice(max(0, s.start - 1), min(n, s.stop + 1)) for s, n in zip(box, geometry.shape, strict=True)
    )
    return z, y, x


def _resample(mask: np.ndarray, part: Volume, box: Box, grid: Geometry) -> bool:
    """Fill the voxels of which the mask covers half; whether some of it lies outside.

    Where the grid is coarser than the mask, a voxel's share is the mean over as many points along each axis as the
    mask has voxels there, so that no plane of the mask is passed over.
    """
    piece = part.crop(box)
    corners = np.stack(np.meshgrid(*[(-0.5, n - 0.5) for n in piece.geometry.shape]), axis=-1).reshape(-1, 3)
    index = grid.index(piece.geometry.lps(corners))
    low = np.maximum(np.floor(index.min(axis=0) + 0.5), 0).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0) + 0.5), grid.shape).astype(int)
    if (high <= low).any():
        return True
    there: Box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))  # type: ignore[assignment]
    target = grid.crop(there)
    finer = np.maximum(1, np.ceil(np.asarray(grid.spacing_mm) / part.geometry.spacing_mm - 1e-3)).astype(int)
    if np.prod(target.shape, dtype=float) * finer.prod() > _MOST_SAMPLES:
        raise InputError("its voxels are too fine for the scan's")
    sz, sy, sx = np.asarray(grid.spacing_mm) / finer
    padded = Volume(_padded(piece.geometry), np.pad(piece.array, 1), "MASK", "1")
    shares = padded.on(target.resampled((float(sz), float(sy), float(sx))))
    (nz, ny, nx), (fz, fy, fx) = target.shape, finer
    mask[there] = shares.reshape(nz, fz, ny, fy, nx, fx).mean(axis=(1, 3, 5)) >= _HALF - 1e-6
    voxels = np.argwhere(piece.array >= _HALF)
    at = grid.index(piece.geometry.lps(voxels))
    return bool(((at < -0.5) | (at > np.asarray(grid.shape) - 0.5)).any())


def _padded(geometry: Geometry) -> Geometry:
    """The grid with one voxel more on each side."""
    nz, ny, nx = geometry.shape
    x, y, z = (float(v) for v in geometry.lps((-1, -1, -1)))
    return Geometry((nz + 2, ny + 2, nx + 2), geometry.spacing_mm, (x, y, z), geometry.direction)
