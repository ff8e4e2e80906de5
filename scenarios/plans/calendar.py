"""When fractions are given and images taken."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from scenarios.plans.plan import Imaging, TreatmentPlan
from scenarios.plans.scenario import Scenario
from simulators.core.chance import Key, Purpose

FIRST_FRACTION = 9 / 24  # 09:00
GAP = (
    6 / 24
)  # of two fractions of one day, where the phase says nothing else (CHART: six hours, Saunders 1999)
INFUSION = 8.75 / 24  # drugs are given at 08:45
IMAGE = 8.5 / 24  # images are taken at 08:30, before the day's first fraction
MONDAY, FRIDAY = 0, 4


def weekday(day: int, day0_weekday: int | None) -> int:
    """0 for a Monday; where the date of day 0 is unknown it is taken as a Monday."""
    return (day + (MONDAY if day0_weekday is None else day0_weekday)) % 7


@dataclass(frozen=True)
class Slot:
    """A fraction in its place: when, how much, and its number in the plan (the first is 1)."""

    time_days: float
    dose_gy: float
    number: int


def fraction_times(scenario: Scenario, day0_weekday: int | None, from_day: int = 0) -> Iterator[Slot]:
    """The fractions that are given, in order.

    Args:
        scenario: its plan's phases follow each other, each beginning on the next treatment day.
        day0_weekday: 0 for a Monday, None where unknown (taken as a Monday).
        from_day: first day on which treatment may be given.

    Example:
        >>> times = [s.time_days for s in fraction_times(Scenario.parse("60/30"), day0_weekday=0)]
        >>> times[0], times[5], times[-1]
        (0.375, 7.375, 39.375)
    """
    lost: deque[_Prescribed] = deque()  # to be made up
    given = 0
    ready = 0  # the first day that the phase's spacing allows
    drugs = scenario.plan.chemotherapy
    day = from_day + scenario.late_start_days + (drugs.lead_days if drugs else 0)
    plan = deque(_prescribed(scenario.plan))
    while plan or lost:
        if day < ready or not _treats(scenario, day, day0_weekday):
            day += 1
            continue
        today = [plan.popleft() for _ in range(_due(plan))] if plan else []
        blocked = any(day in gap for gap in scenario.gaps)
        if blocked and scenario.make_up == "prolong":
            plan.extendleft(reversed(today))
            day += 1
            continue
        missed = [f for f in today if blocked or f.number in scenario.missed]
        attended = [f for f in today if f not in missed]
        if scenario.make_up != "none":
            lost.extend(missed)
        friday = scenario.make_up == "friday" and weekday(day, day0_weekday) == FRIDAY
        second = friday and len(attended) == 1 and attended[0].every_days == 1
        if lost and not blocked and (not today or second):
            attended.append(lost.popleft())
        for k, fraction in enumerate(attended):
            if given == scenario.stop_after:
                return
            given += 1
            yield Slot(day + FIRST_FRACTION + k * fraction.gap_hours / 24, fraction.dose_gy, fraction.number)
        ready = day + max((f.every_days for f in (*today, *attended)), default=1)
        day += 1


@dataclass(frozen=True)
class _Prescribed:
    dose_gy: float
    number: int
    phase: int
    per_day: int
    every_days: int
    gap_hours: float


def _prescribed(plan: TreatmentPlan) -> Iterator[_Prescribed]:
    number = 0
    for k, phase in enumerate(plan.phases):
        for _ in range(phase.fractions):
            number += 1
            yield _Prescribed(phase.fraction_gy, number, k, phase.per_day, phase.every_days, phase.gap_hours)


def _due(plan: deque[_Prescribed]) -> int:
    """How many fractions the next treatment day has: those of one phase, at its rate."""
    first = plan[0]
    return sum(f.phase == first.phase for f in list(plan)[: first.per_day])


def _treats(scenario: Scenario, day: int, day0_weekday: int | None) -> bool:
    return scenario.plan.weekends or weekday(day, day0_weekday) < 5


def image_slots(
    schedule: Imaging, after: float, until: float, patient_id: str = ""
) -> Iterator[tuple[float, set[str]]]:
    """Times at which an image may be taken, with when it is wanted: "during" treatment, "after" it, or "always".

    The days are multiples of the schedule's spacing from day 0, so that plans of different length are imaged on
    common days once both have ended.

    Args:
        schedule: the plan's imaging.
        after, until: only times in (after, until], days.
        patient_id: whose; it says by how many days an irregular image is off.

    Example:
        >>> slots = image_slots(TreatmentPlan.parse("55/20").imaging, 20.0, 31.0)
        >>> [(int(t), *w) for t, w in slots]
        [(21, 'during'), (28, 'during'), (30, 'after')]
    """
    slots: dict[float, set[str]] = {}
    for spacing, when in ((schedule.during_days, "during"), (schedule.after_days, "after")):
        if spacing is not None:
            for k in range(1, int((until + schedule.spread_days) / spacing) + 1):
                day = spacing * k
                slots.setdefault(day + _days_off(schedule.spread_days, patient_id, day), set()).add(when)
    for day in schedule.also:
        slots.setdefault(day, set()).add("always")
    for day in sorted(slots):
        time = day + IMAGE if day == int(day) else day
        if after < time <= until:
            yield time, slots[day]


def _days_off(spread_days: int, patient_id: str, day: float) -> int:
    """By how many days the image that is due on a day is early or late."""
    if spread_days == 0:
        return 0
    rng = Key(0, patient_id, Purpose.COURSE, ordinal=int(day)).generator()
    return int(rng.integers(-spread_days, spread_days + 1))
