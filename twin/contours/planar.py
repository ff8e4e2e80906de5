"""Closed planar contours to masks, by the exact area that they cover in each voxel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def coverage(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Share of each pixel that lies inside the polygons by the even-odd (XOR) rule.

    The plane is cut into strips at every pixel row and every vertex. Inside a strip all edges are straight, so
    the area that lies to the right of an edge within a pixel is an integral in closed form; edges are taken
    from left to right as entering and leaving by turns. Holes, islands and key-holes need no case of their own.

    Args:
        polygons: (n, 2) vertices each as (row, column) indices, closed implicitly; pixel centres are whole.
        shape: rows, columns.

    Returns:
        (rows, columns) float64 in 0..1; exact unless edges cross within a strip.

    Example:
        >>> square = np.array([(0.0, 0.0), (0.0, 1.0), (2.0, 1.0), (2.0, 0.0)])
        >>> coverage([square], (3, 2)).tolist()
        [[0.25, 0.25], [0.5, 0.5], [0.25, 0.25]]
    """
    rows, columns = shape
    top, bottom, left, right = _edges(polygons)
    cuts = np.unique(np.clip(np.concatenate([top, bottom, np.arange(rows + 1.0)]), 0.0, rows))
    first = np.searchsorted(cuts, top)
    last = np.minimum(np.searchsorted(cuts, bottom), len(cuts) - 1)  # what lies below the grid is cut off
    edge, strip = _ranges(first, np.maximum(last - first, 0))
    if not len(edge):
        return np.zeros(shape)
    slope = (right - left)[edge] / (bottom - top)[edge]
    start = left[edge] + slope * (cuts[strip] - top[edge])
    end = left[edge] + slope * (cuts[strip + 1] - top[edge])
    order = np.lexsort((start + end, strip))
    start, end, strip = start[order], end[order], strip[order]
    begins = np.searchsorted(strip, strip)  # where each edge's strip begins in the sorted list
    sign = 1.0 - 2.0 * ((np.arange(len(strip)) - begins) % 2)
    height = cuts[strip + 1] - cuts[strip]
    row = np.floor((cuts[strip] + cuts[strip + 1]) / 2.0).astype(np.int64)
    return _accumulate(np.clip(start, 0, columns), np.clip(end, 0, columns), sign * height, row, shape)


def mask(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels of which at least half the area lies inside the polygons, (rows, columns) bool."""
    return coverage(polygons, shape) >= 0.5 - 1e-9


def _edges(polygons: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """Edges that are not level as (top, bottom, column at the top, column at the bottom), in pixel-edge units."""
    begin = np.concatenate([np.asarray(p, dtype=np.float64) for p in polygons]) + 0.5
    end = np.concatenate([np.roll(np.asarray(p, dtype=np.float64), -1, axis=0) for p in polygons]) + 0.5
    down = begin[:, 0] < end[:, 0]
    upper, lower = np.where(down[:, None], begin, end), np.where(down[:, None], end, begin)
    sloping = upper[:, 0] < lower[:, 0]
    upper, lower = upper[sloping], lower[sloping]
    return upper[:, 0], lower[:, 0], upper[:, 1], lower[:, 1]


def _ranges(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each i the whole numbers first[i] .. first[i] + count[i] - 1, with the i they belong to."""
    owner = np.repeat(np.arange(len(count)), count)
    offset = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    return owner, first[owner] + offset


def _accumulate(
    start: np.ndarray, end: np.ndarray, weight: np.ndarray, row: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Sum, over edge pieces, of the area to their right in each pixel."""
    rows, columns = shape
    low = np.floor(np.minimum(start, end)).astype(np.int64)
    spans = np.floor(np.maximum(start, end)).astype(np.int64) - low + 2
    piece, column = _ranges(low, spans)
    step = _right_of(column, start[piece], end[piece]) - _right_of(column - 1, start[piece], end[piece])
    inside = column < columns
    index = row[piece][inside] * columns + column[inside]
    steps = np.bincount(index, weights=(weight[piece] * step)[inside], minlength=rows * columns)
    return np.clip(np.cumsum(steps.reshape(shape), axis=1), 0.0, 1.0)


def _right_of(column: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Mean over a strip of the share of pixel `column` to the right of an edge running from start to end."""
    run = end - start
    level = np.abs(run) < 1e-9
    exact = (_integral(column + 1 - start) - _integral(column + 1 - end)) / np.where(level, 1.0, run)
    return np.where(level, np.clip(column + 1 - start, 0.0, 1.0), exact)


def _integral(u: np.ndarray) -> np.ndarray:
    """Integral of clip(s, 0, 1) for s up to u."""
    return np.where(u < 1.0, np.maximum(u, 0.0) ** 2 / 2.0, u - 0.5)
