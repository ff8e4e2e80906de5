"""The solid that closed planar contours stand for, wherever their planes lie.

Contours say where a structure begins and ends in some planes; these may be denser than an image's slices, lie between
them or leave some out. Inside and outside is decided within one plane, by XOR (DICOM PS3.3 C.8.8.6.3). Each plane's
section then reaches half-way to the planes beside it, and half a plane's spacing beyond the last ones, which gives the
volume. Between two planes the sections change into each other: the signed distance to the contours is interpolated
linearly (Raya and Udupa, IEEE Trans Med Imaging 9:32, 1990), at the level at which the area changes linearly too, so
that neither bulges nor hollows are lost. Where the areas of even planes follow a parabola, as an ellipsoid's do, they
follow it between the planes too, and close beyond the last ones as it does (`twin.contours.rounded`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar, cast

import numpy as np

from twin.contours.distance import border_distance, clipped_integral, levelled
from twin.contours.planar import coverage
from twin.contours.planes import ONE_PLANE_MM, planes_of
from twin.contours.rounded import Rounded
from twin.geometry import Box, Geometry
from twin.volume import Volume

_Value = TypeVar("_Value")

BRIDGED_MM = 10.0  # planes farther apart belong together only where that is how far apart the planes lie
_IRREGULAR = 1.5  # times the usual spacing: farther apart is a gap
_WIDEST_MM = 30.0  # no spacing is wider
_SURE_PLANES, _SURE_CM3 = 5, 5.0
_HALF = 0.5 - 1e-9  # of a pixel, but for rounding

# Eclipse draws a structure in beyond its last contour, by about so many mm a mm, and ends it half a slice away at the
# latest; its volumes and dose-volume curves agree with 4 to 6.
ECLIPSE_TAPER = 5.0


@dataclass(frozen=True)
class Gap:
    """Two neighbouring planes more than `BRIDGED_MM` apart.

    Args:
        from_mm: LPS z of the lower plane, mm.
        to_mm: LPS z of the upper plane, mm.
        bridged: the shape goes on between them.
    """

    from_mm: float
    to_mm: float
    bridged: bool


class Shape:
    """The solid that some contours stand for.

    Args:
        contours: (n, 3) LPS points of each closed planar contour, mm.
        slices: the grid of the image that they belong to, or a crop of it; only its axes and its pixels matter.

    Raises:
        InputError: a contour does not lie in a plane parallel to the slices.

    Example:
        >>> square = np.array([(0.5, 0.5, 0), (8.5, 0.5, 0), (8.5, 8.5, 0), (0.5, 8.5, 0)], dtype=float)
        >>> box = Shape([square, square + [0, 0, 3], square + [0, 0, 6]], Geometry((2, 10, 10), (6.0, 1.0, 1.0)))
        >>> round(box.cm3, 3)  # three contours 3 mm apart: 9 mm high
        0.576
    """

    def __init__(self, contours: Sequence[np.ndarray], slices: Geometry) -> None:
        self.slices = slices
        self.planes = planes_of(contours, slices)
        self.levels_mm = np.array([p.level_mm for p in self.planes])
        gaps = np.diff(self.levels_mm)
        usual = _usual_mm(gaps, slices.spacing_mm[0])
        self.bridged = (gaps <= BRIDGED_MM) | (gaps <= min(_IRREGULAR * usual, _WIDEST_MM))
        reach = np.concatenate([[usual], np.where(self.bridged, gaps, usual), [usual]]) / 2.0
        if len(gaps):
            reach[0], reach[-1] = reach[1], reach[-2]
        self.below_mm, self.above_mm = reach[:-1], reach[1:]
        areas = np.array([p.area_mm2 for p in self.planes])
        self.rounded = Rounded.of(areas, gaps) if self.bridged.all() else None

    @property
    def cm3(self) -> float:
        """Volume, cm3."""
        more = 0.0 if self.rounded is None else self.rounded.more_mm2 * self.spacing_mm / 1000.0
        return float(self._slabs_cm3.sum()) + more

    @property
    def _reach_mm(self) -> tuple[np.ndarray, np.ndarray]:
        """How far each plane shows something below and above itself, mm."""
        below, above = self.below_mm.copy(), self.above_mm.copy()
        if self.rounded is not None:
            below[0] = max(below[0], self.rounded.reach(False) * self.spacing_mm)
            above[-1] = max(above[-1], self.rounded.reach(True) * self.spacing_mm)
        return below, above

    @property
    def spacing_mm(self) -> float:
        """How far apart the planes lie, the median where they lie unevenly, mm."""
        return float(np.median(self.below_mm + self.above_mm))

    @property
    def doubt_cm3(self) -> float | None:
        """By how much the volume may be off (2 standard deviations), cm3; None where planes and volume suffice.

        That is for at least 5 planes on neighbouring slices and 5 cm3. The error of planes laid through a solid
        wherever they happen to fall is that of Gundersen et al. (J Microsc 193:199, 1999) for solids with blunt ends.
        """
        few = len(self.planes) < _SURE_PLANES or self.cm3 < _SURE_CM3
        if not few and self.spacing_mm <= _IRREGULAR * self.slices.spacing_mm[0]:
            return None
        v = self._slabs_cm3
        g0, g1, g2 = (float(v[k:] @ v[: max(0, len(v) - k)]) for k in range(3))
        return 2.0 * float(np.sqrt((3.0 * g0 - 4.0 * g1 + g2) / 12.0))

    @property
    def _slabs_cm3(self) -> np.ndarray:
        """What each plane stands for: its area as far as it reaches up and down, cm3."""
        return np.array([p.area_mm2 for p in self.planes]) * (self.below_mm + self.above_mm) / 1000.0

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where neighbouring planes lie more than `BRIDGED_MM` apart."""
        z_mm = self.slices.lps([(level / self.slices.spacing_mm[0], 0, 0) for level in self.levels_mm])[:, 2]
        wide = np.flatnonzero(np.diff(self.levels_mm) > BRIDGED_MM)
        return tuple(Gap(float(z_mm[n]), float(z_mm[n + 1]), bool(self.bridged[n])) for n in wide)

    def mask(self) -> Volume | None:
        """The shape as uint8 voxels on the smallest crop of the slices that holds it; None where it has none.

        A slice shows the section at its centre, and a voxel is inside when at least half its area is.
        """
        if not self.planes:
            return None
        points = np.concatenate([p for plane in self.planes for p in plane.polygons])
        first = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
        last = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, self.slices.shape[1:])
        if (last <= first).any():
            return None
        slices = self._slices((int(last[0] - first[0]), int(last[1] - first[1])), first)
        if not slices:
            return None
        bottom = min(slices)
        filled = np.zeros((max(slices) + 1 - bottom, *(last - first)), dtype=np.uint8)
        for number, section in slices.items():
            filled[number - bottom] = section
        inside = [np.flatnonzero(filled.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        tight = tuple(slice(int(i[0]), int(i[-1]) + 1) for i in inside)
        start = (bottom, *first.tolist())
        box = tuple(slice(s + t.start, s + t.stop) for s, t in zip(start, tight, strict=True))
        voxels = np.ascontiguousarray(filled[tight])
        return Volume(self.slices.crop(cast(Box, box)), voxels, "MASK", "1")

    def _slices(self, raster: tuple[int, int], offset: np.ndarray) -> dict[int, np.ndarray]:
        """Slice number to the (rows, columns) bool section there, of slices that show anything."""
        step_mm, depth = self.slices.spacing_mm[0], self.slices.shape[0]
        sections = _Sections(self, raster, offset, np.ones(2))
        below_mm, above_mm = self._reach_mm
        low, high = (self.levels_mm - below_mm) / step_mm, (self.levels_mm + above_mm) / step_mm
        reached = {
            n
            for a, b in zip(low, high, strict=True)
            for n in range(max(0, int(np.ceil(a - 1e-4))), min(depth, int(np.ceil(b - 1e-4))))
        }
        found = {n: sections.at(n * step_mm) >= _HALF for n in sorted(reached)}
        if not any(m.any() for m in found.values()):
            # Thinner than a slice: the slice nearest to its widest plane.
            widest = int(np.argmax([p.area_mm2 for p in self.planes]))
            nearest = round(self.levels_mm[widest] / step_mm)
            found = {nearest: sections.covered[widest] >= _HALF} if 0 <= nearest < depth else {}
        return {n: m for n, m in found.items() if m.any()}

    def shares(self, parts: tuple[int, int, int], *, as_eclipse: bool = False) -> np.ndarray:
        """The share of each part of each voxel of the slices that lies inside.

        Args:
            parts: into how many parts a voxel is divided along (z, y, x).
            as_eclipse: draw in the ends, and the sections between planes straight, as that planning system does.

        Returns:
            (z, y, x) float32 in 0..1, of the slices' grid with that many voxels for one.

        Example:
            >>> square = np.array([(0.5, 0.5, 0), (8.5, 0.5, 0), (8.5, 8.5, 0), (0.5, 8.5, 0)], dtype=float)
            >>> two = Shape([square, square + [0, 0, 1]], Geometry((2, 10, 10), (1.0, 1.0, 1.0)))
            >>> two.shares((2, 1, 1)).sum(axis=(1, 2)).tolist()
            [64.0, 64.0, 64.0, 64.0]
        """
        z, y, x = parts
        depth, rows, columns = self.slices.shape
        sections = _Sections(self, (rows * y, columns * x), np.zeros(2), np.array([y, x]))
        thick_mm = self.slices.spacing_mm[0] / z
        inside = np.zeros((depth * z, rows * y, columns * x), dtype=np.float32)
        for part in range(depth * z):
            low = (part - z / 2.0) * thick_mm
            if as_eclipse:
                sections.add_drawn_in(inside[part], low, low + thick_mm)
            else:
                for height, share in self._pieces(low, low + thick_mm):
                    inside[part] += np.float32(share) * sections.at(height)
        return inside

    def _pieces(self, low_mm: float, high_mm: float) -> Iterator[tuple[float, float]]:
        """Heights at which to look, and their shares of a layer, cut where sections begin, end or change."""
        below_mm, above_mm = self._reach_mm
        slabs = [self.levels_mm - self.below_mm, self.levels_mm + self.above_mm]
        ends = np.concatenate([*slabs, self.levels_mm, self.levels_mm - below_mm, self.levels_mm + above_mm])
        if not (ends.min() < high_mm and ends.max() > low_mm):
            return
        cuts = np.unique(np.round([low_mm, *ends[(ends > low_mm) & (ends < high_mm)], high_mm], 6))
        for a, b in pairwise(cuts):
            yield (a + b) / 2.0, (b - a) / (high_mm - low_mm)


class _Sections:
    """The sections of a shape on a raster.

    Args:
        shape: of the shape's planes.
        raster: rows, columns.
        offset: (row, column) index of the slices where the raster begins.
        parts: pixels of the raster in one of the slices, along rows and columns.
    """

    def __init__(self, shape: Shape, raster: tuple[int, int], offset: np.ndarray, parts: np.ndarray) -> None:
        self.shape, self.raster, self.offset, self.parts = shape, raster, offset, parts
        self.pixel_mm2 = float(np.prod(np.asarray(shape.slices.spacing_mm[1:]) / parts))
        self.covered = _Lazy(self._covered)
        self.labels = _Lazy(self._labels)
        self.between = _Lazy(self._between)
        self.distances = _Lazy(lambda k: border_distance(self.covered[k]))

    def at(self, height_mm: float) -> np.ndarray:
        """(rows, columns) share of each pixel inside the section at a height."""
        levels = self.shape.levels_mm
        near = int(np.abs(levels - height_mm).argmin())
        if abs(height_mm - levels[near]) <= ONE_PLANE_MM:
            return self.covered[near]
        k = int(np.searchsorted(levels, height_mm))
        if 0 < k < len(levels) and self.shape.bridged[k - 1]:
            return self._changing(k - 1, (height_mm - levels[k - 1]) / (levels[k] - levels[k - 1]))
        if self.shape.rounded is not None:
            return self._closing(k > 0, abs(height_mm - levels[near]) / self.shape.spacing_mm)
        section = np.zeros(self.raster)
        for n, reach in ((k - 1, self.shape.above_mm), (k, self.shape.below_mm)):
            if 0 <= n < len(levels) and abs(height_mm - levels[n]) <= reach[n] + 1e-3:
                section = np.maximum(section, self.covered[n])
        return section

    def _changing(self, k: int, t: float) -> np.ndarray:
        """The section at a share t of the way from plane k to the next."""
        (lone, from_k, area_k), (lone_next, from_next, area_next) = self.between[k]
        section = lone if t <= 0.5 else lone_next
        if from_k is None or from_next is None:
            return section
        distance = (1.0 - t) * from_k + t * from_next
        area = (1.0 - t) * area_k + t * area_next
        if self.shape.rounded is not None:
            area += self.shape.rounded.bulge_mm2(k, t) / self.pixel_mm2
        return np.maximum(section, levelled(distance, area))

    def _closing(self, top: bool, t: float) -> np.ndarray:
        """The section t spacings beyond the last plane of a shape that closes there."""
        assert self.shape.rounded is not None
        distance = self.distances[len(self.shape.planes) - 1 if top else 0]
        area = self.shape.rounded.beyond_mm2(top, t) / self.pixel_mm2
        return np.zeros(self.raster) if distance is None or area <= 0 else levelled(distance, area)

    def _covered(self, k: int) -> np.ndarray:
        polygons = self.shape.planes[k].polygons
        share = coverage([(p - self.offset + 0.5) * self.parts - 0.5 for p in polygons], self.raster)
        return np.where(share < 1e-9, 0.0, share)  # sums are rounded

    def _labels(self, k: int) -> tuple[np.ndarray, int]:
        from scipy import ndimage

        return ndimage.label(self.covered[k] > 1e-9)

    def _between(self, k: int) -> list[tuple[np.ndarray, np.ndarray | None, float]]:
        """For plane k and the next: parts of which the other shows nothing, distance to and area of all others."""
        sides = []
        for own, other in ((k, k + 1), (k + 1, k)):
            labels, count = self.labels[own]
            met = np.zeros(count + 1, dtype=bool)
            met[labels[self.covered[other] > 1e-9]] = True
            met[0] = False
            kept = self.covered[own] * met[labels]
            lone = self.covered[own] - kept
            distance = self.distances[own] if met[1:].all() else border_distance(kept)
            sides.append((lone, distance, float(kept.sum())))
        return sides

    def add_drawn_in(self, layer: np.ndarray, low_mm: float, high_mm: float) -> None:
        """Draw a layer's mean share as Eclipse would: straight between planes, drawn in beyond them."""
        levels, middle = self.shape.levels_mm, (low_mm + high_mm) / 2.0
        pixel_mm = float(np.mean(np.asarray(self.shape.slices.spacing_mm[1:]) / self.parts))
        k = int(np.searchsorted(levels, middle))
        for n, reach in ((k - 1, self.shape.above_mm), (k, self.shape.below_mm)):
            if not 0 <= n < len(levels) or abs(middle - levels[n]) > reach[n]:
                continue
            distance = self.distances[n]
            if distance is None:
                continue
            near, far = sorted(abs(edge - levels[n]) for edge in (low_mm, high_mm))
            near = 0.0 if low_mm < levels[n] < high_mm else near
            a, b = (ECLIPSE_TAPER * d / pixel_mm for d in (near, far))
            own = 0.5 - distance
            np.maximum(layer, (clipped_integral(own - a) - clipped_integral(own - b)) / (b - a), out=layer)
        if 0 < k < len(levels) and self.shape.bridged[k - 1]:
            below, above = self.distances[k - 1], self.distances[k]
            if below is not None and above is not None:
                t = (middle - levels[k - 1]) / (levels[k] - levels[k - 1])
                np.maximum(layer, np.clip(0.5 - below - t * (above - below), 0.0, 1.0), out=layer)


class _Lazy(dict[int, _Value]):
    """Values of a function by its argument, each made once."""

    def __init__(self, make: Callable[[int], _Value]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: int) -> _Value:
        self[key] = self.make(key)
        return self[key]


def _usual_mm(gaps: np.ndarray, slice_mm: float) -> float:
    """The spacing of planes: the median of their gaps; two planes alone, far apart, tell none."""
    if len(gaps) > 1 or (len(gaps) == 1 and gaps[0] <= BRIDGED_MM):
        return float(np.median(gaps))
    return slice_mm
