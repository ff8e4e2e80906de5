"""Patients on their way through the department: simpy processes for patients, replans and breakdowns.

Times are days from day 0. Staff works in office hours and goes on the next day with what is not done; a linac's visits
are kept apart by the timetable and, where they run late, by its queue.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from dataclasses import replace
from functools import cache
from itertools import count

import simpy

from scenarios.clinic.department import Clinic, Referrals
from scenarios.clinic.hours import GAP_SLOTS, LAST_SLOT, SLOT, Hours, Timetable, Visit
from scenarios.clinic.people import STEPS, VISIT_DRAWS, Patient, Replan, draw_patients
from scenarios.plans.calendar import FRIDAY, GAP, fraction_times, weekday
from scenarios.plans.scenario import Gap, Scenario
from simulators.core.chance import Key, Purpose
from simulators.dose.approximate import SBRT_GY

STAFF = ("ct", "oncologists", "planners", "physicists")
_REPAIR, _REPLAN, _FIRST = -1, 0, 0  # priorities
_GIVES_UP_DAYS = 400  # no start is sought later than this
_MINUTE = 1 / (24 * 60)


class Flow:
    """The department in motion; its lists are what the tables are made of.

    Args:
        clinic, referrals: what is simulated.
        days: for how long.
        seed: root of all chance.
    """

    def __init__(self, clinic: Clinic, referrals: Referrals, days: int, seed: int):
        self.clinic, self.referrals, self.days, self.seed = clinic, referrals, days, seed
        self.env = simpy.Environment()
        closed = frozenset(clinic.closed)
        works = cache(lambda day: (day + clinic.day0_weekday) % 7 < 5 and day not in closed)
        self.closed = closed
        self.office = Hours(clinic.office_opens_h, clinic.office_closes_h, works)
        self.open = Hours(clinic.opens_h, clinic.closes_h, works)
        self.staff = {
            name: simpy.PriorityResource(self.env, capacity=getattr(clinic, name)) for name in STAFF
        }
        self.linacs = [simpy.PriorityResource(self.env) for _ in range(clinic.linacs)]
        self.down = [False] * clinic.linacs
        self.timetable = Timetable(clinic.linacs, clinic.opens_h, clinic.closes_h)
        self.patients = draw_patients(referrals, self.office, days, seed)
        self.jobs: list[tuple] = []  # patient, step, replan, asked, began, ended
        self.attempts: list[tuple] = []  # patient, fraction, linac, appointment, began, ended, outcome
        self.breakdowns: list[tuple] = []  # linac, began, ended
        self.replans: list[Replan] = []
        self._shapes: dict[tuple, tuple[tuple[int, int, int, float], ...]] = {}

    def run(self) -> None:
        """From day 0 to the last."""
        for patient in self.patients:
            self.env.process(self._patient(patient))
        if self.clinic.downtime > 0:
            for k in range(self.clinic.linacs):
                self.env.process(self._breaks(k))
        self.env.run(until=self.days)

    def _patient(self, p: Patient) -> Generator[simpy.Event]:
        yield self.env.timeout(p.arrival)
        yield from self._prepare(p, p.what.priority, replan=False)
        p.ready = self.env.now
        p.status = "waiting"
        if not self._book(p, int(p.ready) + 1):
            return
        if p.stops_after == 0:
            yield self.env.timeout(max(0.0, p.planned[0].time_days - self.env.now))
            self._stop(p)
            return
        yield from self._treat(p)

    def _prepare(self, p: Patient, priority: int, replan: bool) -> Generator[simpy.Event]:
        """Scan, contour, plan and check, each by its own staff."""
        c = self.clinic
        hours = (c.scan_min / 60, c.contour_h, c.plan_h, c.qa_h)
        for k, (step, who) in enumerate(zip(STEPS, STAFF, strict=True)):
            work = hours[k] / 24 * _spread(c.task_spread, p.tasks[k + len(STEPS) * replan])
            asked = self.env.now
            resource = self.staff[who]
            request = resource.request(priority=priority)
            yield request
            began = self.office.begin(self.env.now)
            ended = self.office.finish(began, work)
            self.jobs.append((p.number, step, replan, asked, began, ended))
            yield self.env.timeout(ended - self.env.now)
            resource.release(request)

    def _book(self, p: Patient, earliest: int) -> bool:
        """The first start at which some linac has room for the whole course; the least busy linac first."""
        c, plan = self.clinic, p.what.scenario.plan
        per_day = max(phase.per_day for phase in plan.phases)
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        width = _slots(c.sbrt_fraction_min if sbrt else c.fraction_min)
        first_width = max(width, _slots(c.first_fraction_min))
        order = sorted(range(c.linacs), key=self.timetable.load.__getitem__)
        for start in range(earliest, earliest + _GIVES_UP_DAYS):
            if not self.open.works(start):
                continue
            shape = self._shape(p, start)
            if not shape:
                continue
            days = [start + day for day in dict.fromkeys(day for day, *_ in shape)]
            for linac in order:
                slot = self.timetable.fit(linac, days, per_day, width, first_width)
                if slot is None:
                    continue
                visits = [
                    Visit(number, dose, linac, start + day, slot + k * GAP_SLOTS, width)
                    for day, k, number, dose in shape
                ]
                visits[0].width = first_width
                self.timetable.reserve(visits)
                p.planned, p.visits, p.linac, p.booked_day = visits, deque(visits), linac, start
                return True
        return False

    def _shape(self, p: Patient, start: int) -> tuple[tuple[int, int, int, float], ...]:
        """(day after the start, place in the day, number, dose) of the fractions of a course."""
        first = weekday(start, self.clinic.day0_weekday)
        closed = tuple(sorted(day - start for day in self.closed if start < day < start + 200))
        key = (p.case, first, closed)
        if key not in self._shapes:
            scenario = p.what.scenario
            gaps = (*scenario.gaps, *(Gap(from_day=day) for day in closed))
            shape, today, k = [], -1, 0
            for slot in fraction_times(scenario.model_copy(update={"gaps": gaps}), first):
                day = int(slot.time_days)
                k = k + 1 if day == today else 0
                today = day
                shape.append((day, k, slot.number, slot.dose_gy))
            self._shapes[key] = tuple(shape)
        return self._shapes[key]

    def _treat(self, p: Patient) -> Generator[simpy.Event]:
        """Visit after visit; what is lost comes again at the end or on Fridays, as the scenario says."""
        env, began = self.env, -math.inf
        changed, held_until = False, -math.inf
        for attempt in count():
            if not p.visits and not self._make_up(p):
                break
            if len(p.delivered) >= p.stops_after:
                self._stop(p)
                return
            visit = p.visits.popleft()
            at = max(visit.time_days, began + GAP)
            if env.now > visit.time_days and env.now > began + GAP + _MINUTE:
                # It passed by while the new plan was made, or while an earlier one of the day was waited for.
                self._lose(p, visit, "replan" if visit.time_days < held_until else "machine")
                continue
            yield env.timeout(max(0.0, at - env.now))
            if p.absent[attempt % VISIT_DRAWS] < p.absence:
                self._lose(p, visit, "patient")
                continue
            if not changed and len(p.delivered) >= p.changes_after:
                changed = True
                if p.level == "red":
                    self._lose(p, visit, "replan")
                    yield from self._replan(p)
                    held_until = env.now
                    continue
                env.process(self._replan(p))
            began_now = yield from self._visit(p, visit, attempt)
            if began_now is None:
                continue
            began = began_now
            if p.lost and p.what.scenario.make_up == "friday":
                self._second_on_friday(p, visit)
        p.status = "finished"

    def _visit(self, p: Patient, visit: Visit, attempt: int) -> Generator[simpy.Event, object, float | None]:
        """Wait for the linac and be treated; when that began, or None where it was too late."""
        c, env = self.clinic, self.env
        k = visit.linac
        if self.down[k] and c.matched_linacs and not all(self.down):
            up = [i for i in range(c.linacs) if not self.down[i]]
            k = min(up, key=lambda i: len(self.linacs[i].queue) + self.linacs[i].count)
        linac = self.linacs[k]
        ahead = p.lost or any(phase.per_day > 1 for phase in p.what.scenario.plan.phases)
        length = self._minutes(p, visit) * _MINUTE * _spread(c.fraction_spread, p.pace[attempt % VISIT_DRAWS])
        closing = max(visit.day + self.open.closes, visit.time_days + visit.width * SLOT)
        latest = min(closing + c.overtime_h / 24, visit.day + 1) - length
        request = linac.request(priority=_FIRST if ahead else p.what.priority)
        if not request.triggered and env.now < latest:
            yield request | env.timeout(latest - env.now)
        if not request.triggered or env.now > latest:
            request.cancel() if not request.triggered else linac.release(request)
            self._lose(p, visit, "machine")
            return None
        began = env.now
        yield env.timeout(length)
        linac.release(request)
        if not p.delivered:
            p.status = "on treatment"
        p.delivered.append((visit.number, began, visit.dose_gy))
        p.last_end = env.now
        self._log(p, visit, k, began, env.now, "delivered")
        return began

    def _minutes(self, p: Patient, visit: Visit) -> float:
        c = self.clinic
        if visit.dose_gy >= SBRT_GY:
            return c.sbrt_fraction_min
        return c.fraction_min if p.delivered else c.first_fraction_min

    def _lose(self, p: Patient, visit: Visit, reason: str) -> None:
        p.lost.append(visit)
        p.reasons[reason] += 1
        self._log(p, visit, visit.linac, math.nan, math.nan, reason)

    def _log(self, p: Patient, visit: Visit, linac: int, began: float, ended: float, outcome: str) -> None:
        self.attempts.append((p.number, visit.number, linac, visit.time_days, began, ended, outcome))

    def _make_up(self, p: Patient) -> bool:
        """Appointments for what was lost, on the next treatment days; False where there is nothing to give."""
        scenario = p.what.scenario
        if not p.lost or scenario.make_up == "none":
            return False
        lost, p.lost = p.lost, []
        plan = scenario.plan
        per_day = max(phase.per_day for phase in plan.phases)
        every = max(phase.every_days for phase in plan.phases)
        base = p.planned[min(1, len(p.planned) - 1)]
        first_slot = p.planned[0].slot
        day = int(self.env.now) + every
        while lost:
            if not self._treats(scenario, day, p.booked_day):
                day += 1
                continue
            for k in range(min(per_day, len(lost))):
                old = lost.pop(0)
                new = replace(
                    old,
                    linac=p.linac,
                    day=day,
                    slot=first_slot + k * GAP_SLOTS,
                    width=base.width,
                    reserved=True,
                )
                p.visits.append(self.timetable.squeeze(new) if k == 0 else self._after(new, p.visits[-1]))
            day += every
        return True

    def _after(self, visit: Visit, earlier: Visit) -> Visit:
        """A later visit of the day, six hours after the one before it."""
        visit.slot = earlier.slot + GAP_SLOTS
        if self.timetable.taken[visit.linac].get(visit.day, 0) >> visit.slot & ((1 << visit.width) - 1):
            visit.reserved = False
        else:
            self.timetable.reserve([visit])
        return visit

    def _treats(self, scenario: Scenario, day: int, start: int) -> bool:
        if day in self.closed or any(day - start in gap for gap in scenario.gaps):
            return False
        return scenario.plan.weekends or weekday(day, self.clinic.day0_weekday) < 5

    def _second_on_friday(self, p: Patient, visit: Visit) -> None:
        """A lost fraction six hours after Friday's own, for those treated once a day."""
        plan = p.what.scenario.plan
        once = all(phase.per_day == 1 and phase.every_days == 1 for phase in plan.phases)
        again = bool(p.visits) and p.visits[0].day == visit.day
        late = visit.slot + GAP_SLOTS + visit.width > LAST_SLOT
        if once and not again and not late and weekday(visit.day, self.clinic.day0_weekday) == FRIDAY:
            old = p.lost.pop(0)
            second = replace(old, linac=visit.linac, day=visit.day, width=visit.width, reserved=True)
            p.visits.appendleft(self._after(second, visit))

    def _stop(self, p: Patient) -> None:
        self.timetable.release(p.visits)
        p.visits.clear()
        p.status = "stopped"

    def _replan(self, p: Patient) -> Generator[simpy.Event]:
        now = self.env.now
        due = self.office.finish(now, self.clinic.replan_due_days * self.office.length)
        asked = Replan(p.number, p.level, now, due)
        self.replans.append(asked)
        yield from self._prepare(p, _REPLAN, replan=True)
        asked.ready = self.env.now

    def _breaks(self, k: int) -> Generator[simpy.Event]:
        """A linac that breaks down: exponential times between breakdowns and of repair, both in opening hours."""
        c, env = self.clinic, self.env
        rng = Key(self.seed, f"linac-{k}", Purpose.CLINIC).generator()
        repair = c.repair_h / 24
        while True:
            sound = rng.exponential(repair * (1 - c.downtime) / c.downtime)
            if sound > self.days:  # it holds to the end, and nobody counts the days beyond
                return
            yield env.timeout(self.open.finish(env.now, sound) - env.now)
            self.down[k] = True
            request = self.linacs[k].request(priority=_REPAIR)
            yield request
            began = env.now
            ended = self.open.finish(began, rng.exponential(repair))
            self.breakdowns.append((k, began, ended))
            yield env.timeout(ended - began)
            self.down[k] = False
            self.linacs[k].release(request)


def _slots(minutes: float) -> int:
    return max(1, math.ceil(minutes * _MINUTE / SLOT - 1e-9))


def _spread(sd: float, z: float) -> float:
    """A log-normal factor with mean 1."""
    return math.exp(sd * z - sd * sd / 2)
