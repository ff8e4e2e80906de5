"""Closed planar contours by the plane in which they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from twin.contours.planar import coverage
from twin.errors import InputError
from twin.geometry import Geometry

ONE_PLANE_MM = 0.1  # contours this close together lie in one plane
_SAME_MM = 0.1  # contours whose points lie this close together are one that was stored twice
_OFF_PLANE_MM = 1.0  # by which the points of a contour may differ in height
_AREA_CELLS = 4


@dataclass(frozen=True, eq=False)
class Plane:
    """The contours in one plane.

    Args:
        level_mm: its place along the slices' normal, from the centre of the first slice, mm.
        polygons: (n, 2) vertices each as (row, column) indices of the slices.
        pixel_mm: of the slices, along rows and columns, mm.
    """

    level_mm: float
    polygons: tuple[np.ndarray, ...]
    pixel_mm: tuple[float, float]

    @cached_property
    def area_mm2(self) -> float:
        """What the contours enclose by XOR, mm2."""
        return _area(self.polygons) * self.pixel_mm[0] * self.pixel_mm[1]


def planes_of(contours: Sequence[np.ndarray], slices: Geometry) -> tuple[Plane, ...]:
    """Contours by the plane they lie in, from below; planes that enclose nothing are none."""
    if not contours:
        return ()
    index = slices.index(np.concatenate(contours))
    starts = np.cumsum([0, *(len(c) for c in contours)])[:-1]
    heights = index[:, 0] * slices.spacing_mm[0]
    if (np.maximum.reduceat(heights, starts) - np.minimum.reduceat(heights, starts)).max() > _OFF_PLANE_MM:
        raise InputError("a contour is not drawn in the planes of the scan")
    levels = np.add.reduceat(heights, starts) / [len(c) for c in contours]
    order = np.argsort(levels, kind="stable")
    flat = np.split(index[:, 1:], starts[1:])
    planes = []
    for group in np.split(order, np.flatnonzero(np.diff(levels[order]) > ONE_PLANE_MM) + 1):
        whole = [flat[n] for n in group if np.ptp(flat[n], axis=0).min() > 0]
        if whole:
            polygons = _once(whole, np.asarray(slices.spacing_mm[1:]))
            planes.append(Plane(float(levels[group].mean()), tuple(polygons), slices.spacing_mm[1:]))
    return tuple(planes)


def _once(polygons: list[np.ndarray], pixel_mm: np.ndarray) -> list[np.ndarray]:
    """Polygons without those that are there already, wherever they begin and whichever way they run."""
    if len(polygons) == 1:
        return polygons
    boxes = np.array([np.concatenate([p.min(axis=0) * pixel_mm, p.max(axis=0) * pixel_mm]) for p in polygons])
    kept: list[int] = []
    for n, polygon in enumerate(polygons):
        alike = [m for m in kept if np.abs(boxes[m] - boxes[n]).max() <= _SAME_MM]
        if not any(_same(polygons[m] * pixel_mm, polygon * pixel_mm) for m in alike):
            kept.append(n)
    return [polygons[n] for n in kept]


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether each point of either polygon lies on a point of the other."""
    if one.shape == other.shape and np.abs(one - other).max() <= _SAME_MM:
        return True
    apart = np.abs(one[:, None] - other[None]).max(axis=2)
    return bool(apart.min(axis=0).max() <= _SAME_MM and apart.min(axis=1).max() <= _SAME_MM)


def _area(polygons: Sequence[np.ndarray]) -> float:
    """What polygons enclose by XOR, in pixels, exactly: their coverage of a few large cells."""
    points = np.concatenate(polygons)
    low, high = points.min(axis=0), points.max(axis=0)
    cell = np.maximum((high - low) / _AREA_CELLS, 1e-6)
    cells = coverage([(p - low) / cell - 0.5 for p in polygons], (_AREA_CELLS, _AREA_CELLS))
    return float(cells.sum() * cell.prod())
