"""Dose quantiles of an organ in a dose grid, and how far a dose may be off by the method that it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.dose.dvh import dvh
from twin import DoseGrid, InputError, PatientTwin
from twin.dose import Method

ORGANS = ("Lungs-GTV", "Heart", "Esophagus")
_ALL = "all"  # organs that are not named
# Relative SD of an organ's mean dose by method (docs/model.md, 6); doubled for an estimated organ. The planning
# system's dose differs from measurement by 3.7 % in the middle of the thorax phantom's target (superposition, 304
# irradiations: Kry et al., IJROBP 85:e95, 2013). A plan made here differs from a clinic's by what two planners differ
# in: 2.0 Gy of some 17 in the lungs and 2.1 Gy of some 12 in the heart, 25 patients of RTOG 0617 planned again
# (PMC7097829); other organs as the heart [assumed]. Of the approximation see docs/model.md.
DOSE_SD: Mapping[Method, Mapping[str, float]] = {
    "planning system": {_ALL: 0.04},
    "fluence plan": {"Lungs-GTV": 0.12, _ALL: 0.17},
    "approximate": {"Lungs-GTV": 0.15, _ALL: 0.30},
}


def dose_spread(organ: str, methods: Sequence[Method], *, estimated: bool) -> float:
    """Relative SD of an organ's dose: of the method that knows least, where a course has several.

    Args:
        organ: the structure.
        methods: by which the doses of a course were calculated, at least one.
        estimated: the organ was drawn by this software.

    Example:
        >>> dose_spread("Heart", ["planning system", "approximate"], estimated=True)
        0.6
    """
    return max(DOSE_SD[m].get(organ, DOSE_SD[m][_ALL]) for m in methods) * (2 if estimated else 1)


def dose_factors(organ: str, patient_id: str, n: int, seed: int, spread: float) -> np.ndarray:
    """(n,) factors on an organ's dose, log-normal about a mean of 1; the same under every plan.

    Args:
        organ: the structure.
        patient_id: the twin's id.
        n: number of samples.
        seed: root of all chance.
        spread: relative SD, as `dose_spread` gives it.
    """
    from scipy.special import ndtri

    if organ in ORGANS:
        chance = uniforms(Key(seed, patient_id, Purpose.DOSE), np.arange(n), len(ORGANS))
        z = ndtri(chance[:, ORGANS.index(organ)])
    else:
        key = Key(seed, patient_id, Purpose.DOSE, ordinal=1 + crc32(organ.encode()))
        z = ndtri(uniforms(key, np.arange(n), 1)[:, 0])
    return np.exp(spread * z - spread**2 / 2)


def organ_quantiles(
    grid: DoseGrid, twin: PatientTwin, organ: str, known: dict[tuple[int, str], np.ndarray], n: int = 1000
) -> np.ndarray:
    """(n,) rising dose quantiles of an organ, Gy; nan where the organ is unknown. Results are kept in `known`."""
    key = (id(grid), organ)
    if key not in known:
        try:
            curve = dvh(grid.volume, twin.contours, organ)
        except InputError:
            known[key] = np.full(n, np.nan)
        else:
            ranks = (np.arange(n)[::-1] + 0.5) / n
            known[key] = np.interp(ranks, curve.volume_fraction[::-1], curve.dose_gy[::-1])
    return known[key]
