"""What a scenario became for one patient: plain sorted arrays of events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Event(IntEnum):
    """The kinds of event in a course."""

    FRACTION = 0
    IMAGING = 1
    CHEMOTHERAPY = 2
    COURSE_END = 3  # after the last fraction: surviving clonogens are drawn here
    IMMUNOTHERAPY = 4


@dataclass(frozen=True, eq=False)
class Course:
    """Events of one arm, sorted by time; the index of an event is its ordinal.

    Args:
        time_days: (n,) float64, days from day 0.
        kind: (n,) int8 of `Event`.
        dose_gy: (n,) prescribed dose of fractions, Gy; 0 for other events.
        grid: (n,) int16 index into `grids`; -1 where no dose grid is known.
        scale: (n,) the share of that grid which the fraction delivers; for chemotherapy, the share of the
            whole concurrent course of drugs which the cycle gives (0 for a sequential cycle); for immunotherapy, the
            hazard ratio of progression.
        grids: names of the dose grids.
    """

    time_days: np.ndarray
    kind: np.ndarray
    dose_gy: np.ndarray
    grid: np.ndarray
    scale: np.ndarray
    grids: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time_days)

    def of(self, kind: Event) -> np.ndarray:
        """Ordinals of the events of one kind.

        Args:
            kind: of event.
        """
        return np.flatnonzero(self.kind == kind)

    @property
    def end_days(self) -> float:
        """Time of the last fraction, days; 0 where there is none."""
        fractions = self.of(Event.FRACTION)
        return float(self.time_days[fractions[-1]]) if fractions.size else 0.0
