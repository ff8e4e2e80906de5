"""How far an organ's dose may be off, by the method that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin.dose import Method

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
