"""Something measured on the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.inputs.quantities import Measured, Time


@dataclass(frozen=True)
class Observation:
    """Something measured on the tumour: its volume in cm3 or its SUVmax."""

    time_days: Time
    kind: Literal["gtv_cm3", "suv_max"]
    value: Measured
    scan: str | None = None
