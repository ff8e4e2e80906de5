"""Something measured on the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.inputs.quantities import Measured, Time


@dataclass(frozen=True)
class Observation:
    """Something measured on the tumour: its volume in cm3, its SUVmax, or its SUVpeak (of the hottest 1 cm3)."""

    time_days: Time
    kind: Literal["gtv_cm3", "suv_max", "suv_peak"]
    value: Measured
    scan: str | None = None
