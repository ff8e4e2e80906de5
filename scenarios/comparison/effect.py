"""One outcome of one plan, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["expected", "predictive", "monte-carlo"]


@dataclass(frozen=True, eq=False)
class Effect:
    """One outcome of one plan.

    Args:
        values: (samples,) float64; nan where it is unknown.
        unit: cm3, Gy, probability or fraction.
        kind: of its interval: "expected" (values are expected values in draws of what is not known), "predictive"
            (values are this patient's in each sample), or "monte-carlo" (values are shares of one population's samples,
            of which only the error of their mean is known).
        status: "ok", "approximate", "estimated" or "unknown".
        note: why, and the source of the model.
        dose_method: by which the doses that it follows from were calculated, in words; None where it is of no organ.
    """

    values: np.ndarray
    unit: str
    kind: Kind = "predictive"
    status: str = "ok"
    note: str = ""
    dose_method: str | None = None
