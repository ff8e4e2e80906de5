"""Something measured on the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.inputs.quantities import Measured, Share, Time


@dataclass(frozen=True)
class Observation:
    """Something measured on the tumour: its volume in cm3, its SUVmax, or its SUVpeak (of the hottest 1 cm3).

    Args:
        time_days: when, days from day 0.
        kind: what.
        value: cm3 or SUV.
        scan: name of the scan that it was measured on.
        error: relative SD that comes on top of a drawn contour's own, of a contour that was carried over.
    """

    time_days: Time
    kind: Literal["gtv_cm3", "suv_max", "suv_peak"]
    value: Measured
    scan: str | None = None
    error: Share = 0.0
