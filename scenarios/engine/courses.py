"""Steps a plan through time with simpy and records what it became.

simpy knows times and order, nothing of tumours: the biology is one kernel call over the finished course. Each arm
has an environment of its own, so that alternative arms never wait for each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import numpy as np
import simpy

from scenarios.plans.calendar import INFUSION, Slot, fraction_times, image_slots
from scenarios.plans.plan import Immunotherapy
from scenarios.plans.scenario import Scenario
from simulators.core.course import Course, Event
from twin import InputError, PatientTwin
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Horizon

_MONTH_DAYS = 365.25 / 12
_SAME_DOSE_GY = 1e-3
_SAME_TIME_DAYS = 0.5


@dataclass(frozen=True)
class Entry:
    """Something that happened: an event of a course, with its dose grid by name."""

    time_days: float
    kind: Event
    dose_gy: float = 0.0
    grid: str | None = None
    scale: float = 0.0


@dataclass
class Treatment:
    """One patient on treatment: the fractions to come, and the log of what happened.

    Args:
        queue: fractions to come, by time; may be changed while the environment runs.
        total_gy: the plan's prescribed dose, of which a fraction is a share, Gy.
        grid: the dose grid that a fraction on a day delivers.
        log: what happened.
        consolidation: immunotherapy that follows the last fraction.
    """

    queue: deque[Slot]
    total_gy: float
    grid: Callable[[float], str]
    log: list[Entry]
    consolidation: Immunotherapy | None = None

    def run(self, env: simpy.Environment) -> Generator[simpy.Event]:
        """Deliver each fraction at its time; one of no dose is no event."""
        while self.queue:
            slot = self.queue[0]
            yield env.timeout(max(0.0, slot.time_days - env.now))
            if self.queue and self.queue[0] is slot:
                self.queue.popleft()
                if slot.dose_gy > 0:
                    share = slot.dose_gy / self.total_gy
                    grid = self.grid(slot.time_days)
                    self.log.append(Entry(slot.time_days, Event.FRACTION, slot.dose_gy, grid, share))

    def wants(self, when: set[str]) -> bool:
        """Whether an image slot is taken, given whether treatment still goes on."""
        return "always" in when or ("during" if self.queue else "after") in when

    def course(self) -> Course:
        """The log as a course, with its end where fractions were given and none are to come."""
        log = list(self.log)
        if not self.queue and any(e.dose_gy > 0 for e in log):
            end = max(e.time_days for e in log if e.kind == Event.FRACTION)
            # drugs with radiotherapy or before it end with it
            log = [e for e in log if e.kind != Event.CHEMOTHERAPY or e.time_days <= end]
            log.append(Entry(end, Event.COURSE_END))
            log += _infusions(self.consolidation, end)
        # An image taken at the instant of a fraction shows the patient before it.
        order = {Event.IMAGING: 0, Event.CHEMOTHERAPY: 1, Event.IMMUNOTHERAPY: 1, Event.FRACTION: 2}
        log.sort(key=lambda e: (e.time_days, order.get(e.kind, 3)))
        grids = tuple(dict.fromkeys(e.grid for e in log if e.grid is not None))
        return Course(
            time_days=np.array([e.time_days for e in log], dtype=np.float64),
            kind=np.array([e.kind for e in log], dtype=np.int8),
            dose_gy=np.array([e.dose_gy for e in log], dtype=np.float64),
            grid=np.array([-1 if e.grid is None else grids.index(e.grid) for e in log], dtype=np.int16),
            scale=np.array([e.scale for e in log], dtype=np.float64),
            grids=grids,
        )


def on_treatment(scenario: Scenario, twin: PatientTwin, grid: Callable[[float], str]) -> Treatment:
    """A patient with his history, about to receive what the scenario still holds.

    Raises:
        InputError: the plan contradicts what was delivered.
    """
    to_come = deque(remaining(scenario, twin))
    log = [Entry(f.time_days, Event.FRACTION, f.dose_gy, f.grid, f.scale) for f in twin.fractions]
    drugs = scenario.plan.chemotherapy
    if drugs is not None and (log or to_come):
        radiotherapy = int(log[0].time_days if log and not scenario.plan.more else to_come[0].time_days)
        first = radiotherapy - drugs.lead_days
        days = [first + k * drugs.every_days + INFUSION for k in range(drugs.cycles)]
        share = 1 / drugs.cycles if drugs.timing == "concurrent" else 0.0
        log += [Entry(day, Event.CHEMOTHERAPY, scale=share) for day in days]
    return Treatment(to_come, scenario.plan.total_gy, grid, log, scenario.plan.immunotherapy)


def _infusions(drug: Immunotherapy | None, end_days: float) -> list[Entry]:
    """Immunotherapy after the last fraction."""
    if drug is None:
        return []
    first, last = int(end_days) + drug.wait_days + INFUSION, drug.months * _MONTH_DAYS
    times = range(int(last // drug.every_days) + 1)
    return [Entry(first + k * drug.every_days, Event.IMMUNOTHERAPY, scale=drug.hazard_ratio) for k in times]


@bounded
def realise(scenario: Scenario, twin: PatientTwin, days: Horizon) -> Course:
    """The course that a scenario without a policy becomes for one patient, the same for all samples.

    What the twin has already received is history and stays as it was delivered.

    Args:
        scenario: its plan is the whole course from day 0, or with `more` the fractions from now on.
        twin: the patient; his `now_days` parts history from future.
        days: images are taken up to this day.

    Raises:
        InputError: the plan contradicts what was delivered.
    """
    treatment = on_treatment(scenario, twin, lambda day: scenario.plan.label)
    env = simpy.Environment()
    env.process(treatment.run(env))
    slots = image_slots(scenario.plan.imaging, twin.now_days, days, twin.id)
    env.process(_image(env, slots, treatment))
    env.run()
    return treatment.course()


def _image(
    env: simpy.Environment, slots: Iterable[tuple[float, set[str]]], treatment: Treatment
) -> Generator[simpy.Event]:
    for time_days, when in slots:
        yield env.timeout(max(0.0, time_days - env.now))
        if treatment.wants(when):
            treatment.log.append(Entry(time_days, Event.IMAGING))


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
    first = int(planned[0].time_days) if planned else 0
    for gap in scenario.gaps:
        if gap.from_day > last:
            raise InputError(f"the gap on day {gap.from_day} comes after the last fraction, on day {last}")
        treated = last - first + 1 - (gap.days if gap.from_day >= first else 0)
        if scenario.make_up == "prolong" and gap.days > max(treated, 7):
            raise InputError(
                f"the gap of {gap.days} days on day {gap.from_day} is longer than the course; "
                f"write two plans, or a late start"
            )
    missing = [n for n in scenario.missed if n > scenario.plan.fractions]
    if missing:
        raise InputError(
            f"fraction {missing[0]} cannot be missed: {scenario.plan.label} has {scenario.plan.fractions}"
        )
