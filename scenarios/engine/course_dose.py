"""What a course has delivered: its fractions, and their dose where it was planned."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.core.course import Course, Event
from simulators.dose import accumulation
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY
from twin import DoseGrid, Fraction, Volume


def accumulated(
    course: Course, doses: Mapping[str, DoseGrid], before: int
) -> tuple[Volume | None, Volume | None, int]:
    """Physical dose, EQD2 (alpha/beta 3 Gy) and number of the fractions before an event's ordinal.

    EQD2 is taken for each fraction before summing. Fractions whose dose grid is unknown count but add no dose.
    """
    given = fractions_of(course, before)
    first = next((f.grid for f in given if f.grid is not None), None)
    if first is None:
        return None, None, len(given)
    geometry = doses[first].volume.geometry
    dose = accumulation.accumulated(doses, given, geometry)
    eqd2 = accumulation.accumulated(doses, given, geometry, alpha_beta_gy=LATE_ALPHA_BETA_GY)
    return dose, eqd2, len(given)


def fractions_of(course: Course, before: int | None = None) -> list[Fraction]:
    """The fractions of a course, up to an event's ordinal; without a grid where only the prescription is known."""
    return [
        Fraction(
            float(course.time_days[i]),
            float(course.dose_gy[i]),
            course.grids[course.grid[i]] if course.grid[i] >= 0 else None,
            float(course.scale[i]),
        )
        for i in course.of(Event.FRACTION)
        if before is None or i < before
    ]
