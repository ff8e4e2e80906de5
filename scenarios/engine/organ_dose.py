"""Dose quantiles of an organ in a dose grid, and how far a dose may be off by the method that it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.dose.approximate import SBRT_GY
from simulators.dose.dvh import dvh
from twin import DoseGrid, InputError, PatientTwin
from twin.dose import Method

ORGANS = ("Lungs-GTV", "Heart", "Esophagus")
_ALL = "all"  # organs that are not named
# Relative SD of an organ's mean dose by method (docs/model.md, 6). The planning system's dose differs from
# measurement by 3.7 % in the middle of the thorax phantom's target (superposition, 304 irradiations: Kry, IJROBP
# 85:e95, 2013). A plan made here differs from a clinic's by what two planners differ in: 2.0 Gy of some 17 in the
# lungs and 2.1 Gy of some 12 in the heart, 25 patients of RTOG 0617 planned again (PMC7097829); other organs as the
# heart [assumed].
DOSE_SD: Mapping[Literal["planning system", "fluence plan"], Mapping[str, float]] = {
    "planning system": {_ALL: 0.04},
    "fluence plan": {"Lungs-GTV": 0.12, _ALL: 0.17},
}
# Of the approximation: mean dose (cord: hottest 0.03 cm3) of a plan made here over what it paints, and the SD of
# that, by whether the technique is stereotactic (`benchmarks/dose_methods.py`, docs/dose.md). Other organs: what is
# painted, as far off as the organ that is painted worst [assumed].
APPROXIMATE_RATIO: Mapping[bool, Mapping[str, tuple[float, float]]] = {
    False: {
        "Lungs-GTV": (0.89, 0.09),
        "Heart": (0.75, 0.32),
        "Esophagus": (0.73, 0.20),
        "SpinalCord": (1.12, 0.19),
        _ALL: (1.0, 0.46),
    },
    True: {
        "Lungs-GTV": (1.04, 0.04),
        "Heart": (1.30, 0.18),
        "Esophagus": (1.10, 0.12),
        "SpinalCord": (1.14, 0.13),
        _ALL: (1.0, 0.30),
    },
}
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


@dataclass(frozen=True)
class DoseError:
    """How far an organ's dose may be off where it lies, by the method of its calculation.

    Args:
        ratio: mean of the dose that is given over the dose that was calculated.
        sd: relative SD of the dose that is given.
    """

    ratio: float
    sd: float


def method_error(organ: str, method: Method, *, sbrt: bool) -> DoseError:
    """The error of an organ's dose by a method.

    What was measured of the approximation is its difference from a plan made here, so that a plan's own is added.

    Args:
        organ: the structure.
        method: by which its dose was calculated.
        sbrt: whether the technique is stereotactic.

    Example:
        >>> method_error("Heart", "fluence plan", sbrt=False)
        DoseError(ratio=1.0, sd=0.17)
    """
    known = DOSE_SD["planning system" if method == "planning system" else "fluence plan"]
    sd = known.get(organ, known[_ALL])
    if method != "approximate":
        return DoseError(1.0, sd)
    measured = APPROXIMATE_RATIO[sbrt]
    ratio, spread = measured.get(organ, measured[_ALL])
    return DoseError(ratio, round(float(np.hypot(sd, spread)), 3))


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
