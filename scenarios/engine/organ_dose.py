"""Dose quantiles of an organ in a dose grid, and how far an approximate dose may be off."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.dose.dvh import dvh
from twin import DoseGrid, InputError, PatientTwin

# Relative SD of an organ's mean dose in the approximate dose (docs/model.md, 6); doubled for an estimated organ.
DOSE_SD = {"Lungs-GTV": 0.15, "Heart": 0.30, "Esophagus": 0.30}
# Of a planning system's dose, all organs: its algorithms differ from measurement by 3.7 % in the middle of the thorax
# phantom's target (superposition, 304 irradiations: Kry et al., IJROBP 85:e95, 2013).
PLANNING_SYSTEM_SD = 0.04
OTHER_SD = 0.30  # organs of which it names none take the larger one [assumed]


def dose_spread(organ: str, *, approximate: bool, estimated: bool) -> float:
    """Relative SD of an organ's dose; small, and not nothing, where a planning system computed it.

    Example:
        >>> dose_spread("Heart", approximate=True, estimated=True)
        0.6
    """
    return (DOSE_SD.get(organ, OTHER_SD) if approximate else PLANNING_SYSTEM_SD) * (2 if estimated else 1)


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

    if organ in DOSE_SD:
        chance = uniforms(Key(seed, patient_id, Purpose.DOSE), np.arange(n), len(DOSE_SD))
        z = ndtri(chance[:, list(DOSE_SD).index(organ)])
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
