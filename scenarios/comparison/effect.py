"""One outcome of one plan, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Effect:
    """One outcome of one plan.

    Args:
        values: (samples,) float64; nan where it is unknown.
        unit: cm3, Gy, probability or fraction.
        interval: "samples" (spread over samples), "mean" (Monte Carlo error of a probability), or "expected" (values
            are probabilities; the interval of their mean is their spread).
        status: "ok", "approximate", "estimated" or "unknown".
        note: why, and the source of the model.
    """

    values: np.ndarray
    unit: str
    interval: str = "samples"
    status: str = "ok"
    note: str = ""
