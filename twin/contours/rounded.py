"""Solids whose sections follow a parabola, as those of an ellipsoid do exactly, and how far some areas do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FEWEST = 5  # planes, below which a parabola is no more than a guess
_EVEN = 0.05  # of the spacing, by which gaps may differ
_CLOSED = (
    1.25  # spacings beyond the last plane: the next plane shows nothing, but for how ragged contours are
)


@dataclass(frozen=True)
class Rounded:
    """How the areas of even planes bend between planes, and close beyond the last ones.

    The rule of slabs (each plane's area half-way to the next ones and half a spacing beyond the last) is exact for
    cylinders and off by up to 4 % for a ball of five planes, wherever these happen to lie. Where areas have a constant
    second difference, as those of every ellipsoid have, the parabola through them is exact. What is used lies between
    both by `weight`: 1 where the second differences are equal and negative, 0 where they differ by as much as they are
    large or any is positive, so that lobes and ragged contours stay as they were. A flat end does too: a parabola that
    would not close where the next plane shows nothing is not the solid's.

    Args:
        areas_mm2: of the planes, from below.
        bends_mm2: second difference in each gap, 0 or negative, mm2.
        weight: share of the parabola, above 0.
    """

    areas_mm2: np.ndarray
    bends_mm2: np.ndarray
    weight: float

    @classmethod
    def of(cls, areas_mm2: np.ndarray, gaps_mm: np.ndarray) -> Rounded | None:
        """What the areas of planes with such gaps follow; None where the rule of slabs is all.

        Example:
            >>> heights = np.arange(-8.0, 9.0, 4.0)
            >>> Rounded.of(100.0 - heights**2, np.full(4, 4.0)).weight, Rounded.of(np.full(5, 9.0), np.full(4, 4.0))
            (1.0, None)
        """
        if len(areas_mm2) < _FEWEST or np.ptp(gaps_mm) > _EVEN * gaps_mm.min():
            return None
        second = np.diff(areas_mm2, 2)
        if not (second < 0).all():
            return None
        weight = 1.0 - float(np.abs(np.diff(second)).max() / np.abs(second).max())
        bends = np.maximum(np.append(second[0], second), np.append(second, second[-1]))
        if weight <= 0:
            return None
        found = cls(areas_mm2, bends, weight)
        return found if max(found._closes(False), found._closes(True)) <= _CLOSED else None

    def bulge_mm2(self, gap: int, t: float) -> float:
        """By how much the section at a share t of a gap is larger than between straight lines, mm2."""
        return 0.5 * self.weight * float(self.bends_mm2[gap]) * t * (t - 1.0)

    def beyond_mm2(self, top: bool, t: float) -> float:
        """Area of the section t spacings beyond the last plane, mm2."""
        area, slope, bend = self._end(top)
        closing = area + slope * t + 0.5 * bend * t * t if t < self.reach(top) else 0.0
        return self.weight * max(closing, 0.0) + (1.0 - self.weight) * (area if t <= 0.5 else 0.0)

    def reach(self, top: bool) -> float:
        """Where the solid ends beyond the last plane, in spacings: before the next plane, which shows nothing."""
        return min(1.0, self._closes(top))

    @property
    def more_mm2(self) -> float:
        """The volume beyond that of the slabs, for a spacing of 1 mm."""
        between = -float(self.bends_mm2.sum()) / 12.0
        ends = 0.0
        for top in (False, True):
            (area, slope, bend), m = self._end(top), self.reach(top)
            ends += area * m + slope * m * m / 2.0 + bend * m**3 / 6.0 - area / 2.0
        return self.weight * (between + ends)

    def _closes(self, top: bool) -> float:
        """Where the parabola has no area any more beyond the last plane, in spacings."""
        area, slope, bend = self._end(top)
        return float((-slope - np.sqrt(slope * slope - 2.0 * bend * area)) / bend)

    def _end(self, top: bool) -> tuple[float, float, float]:
        """Area of the last plane, slope outwards a spacing, and second difference, mm2."""
        last, before, gap = (-1, -2, -1) if top else (0, 1, 0)
        area, bend = float(self.areas_mm2[last]), float(self.bends_mm2[gap])
        return area, area - float(self.areas_mm2[before]) + 0.5 * bend, bend
