"""Oesophagus and spinal cord: tubes along a line, estimated from the airway and the spine."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse
from twin.anatomy.spine import Spine
from twin.geometry import Geometry

_CORD_MM = (5.0, 6.5)  # half axes, front to back and across
_OESOPHAGUS_MM = (7.0, 9.0)


def oesophagus_line(spine: Spine, trachea: np.ndarray, carina: int | None, coarse: Coarse) -> np.ndarray:
    """(n, 2) row and column of the oesophagus in each slice: behind the trachea, then before the spine.

    Args:
        spine: on the grid of `coarse`.
        trachea: airway lumen on that grid.
        carina: slice of the bifurcation, or None.
        coarse: block means.
    """
    dz, dy, dx = coarse.geometry.spacing_mm
    n = len(spine.x)
    row, column = spine.front - 11.0 / dy, spine.x + 5.0 / dx
    for z in range(carina if carina is not None else n, n):
        rows, columns = np.nonzero(trachea[z])
        if len(rows):
            row[z] = min(rows.max() + 0.5 + 6.0 / dy, spine.front[z] - 5.0 / dy)
            column[z] = columns.mean() + 5.0 / dx
    if (
        carina is not None
    ):  # it leaves the spine for the hiatus, forwards and to the left, over the last 12 cm
        down_mm = np.clip((carina - np.arange(n)) * dz - 40.0, 0.0, 100.0)
        row, column = row - 0.13 * down_mm / dy, column + 0.10 * down_mm / dx
    return np.column_stack([ndimage.gaussian_filter1d(v, 8.0 / dz, mode="nearest") for v in (row, column)])


def tube(
    line: np.ndarray, half_axes_mm: tuple[float, float], slices: range, coarse: Coarse, full: Geometry
) -> np.ndarray:
    """An elliptic tube along a line of the block grid as a (z, y, x) bool mask of the full grid.

    Args:
        line: (n, 2) row and column in each slice of blocks.
        half_axes_mm: along rows and columns.
        slices: which slices of blocks it spans.
        coarse: the block grid.
        full: the grid of the mask.
    """
    mask = np.zeros(full.shape, dtype=bool)
    centres = (line + 0.5) * coarse.factors[1:] - 0.5
    levels = (np.arange(len(line)) + 0.5) * coarse.factors[0] - 0.5
    first = max(0, slices.start * coarse.factors[0])
    last = min(full.shape[0], slices.stop * coarse.factors[0])
    reach = [int(a / s) + 2 for a, s in zip(half_axes_mm, full.spacing_mm[1:], strict=True)]
    for z in range(first, last):
        row, column = (float(np.interp(z, levels, centres[:, k])) for k in (0, 1))
        ys = slice(max(0, int(row) - reach[0]), int(row) + reach[0] + 2)
        xs = slice(max(0, int(column) - reach[1]), int(column) + reach[1] + 2)
        y, x = np.ogrid[ys, xs]
        dy = (y[: full.shape[1]] - row) * full.spacing_mm[1] / half_axes_mm[0]
        dx = (x - column) * full.spacing_mm[2] / half_axes_mm[1]
        part = mask[z, ys, xs]
        part |= (dy**2 + dx**2 <= 1.0)[: part.shape[0], : part.shape[1]]
    return mask


def cord(spine: Spine, coarse: Coarse, full: Geometry) -> np.ndarray:
    """The spinal cord along the vertebral canal, (z, y, x) bool on the full grid."""
    line = np.column_stack([spine.canal, spine.x])
    return tube(line, _CORD_MM, range(len(line)), coarse, full)


def oesophagus(line: np.ndarray, lowest: int, coarse: Coarse, full: Geometry) -> np.ndarray:
    """The oesophagus from a slice upwards, (z, y, x) bool on the full grid."""
    return tube(line, _OESOPHAGUS_MM, range(max(0, lowest), len(line)), coarse, full)
