"""Delivered dose on the anatomy of day 0: fraction by fraction, with set-up errors and moving tissue (MODEL.md 6).

The tissue is followed (Lagrangian): EQD2(x) = sum_i EQD2(d_i(phi_i(x) + shift_i)), with EQD2 taken before summing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.chance import Key
from simulators.complications import LATE_ALPHA_BETA_GY
from twin import DoseGrid, Fraction, Geometry, InputError, Volume

# Late effects take alpha/beta 3 Gy, targets 10 (MODEL.md 2), the cord 2
# (Kirkpatrick et al., Int J Radiat Oncol Biol Phys 76(3 Suppl):S42, 2010: 0.87 to 2).
_ALPHA_BETA_GY = {"SpinalCord": 2.0}
_TARGETS = ("GTV", "CTV", "ITV", "PTV")

Motion = Callable[[float], np.ndarray | None]


@dataclass(frozen=True)
class SetUp:
    """Errors of positioning, SD along each axis (MODEL.md 6).

    Args:
        systematic_mm: the same in all fractions of a patient, mm.
        random_mm: new in each fraction, mm.
    """

    systematic_mm: float = 2.0
    random_mm: float = 2.5

    def shifts(self, key: Key, n: int) -> np.ndarray:
        """(n, 3) shifts of n fractions as LPS (x, y, z) mm; those of the first do not depend on n."""
        rng = key.at(ordinal=0).generator()
        constant = rng.normal(0.0, self.systematic_mm, 3)
        return constant + rng.normal(0.0, self.random_mm, (n, 3))

    def many(self, key: Key, samples: Iterable[int], n: int) -> np.ndarray:
        """(samples, n, 3) shifts of n fractions for many samples, each the `shifts` of the key at that sample."""
        return np.stack([self.shifts(key.at(sample=i), n) for i in samples])


def alpha_beta_gy(structure: str) -> float:
    """alpha/beta of a structure by its TG-263 name, Gy.

    Example:
        >>> alpha_beta_gy("GTVp"), alpha_beta_gy("Heart"), alpha_beta_gy("SpinalCord")
        (10.0, 3.0, 2.0)
    """
    return 10.0 if structure.startswith(_TARGETS) else _ALPHA_BETA_GY.get(structure, LATE_ALPHA_BETA_GY)


def accumulated(
    doses: Mapping[str, DoseGrid],
    fractions: Sequence[Fraction],
    geometry: Geometry,
    *,
    alpha_beta_gy: float | None = None,
) -> Volume:
    """The sum of fractions on tissue that stands still.

    Args:
        doses: dose grids by name.
        fractions: what was delivered; fractions without a known grid add nothing.
        geometry: where to sum.
        alpha_beta_gy: sum EQD2 with this alpha/beta, Gy; physical dose where None.

    Returns:
        Gy, float32.

    Raises:
        InputError: a fraction names a grid that is not there.
    """
    total = np.zeros(geometry.shape, dtype=np.float32)
    for (name, scale), n in Counter((f.grid, f.scale) for f in fractions if f.grid is not None).items():
        one = _grid(doses, name).volume.on(geometry) * np.float32(scale)
        total += np.float32(n) * _effect(one, alpha_beta_gy)
    return Volume(geometry, total, "DOSE", "Gy")


def delivered(
    doses: Mapping[str, DoseGrid],
    fractions: Sequence[Fraction],
    geometry: Geometry,
    *,
    key: Key,
    alpha_beta_gy: float | None = None,
    set_up: SetUp | None = None,
    motion: Motion | None = None,
) -> Volume:
    """The sum of fractions on tissue that moves under plans that stay fixed in the room.

    Args:
        doses, fractions, alpha_beta_gy: as in `accumulated`.
        geometry: the tissue's grid on day 0; take a crop, each fraction is sampled on it.
        key: chance of the patient's set-up; the same for all plans of a sample.
        set_up: errors of positioning; none where None.
        motion: time in days -> (3, z, y, x) float32 mm along (z, y, x) of `geometry`, where the tissue of day 0
            has moved to by then (see `forward`), or None where it stands still.

    Returns:
        Gy on the tissue of day 0, float32; tissue that left a dose grid gets nothing from it.

    Raises:
        InputError: a fraction names a grid that is not there.
    """
    shifts = np.zeros((len(fractions), 3)) if set_up is None else set_up.shifts(key, len(fractions))
    rest = np.moveaxis(np.indices(geometry.shape, dtype=np.float64), 0, -1)
    if motion is None:
        points = geometry.lps(rest).reshape(-1, 3)
        summed = delivered_at(doses, fractions, points, shifts[None], alpha_beta_gy=alpha_beta_gy)
        return Volume(geometry, summed.reshape(geometry.shape), "DOSE", "Gy")
    total = np.zeros(geometry.shape, dtype=np.float32)
    for fraction, shift in zip(fractions, shifts, strict=True):
        moved = motion(fraction.time_days)
        where = rest if moved is None else rest + np.moveaxis(moved, 0, -1) / geometry.spacing_mm
        points = geometry.lps(where).reshape(-1, 3)
        one = delivered_at(doses, [fraction], points, shift[None, None], alpha_beta_gy=alpha_beta_gy)
        total += one.reshape(geometry.shape)
    return Volume(geometry, total, "DOSE", "Gy")


def delivered_at(
    doses: Mapping[str, DoseGrid],
    fractions: Sequence[Fraction],
    points_lps: np.ndarray,
    shifts_mm: np.ndarray,
    *,
    alpha_beta_gy: float | None = None,
) -> np.ndarray:
    """The sum of fractions at points, for many draws of the set-up at once.

    Args:
        doses, fractions, alpha_beta_gy: as in `accumulated`.
        points_lps: (n, 3) LPS mm.
        shifts_mm: (draws, fractions, 3) LPS mm, where the points lie in each fraction from where they were planned.

    Returns:
        (draws, n) float32, Gy.

    Raises:
        InputError: a fraction names a grid that is not there.
    """
    out = np.zeros((len(shifts_mm), len(points_lps)), dtype=np.float32)
    for name in dict.fromkeys(f.grid for f in fractions if f.grid is not None):  # in order: sums are the same
        used = [i for i, f in enumerate(fractions) if f.grid == name]
        scales = np.array([fractions[i].scale for i in used])
        _add(out, _grid(doses, name).volume, points_lps, shifts_mm[:, used], scales, alpha_beta_gy)
    return out


def dose_at(dose: Volume, points_lps: np.ndarray) -> np.ndarray:
    """(n,) float32 of a dose at (n, 3) LPS mm, linear between voxel centres and 0 outside them, Gy."""
    out = np.zeros((1, len(points_lps)), dtype=np.float32)
    _add(out, dose, points_lps, np.zeros((1, 1, 3)), np.ones(1), None)
    return out[0]


def _add(
    out: np.ndarray,
    dose: Volume,
    points_lps: np.ndarray,
    shifts_mm: np.ndarray,
    scales: np.ndarray,
    alpha_beta_gy: float | None,
) -> None:
    from simulators.accumulation_kernel import summed_dose

    grid = dose.geometry
    summed_dose(
        np.ascontiguousarray(dose.array, dtype=np.float32),
        np.ascontiguousarray(grid.index(points_lps)),
        np.ascontiguousarray(grid.index(shifts_mm) - grid.index(np.zeros(3))),
        scales,
        alpha_beta_gy or 0.0,
        out,
    )


def forward(displacement_mm: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Where the tissue of day 0 has gone, from a follow-up's displacement, which says where it came from.

    Solves u(x) = -displacement(x + u(x)) by iteration, which converges where the displacement's gradient is
    below 1, as its positive Jacobian asks (Chen et al., Med Phys 35:81, 2008).

    Args:
        displacement_mm: (3, z, y, x) along (z, y, x), mm: follow-up point + displacement = point of day 0.
        geometry: its grid.

    Returns:
        (3, z, y, x) float32 mm: point of day 0 + this = follow-up point.
    """
    from scipy.ndimage import map_coordinates

    spacing = np.asarray(geometry.spacing_mm).reshape(3, 1, 1, 1)
    rest = np.indices(geometry.shape, dtype=np.float64)
    u = -displacement_mm.astype(np.float32)
    for _ in range(20):
        at = rest + u / spacing
        new = np.stack([-map_coordinates(c, at, order=1, mode="nearest") for c in displacement_mm])
        change = float(np.abs(new - u).max(initial=0.0))
        u = new.astype(np.float32)
        if change < 0.02:
            break
    return u


def _grid(doses: Mapping[str, DoseGrid], name: str | None) -> DoseGrid:
    if name is None or name not in doses:
        raise InputError(f"no dose grid {name!r}; there are: {', '.join(sorted(doses)) or 'none'}")
    return doses[name]


def _effect(fraction_gy: np.ndarray, alpha_beta: float | None) -> np.ndarray:
    if alpha_beta is None:
        return fraction_gy
    return fraction_gy * (
        (fraction_gy + np.float32(alpha_beta)) / np.float32(2.0 + alpha_beta)
    )  # EQD2, in float32
