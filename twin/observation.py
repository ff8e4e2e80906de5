"""Something measured on the tumour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Observation:
    """Something measured on the tumour: its volume in cm3 or its SUVmax."""

    time_days: float
    kind: Literal["gtv_cm3", "suv_max"]
    value: float
    scan: str | None = None
