"""When fractions are given and images taken."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.plan import Imaging, TreatmentPlan

FIRST_FRACTION = 9 / 24  # 09:00
GAP = 6 / 24  # least time between two fractions of one day (CHART: six hours, Saunders 1999)
IMAGE = 8.5 / 24  # images are taken at 08:30, before the day's first fraction
MONDAY = 0


def is_weekend(day: int, day0_weekday: int | None) -> bool:
    """Whether a day is a Saturday or Sunday; where the date of day 0 is unknown it is taken as a Monday."""
    return (day + (MONDAY if day0_weekday is None else day0_weekday)) % 7 >= 5


def fraction_times(
    plan: TreatmentPlan, day0_weekday: int | None, from_day: int = 0
) -> Iterator[tuple[float, float]]:
    """(time_days, dose_gy) of the plan's fractions in order.

    Args:
        plan: its phases follow each other; a new phase begins on the next treatment day.
        day0_weekday: 0 for a Monday, None where unknown (taken as a Monday).
        from_day: first day on which treatment may be given.

    Example:
        >>> times = [t for t, _ in fraction_times(TreatmentPlan.parse("60/30"), day0_weekday=0)]
        >>> times[0], times[5], times[-1]
        (0.375, 7.375, 39.375)
    """
    day = from_day
    for phase in plan.phases:
        given = 0
        while given < phase.fractions:
            if plan.weekends or not is_weekend(day, day0_weekday):
                for slot in range(min(phase.per_day, phase.fractions - given)):
                    yield day + FIRST_FRACTION + slot * GAP, phase.fraction_gy
                    given += 1
            day += 1


def image_slots(schedule: Imaging, after: float, until: float) -> Iterator[tuple[float, set[str]]]:
    """Times at which an image may be taken, with when it is wanted: "during" treatment, "after" it, or "always".

    The days are multiples of the schedule's spacing from day 0, so that plans of different length are imaged on
    common days once both have ended.

    Args:
        schedule: the plan's imaging.
        after, until: only times in (after, until], days.

    Example:
        >>> slots = image_slots(TreatmentPlan.parse("55/20").imaging, 20.0, 31.0)
        >>> [(int(t), *w) for t, w in slots]
        [(21, 'during'), (28, 'during'), (30, 'after')]
    """
    slots: dict[float, set[str]] = {}
    for spacing, when in ((schedule.during_days, "during"), (schedule.after_days, "after")):
        for k in range(1, int(until / spacing) + 1):
            slots.setdefault(spacing * k, set()).add(when)
    for day in schedule.also:
        slots.setdefault(day, set()).add("always")
    for day in sorted(slots):
        time = day + IMAGE if day == int(day) else day
        if after < time <= until:
            yield time, slots[day]
