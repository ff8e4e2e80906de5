"""Dose quantiles of an organ in a dose grid, and how far a dose may be off by the method that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.dose.approximate import SBRT_GY
from simulators.dose.dvh import dvh
from simulators.dose.method_error import DoseError, method_error
from twin import DoseGrid, InputError, PatientTwin

ORGANS = ("Lungs-GTV", "Heart", "Esophagus")
# SD of an organ's place along each axis, mm, drawn by a person and estimated by this software (docs/model.md, 6). Lungs
# are seen in a CT: found by this software they lie as well as drawn.
PLACE_MM = {
    "Esophagus": (2.6, 5.2),
    "Heart": (3.4, 6.9),
    "SpinalCord": (1.0, 1.8),
    "Lungs": (2.0, 2.0),
}
_OTHER_PLACE_MM = (2.6, 5.6)  # drawn as the oesophagus [assumed], estimated as the great vessels

_PLACE_ORDINAL = 2**33  # beyond the ordinals of the doses' factors


def dose_ratio(organ: str, dose: DoseGrid) -> float:
    """What an organ's dose in a grid is multiplied by, as its method is known to be off.

    Args:
        organ: the structure.
        dose: the grid.
    """
    return _error_in(organ, dose).ratio


def dose_spread(organ: str, doses: Sequence[DoseGrid]) -> float:
    """Relative SD of an organ's dose where it lies: of the method that knows least, where a course has several.

    Args:
        organ: the structure.
        doses: that a course delivers, at least one.
    """
    return max(_error_in(organ, dose).sd for dose in doses)


def _error_in(organ: str, dose: DoseGrid) -> DoseError:
    return method_error(organ, dose.method, sbrt=(dose.fraction_gy or 0.0) >= SBRT_GY)


def place_spread_mm(organ: str, *, estimated: bool) -> float:
    """SD of an organ's place along each axis, mm.

    Args:
        organ: the structure; either lung, both, or without something.
        estimated: whether this software drew it.

    Example:
        >>> place_spread_mm("Lungs-GTV", estimated=True), place_spread_mm("Heart", estimated=True)
        (2.0, 6.9)
    """
    name = "Lungs" if organ.startswith("Lung") else organ
    return PLACE_MM.get(name, _OTHER_PLACE_MM)[int(estimated)]


def place_shifts(organ: str, patient_id: str, n: int, seed: int, spread_mm: float) -> np.ndarray:
    """(n, 3) LPS mm, how far an organ lies from where it is drawn; the same under every plan.

    Args:
        organ: the structure.
        patient_id: the twin's id.
        n: number of samples.
        seed: root of all chance.
        spread_mm: SD along each axis, as `place_spread_mm` gives it.
    """
    from scipy.special import ndtri

    key = Key(seed, patient_id, Purpose.DOSE, ordinal=_PLACE_ORDINAL + crc32(organ.encode()))
    return spread_mm * ndtri(uniforms(key, np.arange(n), 3))


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
    """(n,) rising dose quantiles of an organ, Gy, corrected by `dose_ratio`; nan where the organ is unknown.

    Results are kept in `known`.
    """
    key = (id(grid), organ)
    if key not in known:
        try:
            curve = dvh(grid.volume, twin.contours, organ)
        except InputError:
            known[key] = np.full(n, np.nan)
        else:
            ranks = (np.arange(n)[::-1] + 0.5) / n
            quantiles = np.interp(ranks, curve.volume_fraction[::-1], curve.dose_gy[::-1])
            known[key] = dose_ratio(organ, grid) * quantiles
    return known[key]
