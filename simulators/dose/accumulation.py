"""Delivered dose on the anatomy of day 0: fraction by fraction, with set-up errors and moving tissue.

What is assumed stands in docs/model.md, 6. The tissue is followed (Lagrangian): EQD2(x) = sum_i EQD2(d_i(phi_i(x) +
shift_i)), with EQD2 taken before summing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.core.chance import Key
from simulators.core.threads import in_threads
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import DoseGrid, Fraction, Geometry, InputError, Volume

# Late effects take alpha/beta 3 Gy, targets 10 (docs/model.md, 1 and 4), the cord 2
# (Kirkpatrick et al., Int J Radiat Oncol Biol Phys 76(3 Suppl):S42, 2010: 0.87 to 2).
_ALPHA_BETA_GY = {"SpinalCord": 2.0}
_TARGETS = ("GTV", "CTV", "ITV", "PTV")


@dataclass(frozen=True)
class SetUp:
    """Errors of positioning, SD along each axis (docs/model.md, 6).

    Args:
        systematic_mm: the same in all fractions of a patient, mm.
        random_mm: new in each fraction, mm.
    """

    systematic_mm: float = 2.0
    random_mm: float = 2.5

    def shifts(self, key: Key, n: int) -> np.ndarray:
        """(n, 3) shifts of n fractions as LPS (x, y, z) mm; those of the first do not depend on n.

        Args:
            key: of the sample.
            n: fractions.
        """
        rng = key.at(ordinal=0).generator()
        constant = rng.normal(0.0, self.systematic_mm, 3)
        return constant + rng.normal(0.0, self.random_mm, (n, 3))

    def many(self, key: Key, samples: Iterable[int], n: int) -> np.ndarray:
        """(samples, n, 3) shifts of n fractions for many samples, each the `shifts` of the key at that sample.

        Args:
            key: its sample is ignored.
            samples: (samples,) their indices.
            n: fractions.
        """
        return np.stack([self.shifts(key.at(sample=i), n) for i in samples])


def alpha_beta_gy(structure: str) -> float:
    """alpha/beta of a structure by its TG-263 name, Gy.

    Args:
        structure: its name.

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
        total += np.float32(n) * effect(one, alpha_beta_gy)
    return Volume(geometry, total, "DOSE", "Gy")


def delivered_at(
    doses: Mapping[str, DoseGrid],
    fractions: Sequence[Fraction],
    points_lps: np.ndarray,
    shifts_mm: np.ndarray,
    *,
    stages: np.ndarray | None = None,
    alpha_beta_gy: float | None = None,
) -> np.ndarray:
    """The sum of fractions at points under plans that stay fixed in the room, for many draws at once.

    Args:
        doses, fractions, alpha_beta_gy: as in `accumulated`.
        points_lps: (n, 3) LPS mm, or (stages, n, 3) paths on which the tissue moves (`TissueMotion.paths`).
        shifts_mm: (draws, fractions, 3) LPS mm, where the points lie in each fraction from where they were planned.
        stages: (draws, fractions) how far along its paths the tissue is in each fraction; at their start where None.

    Returns:
        (draws, n) float32, Gy.

    Raises:
        InputError: a fraction names a grid that is not there.
    """
    out = np.zeros((len(shifts_mm), points_lps.shape[-2]), dtype=np.float32)
    paths = points_lps if points_lps.ndim == 3 else points_lps[None]
    stages = np.zeros(shifts_mm.shape[:2]) if stages is None else stages
    for name in dict.fromkeys(f.grid for f in fractions if f.grid is not None):  # in order: sums are the same
        used = [i for i, f in enumerate(fractions) if f.grid == name]
        scales = np.array([fractions[i].scale for i in used])
        _add(
            out, _grid(doses, name).volume, paths, stages[:, used], shifts_mm[:, used], scales, alpha_beta_gy
        )
    return out


def dose_at(dose: Volume, points_lps: np.ndarray) -> np.ndarray:
    """(n,) float32 of a dose at (n, 3) LPS mm, linear between voxel centres and 0 outside them, Gy.

    Args:
        dose: Gy.
        points_lps: (n, 3) in the room, mm.
    """
    out = np.zeros((1, len(points_lps)), dtype=np.float32)
    _add(out, dose, points_lps[None], np.zeros((1, 1)), np.zeros((1, 1, 3)), np.ones(1), None)
    return out[0]


def _add(
    out: np.ndarray,
    dose: Volume,
    paths_lps: np.ndarray,
    stages: np.ndarray,
    shifts_mm: np.ndarray,
    scales: np.ndarray,
    alpha_beta_gy: float | None,
) -> None:
    from simulators.dose.accumulation_kernel import summed_dose

    grid = dose.geometry
    in_threads(
        summed_dose,
        out.shape[1],
        np.ascontiguousarray(dose.array, dtype=np.float32),
        np.ascontiguousarray(grid.index(paths_lps)),
        np.ascontiguousarray(stages, dtype=np.float64),
        np.ascontiguousarray(grid.index(shifts_mm) - grid.index(np.zeros(3))),
        scales,
        alpha_beta_gy or 0.0,
        out,
    )


def _grid(doses: Mapping[str, DoseGrid], name: str | None) -> DoseGrid:
    if name is None or name not in doses:
        raise InputError(f"no dose grid {name!r}; there are: {', '.join(sorted(doses)) or 'none'}")
    return doses[name]


def effect(fraction_gy: np.ndarray, alpha_beta: float | None) -> np.ndarray:
    """EQD2 of fractions of any size; their physical dose where there is no alpha/beta.

    Args:
        fraction_gy: dose of one fraction, Gy, float32.
        alpha_beta: Gy, or None.
    """
    if alpha_beta is None:
        return fraction_gy
    return fraction_gy * (
        (fraction_gy + np.float32(alpha_beta)) / np.float32(2.0 + alpha_beta)
    )  # EQD2, in float32
