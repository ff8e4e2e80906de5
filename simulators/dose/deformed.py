"""Dose summed over days on the anatomy of a reference, through displacement fields.

A field pairs points of the reference with points of a day: x -> phi(x). Two mappings are offered.

- "energy": what a voxel V of the reference got is the energy that its tissue took up on the day over the mass of that
  tissue, the integral over V of rho(phi) D(phi) J dx over that of rho(phi) J dx, with the day's density rho and the
  field's Jacobian determinant J (energy and mass congruent mapping: Zhong and Siebers, Phys Med Biol 54:5815, 2009).
  Energy is kept, and a uniform dose stays uniform. The integrals take two Gauss points along each axis.
- "dose": the dose where the voxel's centre lies on the day; the same where dose and density are smooth over a voxel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Literal

import numpy as np

from simulators.dose.accumulation import effect
from twin import Geometry, InputError, Volume

_ITERATIONS, _ENOUGH_MM, _FAR_MM = 50, 0.002, 0.5
_SHORT = 0.5  # of a step
_GAUSS = 0.5 / 3**0.5  # of a voxel from its centre: with equal weights exact for cubics
_SLAB = 2_000_000  # points that are mapped at once


@dataclass(frozen=True, eq=False)
class Field:
    """Displacements between a reference and a day; beyond its grid tissue stands still.

    Args:
        geometry: grid on which it is known.
        mm: (3, z, y, x) along the grid's (z, y, x) axes, mm.
        towards: "day": its grid lies on the reference, point + displacement = where its tissue lies on the day;
            "reference": its grid lies on the day, point + displacement = where its tissue comes from, as generators of
            follow-ups give it.
    """

    geometry: Geometry
    mm: np.ndarray
    towards: Literal["day", "reference"]

    def __post_init__(self) -> None:
        if self.mm.shape != (3, *self.geometry.shape):
            raise InputError(f"a displacement field on {self.geometry.shape} (z, y, x) needs the shape "
                             f"{(3, *self.geometry.shape)}, not {self.mm.shape}")  # fmt: skip
        if not np.isfinite(self.mm).all():
            raise InputError("a displacement field holds values that are not finite")

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
        values = 1.0 + _linear(self._growth, np.moveaxis(self.geometry.index(at), -1, 0))
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
        return np.stack([_linear(v, index) for v in values])

    @cached_property
    def _axes(self) -> np.ndarray:
        return self.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes


@dataclass(frozen=True, eq=False)
class DayDose:
    """What was given on one day's anatomy.

    Args:
        dose: of one fraction on that anatomy, Gy.
        field: between the reference and that anatomy; None where it is the reference's.
        density: of that anatomy relative to water, or its mass density; for the mapping of energy.
        fractions: how many were given on it.
    """

    dose: Volume
    field: Field | None = None
    density: Volume | None = None
    fractions: int = 1


def summed_over_days(
    days: Sequence[DayDose],
    geometry: Geometry,
    *,
    mapping: Literal["energy", "dose"] = "energy",
    alpha_beta_gy: float | None = None,
) -> Volume:
    """The dose of several days on the reference's anatomy.

    Args:
        days: what was given, at least one; a dose is 0 beyond its grid.
        geometry: of the reference, where to sum.
        mapping: as the module says; "energy" needs densities.
        alpha_beta_gy: sum EQD2 with this alpha/beta, Gy, of each fraction before summing; physical dose where None.

    Returns:
        Gy, float32.

    Raises:
        InputError: no day, a day without density, or a field that folds or cannot be inverted.
    """
    if not days:
        raise InputError("there is no day whose dose could be summed")
    total = np.zeros(geometry.shape, np.float32)
    for number, day in enumerate(days, start=1):
        if mapping == "energy" and day.density is None:
            raise InputError(f"day {number} needs its density, or the mapping of dose instead of energy")
        one = on_reference(day, geometry, mapping)
        total += np.float32(day.fractions) * effect(one, alpha_beta_gy)
    return Volume(geometry, total, "DOSE", "Gy")


def on_reference(day: DayDose, geometry: Geometry, mapping: Literal["energy", "dose"]) -> np.ndarray:
    """(z, y, x) float32 dose of one fraction of a day on the reference's anatomy, Gy.

    Args:
        day: the day.
        geometry: of the reference.
        mapping: as the module says.
    """
    offsets = [(0.0, 0.0, 0.0)] if mapping == "dose" else list(product((-_GAUSS, _GAUSS), repeat=3))
    plane = geometry.shape[1] * geometry.shape[2]
    step = max(1, _SLAB // plane)
    slabs = []
    for start in range(0, geometry.shape[0], step):
        shape = (min(step, geometry.shape[0] - start), *geometry.shape[1:])
        centres = np.moveaxis(np.indices(shape, dtype=np.float64), 0, -1).reshape(-1, 3)
        centres[:, 0] += start
        energy, mass, plain = (np.zeros(len(centres)) for _ in range(3))
        for offset in offsets:
            dose, weight = _at(day, geometry.lps(centres + offset), mapping)
            energy, mass, plain = energy + weight * dose, mass + weight, plain + dose / len(offsets)
        slabs.append(np.where(mass > 0, energy / np.where(mass > 0, mass, 1.0), plain).reshape(shape))
    return np.concatenate(slabs).astype(np.float32)


def _at(day: DayDose, lps: np.ndarray, mapping: str) -> tuple[np.ndarray, np.ndarray]:
    """Dose of a day's fraction at (n, 3) LPS points of the reference, Gy, and the mass that took it up, per volume."""
    there = lps if day.field is None else day.field.on_day(lps)
    dose = _of(day.dose, there)
    grown = np.ones(len(lps)) if day.field is None else day.field.determinant(lps, there)
    if (grown[dose > 0] <= 0).any():
        raise InputError("the displacement field folds tissue over itself; dose cannot be summed through it")
    if mapping == "dose" or day.density is None:
        return dose, np.ones(len(lps))
    return dose, grown * _of(day.density, there)


def _of(volume: Volume, lps: np.ndarray) -> np.ndarray:
    """(n,) values at (n, 3) LPS points; 0 beyond the outermost voxels' edges."""
    index = np.moveaxis(volume.geometry.index(lps), -1, 0)
    last = np.reshape(volume.geometry.shape, (3, 1)) - 0.5
    return _linear(volume.array, index) * ((index >= -0.5) & (index <= last)).all(axis=0)


def _linear(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    return map_coordinates(values, index, order=1, mode="nearest", output=np.float64)
