"""Steps a plan through time with simpy and records what it became.

simpy knows times and order, nothing of tumours: the biology is one kernel call over the finished course. Each arm
has an environment of its own, so that alternative arms never wait for each other.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import simpy

from scenarios.calendar import Slot, fraction_times, image_slots
from scenarios.plan import Imaging
from scenarios.scenario import Scenario
from simulators.course import Course, Event
from twin import InputError, PatientTwin

_SAME_DOSE_GY = 1e-3
_SAME_TIME_DAYS = 0.5


@dataclass(frozen=True)
class _Entry:
    time_days: float
    kind: Event
    dose_gy: float = 0.0
    grid: int = -1
    scale: float = 0.0


def realise(scenario: Scenario, twin: PatientTwin, days: float) -> Course:
    """The course that a scenario becomes for one patient.

    What the twin has already received is history and stays as it was delivered. Dose grid 0 is the plan's own;
    the twin's grids follow.

    Args:
        scenario: its plan is the whole course from day 0, or with `more` the fractions from now on.
        twin: the patient; his `now_days` parts history from future.
        days: images are taken up to this day.

    Raises:
        InputError: the plan contradicts what was delivered.
    """
    plan = scenario.plan
    grids = (plan.label, *twin.doses)
    future = remaining(scenario, twin)
    log: list[_Entry] = [
        _Entry(f.time_days, Event.FRACTION, f.dose_gy, -1 if f.grid is None else grids.index(f.grid), f.scale)
        for f in twin.fractions
    ]
    env = simpy.Environment()
    treatment = env.process(_treat(env, future, plan.total_gy, log))
    env.process(_image(env, plan.imaging, treatment, (twin.now_days, days), log))
    env.run()
    if any(e.dose_gy > 0 for e in log):
        log.append(_Entry(max(e.time_days for e in log if e.kind == Event.FRACTION), Event.COURSE_END))
    # An image taken at the instant of a fraction shows the patient before it.
    order = {Event.IMAGING: 0, Event.CHEMOTHERAPY: 1, Event.FRACTION: 2, Event.COURSE_END: 3}
    log.sort(key=lambda e: (e.time_days, order[e.kind]))
    return Course(
        time_days=np.array([e.time_days for e in log], dtype=np.float64),
        kind=np.array([e.kind for e in log], dtype=np.int8),
        dose_gy=np.array([e.dose_gy for e in log], dtype=np.float64),
        grid=np.array([e.grid for e in log], dtype=np.int16),
        scale=np.array([e.scale for e in log], dtype=np.float64),
        grids=grids,
    )


def _treat(
    env: simpy.Environment, fractions: list[Slot], total_gy: float, log: list[_Entry]
) -> Generator[simpy.Event]:
    """Deliver each fraction at its time; one of no dose is no event."""
    for slot in fractions:
        yield env.timeout(max(0.0, slot.time_days - env.now))
        if slot.dose_gy > 0:
            log.append(_Entry(slot.time_days, Event.FRACTION, slot.dose_gy, 0, slot.dose_gy / total_gy))


def _image(
    env: simpy.Environment,
    schedule: Imaging,
    treatment: simpy.Process,
    window: tuple[float, float],
    log: list[_Entry],
) -> Generator[simpy.Event]:
    """Take an image at each time that the schedule wants, given whether treatment still goes on."""
    for time_days, wanted in image_slots(schedule, *window):
        yield env.timeout(max(0.0, time_days - env.now))
        if "always" in wanted or ("during" if treatment.is_alive else "after") in wanted:
            log.append(_Entry(time_days, Event.IMAGING))


def remaining(scenario: Scenario, twin: PatientTwin) -> list[Slot]:
    """The scenario's fractions that have not been delivered yet.

    Raises:
        InputError: a delivered fraction is not the one that the plan has in its place, or a gap lies where no
            fraction is.
    """
    plan = scenario.plan
    if plan.more:
        first = int(twin.now_days) + 1 if twin.fractions else int(np.ceil(twin.now_days))
        return list(fraction_times(scenario, twin.day0_weekday, first))
    planned = list(fraction_times(scenario, twin.day0_weekday))
    _check_gaps(scenario, planned)
    due = [f for f in planned if f.time_days <= twin.now_days]
    delivered = twin.fractions
    agree = len(due) == len(delivered) and all(
        abs(slot.dose_gy - f.dose_gy) < _SAME_DOSE_GY and abs(slot.time_days - f.time_days) < _SAME_TIME_DAYS
        for slot, f in zip(due, delivered, strict=True)
    )
    if plan.phases and not agree:
        given, due_gy = sum(f.dose_gy for f in delivered), sum(slot.dose_gy for slot in due)
        raise InputError(
            f"the plan {scenario.label} contradicts what was delivered: by day {twin.now_days:g} it gives "
            f"{due_gy:g} Gy in {len(due)} fractions, the patient has had {given:g} Gy in {len(delivered)}; "
            f"write +20/8 for further fractions from now"
        )
    return planned[len(due) :]


def _check_gaps(scenario: Scenario, planned: list[Slot]) -> None:
    last = int(planned[-1].time_days) if planned else 0
    for gap in scenario.gaps:
        if gap.from_day > last:
            raise InputError(f"the gap on day {gap.from_day} comes after the last fraction, on day {last}")
    missing = [n for n in scenario.missed if n > scenario.plan.fractions]
    if missing:
        raise InputError(
            f"fraction {missing[0]} cannot be missed: {scenario.plan.label} has {scenario.plan.fractions}"
        )
