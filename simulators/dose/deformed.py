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
from itertools import product
from typing import Literal

import numpy as np

from simulators.dose.accumulation import effect
from twin import Field, Geometry, InputError, Volume
from twin.field import linear

_GAUSS = 0.5 / 3**0.5  # of a voxel from its centre: with equal weights exact for cubics
_SLAB = 2_000_000  # points that are mapped at once


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
    return linear(volume.array, index) * ((index >= -0.5) & (index <= last)).all(axis=0)
