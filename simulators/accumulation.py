"""Delivered dose on the anatomy of day 0: fraction by fraction, with set-up errors and moving tissue (MODEL.md 6).

The tissue is followed (Lagrangian): EQD2(x) = sum_i EQD2(d_i(phi_i(x) + shift_i)), with EQD2 taken before summing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
    from scipy.ndimage import map_coordinates

    shifts = np.zeros((len(fractions), 3)) if set_up is None else set_up.shifts(key, len(fractions))
    rest = np.moveaxis(np.indices(geometry.shape, dtype=np.float64), 0, -1)
    total = np.zeros(geometry.shape, dtype=np.float32)
    for fraction, shift in zip(fractions, shifts, strict=True):
        if fraction.grid is None:
            continue
        moved = None if motion is None else motion(fraction.time_days)
        where = rest if moved is None else rest + np.moveaxis(moved, 0, -1) / geometry.spacing_mm
        volume = _grid(doses, fraction.grid).volume
        at = volume.geometry.index(geometry.lps(where) + shift)
        one = map_coordinates(
            volume.array, np.moveaxis(at, -1, 0), order=1, output=np.float32, mode="constant"
        )
        total += _effect(one * np.float32(fraction.scale), alpha_beta_gy)
    return Volume(geometry, total, "DOSE", "Gy")


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
