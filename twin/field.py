"""Where tissue lies on another day: a displacement field between two anatomies of one patient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

from twin.errors import InputError
from twin.geometry import Geometry

_ITERATIONS, _ENOUGH_MM, _FAR_MM = 50, 0.002, 0.5
_SHORT = 0.5  # of a step


@dataclass(frozen=True, eq=False)
class Field:
    """Displacements between a reference and a day; beyond its grid tissue stands still.

    Args:
        geometry: grid on which it is known.
        source: (3, z, y, x) along the grid's (z, y, x) axes, mm, or a function that loads it when `mm` is first read.
        towards: "day": its grid lies on the reference, point + displacement = where its tissue lies on the day;
            "reference": its grid lies on the day, point + displacement = where its tissue comes from, as generators of
            follow-ups give it.
    """

    geometry: Geometry
    source: np.ndarray | Callable[[], np.ndarray]
    towards: Literal["day", "reference"]

    def __post_init__(self) -> None:
        if isinstance(self.source, np.ndarray):
            _ = self.mm

    @cached_property
    def mm(self) -> np.ndarray:
        """(3, z, y, x) along the grid's (z, y, x) axes, mm."""
        values = self.source if isinstance(self.source, np.ndarray) else self.source()
        if values.shape != (3, *self.geometry.shape):
            raise InputError(f"a displacement field on {self.geometry.shape} (z, y, x) needs the shape "
                             f"{(3, *self.geometry.shape)}, not {values.shape}")  # fmt: skip
        if not np.isfinite(values).all():
            raise InputError("a displacement field holds values that are not finite")
        return values

    def on_day(self, lps: np.ndarray) -> np.ndarray:
        """Where tissue lies on the day, (..., 3) LPS mm.

        Args:
            lps: (..., 3) where it lies in the reference, LPS mm.

        Raises:
            InputError: the field cannot be inverted there.
        """
        points = lps.reshape(-1, 3)
        rest = np.moveaxis(self.geometry.index(points), -1, 0)
        last = np.reshape(self.geometry.shape, (3, 1)) - 0.5
        near = np.flatnonzero(((rest >= -0.5) & (rest <= last)).all(axis=0))
        rest = rest[:, near]
        u = self._sampled(self.mm, rest) if self.towards == "day" else self._inverted(rest)
        moved = points.copy()
        moved[near] += u.T @ self._axes
        return moved.reshape(lps.shape)

    @property
    def jacobian(self) -> np.ndarray:
        """(z, y, x) volume on the other side over that on its own; not positive where it folds."""
        return 1.0 + self._growth

    def inverse(self, geometry: Geometry) -> Field:
        """The same pairs of points told from the other side.

        Args:
            geometry: grid there on which the inverse is known.

        Raises:
            InputError: the field cannot be inverted there.
        """
        points = geometry.lps(np.moveaxis(np.indices(geometry.shape), 0, -1)).reshape(-1, 3)
        u = self._inverted(np.moveaxis(self.geometry.index(points), -1, 0))
        along = geometry.rotation[:, ::-1].T @ self._axes.T @ u
        towards: Literal["day", "reference"] = "reference" if self.towards == "day" else "day"
        return Field(geometry, along.reshape(3, *geometry.shape).astype(np.float32), towards)

    def _inverted(self, rest: np.ndarray) -> np.ndarray:
        """(3, n) u with u(x) = -displacement(x + u(x)), by iteration, at (3, n) voxel indices, mm.

        Whole steps converge where tissue is stretched to less than twice its length, shorter ones up to four times, as
        around a tumour that all but vanishes.
        """
        for step, most in ((1.0, _ITERATIONS), (_SHORT, 4 * _ITERATIONS)):
            u, change = self._iterated(rest, step, most)
            if change <= _FAR_MM:
                return u
        raise InputError(
            f"the displacement field cannot be inverted: after {most} steps points still move by {change:.1f} mm; it "
            f"stretches tissue to more than four times its length or folds it"
        )

    def _iterated(self, rest: np.ndarray, step: float, most: int) -> tuple[np.ndarray, float]:
        """u after at most so many steps, each of a share of the way, and how far points would still move, mm."""
        spacing = np.reshape(self.geometry.spacing_mm, (3, 1))
        u, change = np.zeros_like(rest), 0.0
        for _ in range(most):
            new = -self._sampled(self.mm, rest + u / spacing)
            change = float(np.abs(new - u).max(initial=0.0))
            u = new if step == 1.0 else u + step * (new - u)
            if change < _ENOUGH_MM:
                break
        return u, change

    def determinant(self, lps: np.ndarray, day_lps: np.ndarray) -> np.ndarray:
        """(n,) volume on the day over that in the reference, of tissue at points; not positive where it folds.

        Args:
            lps: (n, 3) in the reference, LPS mm.
            day_lps: (n, 3) of the same tissue on the day, LPS mm.
        """
        at = lps if self.towards == "day" else day_lps
        values = 1.0 + linear(self._growth, np.moveaxis(self.geometry.index(at), -1, 0))
        return values if self.towards == "day" else 1.0 / np.where(values == 0, -1.0, values)

    @cached_property
    def _growth(self) -> np.ndarray:
        """(z, y, x) det(1 + grad) - 1 of the field on its own grid."""
        grad = np.zeros((*self.geometry.shape, 3, 3))
        for a, b in product(range(3), range(3)):
            if self.geometry.shape[b] > 1:
                grad[..., a, b] = np.gradient(self.mm[a], self.geometry.spacing_mm[b], axis=b)
        return np.linalg.det(np.eye(3) + grad) - 1.0

    def _sampled(self, values: np.ndarray, index: np.ndarray) -> np.ndarray:
        return np.stack([linear(v, index) for v in values])

    @cached_property
    def _axes(self) -> np.ndarray:
        return self.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes


def linear(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(n,) values between the voxels of a grid; beyond its outermost ones theirs.

    Args:
        values: (z, y, x).
        index: (3, n) fractional (z, y, x) indices.
    """
    from scipy.ndimage import map_coordinates

    return map_coordinates(values, index, order=1, mode="nearest", output=np.float64)
