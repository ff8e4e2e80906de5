"""A course as its prescription: what dose, in what fractions, in what time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.core.course import Course, Event
from simulators.tumour.radiobiology import eqd2, thames_factor

REPAIR_H = 1.5  # half-time of the repair of sublethal damage [quoted from memory]


@dataclass(frozen=True)
class Schedule:
    """The prescription of a course.

    Args:
        total_gy: total dose, Gy.
        size_gy: mean dose of a fraction, weighted by dose, times the factor of incomplete repair, Gy.
        days: from the first fraction's day to the last one's, both counted; 0 without fractions.
        per_day: mean number of fractions on days that have any.
    """

    total_gy: float
    size_gy: float
    days: float
    per_day: float = 1.0

    @classmethod
    def of(cls, course: Course) -> Schedule:
        """That of a course's fractions.

        Args:
            course: with its doses as prescribed.
        """
        fractions = course.of(Event.FRACTION)
        times, dose = course.time_days[fractions], course.dose_gy[fractions]
        if not len(times) or not dose.sum():
            return cls(0.0, 0.0, 0.0)
        day = np.floor(times)
        _, index, count = np.unique(day, return_inverse=True, return_counts=True)
        within = np.diff(times)[np.diff(day) == 0]
        hours = 24.0 * float(within.mean()) if within.size else 6.0
        factor = np.array([1.0 + thames_factor(m, hours, REPAIR_H) for m in range(1, int(count.max()) + 1)])
        size = float((dose**2 * factor[count[index] - 1]).sum() / dose.sum())
        return cls(float(dose.sum()), size, float(day[-1] - day[0] + 1.0), float(count.mean()))

    def days_saved(self, alpha_beta_gy: float) -> float:
        """Days by which it is shorter than its own EQD2 given in 2 Gy five times a week, from a Monday on.

        Args:
            alpha_beta_gy: of the tissue, Gy.

        Example:
            >>> Schedule(60.0, 2.0, 40.0).days_saved(10.0), Schedule(74.0, 2.0, 51.0).days_saved(10.0)
            (0.0, 0.0)
            >>> Schedule(60.0, 2.0, 33.0).days_saved(10.0)
            7.0
        """
        if not self.total_gy:
            return 0.0
        fractions = float(eqd2(self.total_gy, self.size_gy, alpha_beta_gy)) / 2.0
        whole = np.arange(1.0, np.ceil(fractions) + 2.0)
        return float(np.interp(fractions, whole, whole + 2.0 * ((whole - 1.0) // 5.0))) - self.days
