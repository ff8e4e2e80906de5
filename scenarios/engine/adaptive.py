"""Closed-loop courses: at each image a policy sees every sample's patient and may change what comes.

simpy carries the time: a treatment process for each sample, one process for the imaging days, one for each replan
under way. All samples that are imaged at one instant are advanced by one kernel call. A course that is not
replanned stays fixed in the room while the tumour moves; a replan takes its turnaround, uses the anatomy of the day
it was ordered on, and brings a new dose grid.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import simpy

from scenarios.engine.arm import Arm
from scenarios.engine.courses import Entry, Treatment, on_treatment, remaining
from scenarios.engine.day_images import Day, DayImages, DayView, Given
from scenarios.engine.library import DoseLibrary, State, level_of
from scenarios.plans.calendar import FIRST_FRACTION, Slot, image_slots, weekday
from scenarios.plans.policy import Decision, Policy, Seen
from scenarios.plans.scenario import Scenario
from simulators.anatomy.events import AnatomyEvents
from simulators.belief.prior import prior_belief
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Event
from simulators.core.kinetics import TumourModel
from simulators.core.treatment import TumourView
from simulators.dose.accumulation import SetUp
from simulators.kinetics.standard import StandardTumour
from simulators.scanners.pet import avid
from twin import Belief, InputError, PatientTwin
from twin.inputs.quantities import MOST_FRACTIONS

Approve = Callable[[Mapping[str, Any]], bool]
_BELIEVED = 200  # samples of the prior that a policy is shown
_SET_UPS = 120  # errors of positioning drawn for a patient; a longer course begins them again
_CONTOUR_SD, _SUV_SD, _REGISTRATION_MM = 0.10, 0.08, 1.5  # SD(ln) of volume and SUV; mm along each axis


@dataclass
class _Patient:
    """One sample on treatment under a policy."""

    sample: int
    treatment: Treatment
    library: DoseLibrary
    events: AnatomyEvents
    set_up_mm: np.ndarray
    gtv_at_plan_cm3: float
    plan_level: int = 0
    plan_shift_mm: np.ndarray = field(default_factory=lambda: np.zeros(3))
    replans: int = 0
    given: int = 0
    pending: bool = False
    states: list[State] = field(default_factory=list)
    views: list[DayView] = field(default_factory=list)

    def grid(self, day: float) -> str:
        """The dose that a fraction delivers where the tumour lies that day, with the set-up error of the fraction."""
        error = self.set_up_mm[self.given % len(self.set_up_mm)]
        self.given += 1
        self.states.append(self.planned)
        moved = self.events.displacement_mm(self.sample, day) - self.plan_shift_mm + error
        return self.library.state(State.of(self.plan_level, self.plan_shift_mm, moved))

    @property
    def planned(self) -> State:
        """The plan in use, as it is meant to be given."""
        return State.of(self.plan_level, self.plan_shift_mm, np.zeros(3))

    @property
    def received(self) -> tuple[Given, ...]:
        """The fractions so far, as they were meant to be given."""
        log = [e for e in self.treatment.log if e.kind == Event.FRACTION]
        before = len(log) - len(self.states)
        earlier = [Given(e.time_days, e.scale, e.grid) for e in log[:before]]
        since = zip(log[before:], self.states, strict=True)
        return (*earlier, *(Given(e.time_days, e.scale, state) for e, state in since))


def realise_adaptive(
    scenario: Scenario,
    policy: Policy,
    twin: PatientTwin,
    belief: Belief,
    library: DoseLibrary,
    *,
    days: float,
    seed: int,
    approve: Approve | None = None,
    set_up: SetUp = SetUp(),  # noqa: B008
    tumour: TumourModel = StandardTumour(),  # noqa: B008
    images: DayImages | None = None,
) -> Arm:
    """The courses of all samples under a policy, and every decision that was taken.

    Args:
        scenario: the plan to begin with.
        policy: decides at each image during treatment.
        twin: the patient.
        belief: the samples; the policy never sees their parameters.
        library: doses of the plan and of replans.
        days: images are taken up to this day.
        seed: root of all chance.
        approve: accepts or refuses each decision that changes something, given its row.
        set_up: errors of positioning, new in each fraction.
        tumour: how it grows and answers.
        images: of the patient's days, where other arms share them.

    Raises:
        InputError: the policy raised, or answered something that is no decision.
    """
    start = first_day(scenario, twin)
    events = AnatomyEvents.draw(twin.id, belief.n, seed, start)
    patients = [_on_treatment(scenario, twin, library, events, set_up, seed, n) for n in range(belief.n)]
    images = images or DayImages(twin, seed)
    loop = _Loop(
        scenario, policy, twin, belief, library, events, patients, seed, approve, start, tumour, images
    )
    env = simpy.Environment()
    for patient in patients:
        env.process(patient.treatment.run(env))
    env.process(loop.image(env, twin.now_days, days))
    env.run()
    courses = [p.treatment.course() for p in patients]
    for row in loop.rows:
        row["final_mean_lung_gy"] = library.mean_lung_gy(row["sample"], courses[row["sample"]])
    return Arm(
        courses,
        library.doses,
        library.bin_fraction,
        library.relative,
        loop.rows,
        library.tumour_doses,
        events,
    )


def _on_treatment(
    scenario: Scenario, twin: PatientTwin, library: DoseLibrary, events: AnatomyEvents, set_up: SetUp, seed: int,
    sample: int,
) -> _Patient:  # fmt: skip
    treatment = on_treatment(scenario, twin, lambda day: "")
    key = Key(seed, twin.id, Purpose.DOSE, sample)  # as the scorecard's
    errors = set_up.shifts(key, _SET_UPS)[:, ::-1]  # along z, y and x
    patient = _Patient(sample, treatment, library, events, errors, library.gtv_cm3, given=len(twin.fractions))
    treatment.grid = patient.grid
    return patient


def first_day(scenario: Scenario, twin: PatientTwin) -> float:
    """Day on which radiotherapy begins, or began."""
    fractions = twin.fractions or remaining(scenario, twin)
    return float(int(fractions[0].time_days)) if fractions else 0.0


@dataclass
class _Loop:
    """The imaging process of one arm, and the decisions that follow from it."""

    scenario: Scenario
    policy: Policy
    twin: PatientTwin
    belief: Belief
    library: DoseLibrary
    events: AnatomyEvents
    patients: list[_Patient]
    seed: int
    approve: Approve | None
    start_days: float
    tumour: TumourModel
    images: DayImages
    rows: list[dict[str, Any]] = field(default_factory=list)

    def image(self, env: simpy.Environment, after: float, until: float) -> Generator[simpy.Event]:
        """Take the images of all samples; those still on treatment are decided upon together."""
        state = None
        for ordinal, (time_days, when) in enumerate(
            image_slots(self.scenario.plan.imaging, after, until, self.twin.id)
        ):
            yield env.timeout(max(0.0, time_days - env.now))
            imaged = [p for p in self.patients if p.treatment.wants(when)]
            for p in imaged:
                p.treatment.log.append(Entry(time_days, Event.IMAGING))
            asked = [p for p in imaged if p.treatment.queue]
            if not asked or time_days < self.start_days:  # images while sequential drugs are given
                continue
            state, gtv_cm3, suv_ratio = self._advance(state, time_days)
            errors = self._errors(ordinal)
            for p in asked:
                seen = self._seen(p, time_days, gtv_cm3, suv_ratio, errors[p.sample])
                if self.policy.pixels:
                    error_mm = _REGISTRATION_MM * errors[p.sample, 2:]
                    seen = replace(
                        seen, images=self._view(p, ordinal, time_days, float(gtv_cm3[p.sample]), error_mm)
                    )
                self._decide(env, p, seen, ordinal)

    def _advance(self, state: Any, time_days: float) -> tuple[Any, np.ndarray, np.ndarray]:
        """One kernel call for all samples: the state, true volumes in cm3 and true SUV ratios, (samples,)."""
        library = self.library
        kinetics = self.tumour.dose_bins(library.gtv_cm3, library.bin_fraction, library.relative)
        params = self.belief.samples
        courses = [p.treatment.course() for p in self.patients]
        state = kinetics.advance(state or kinetics.start(self.twin, params), params, courses, time_days)
        n = len(courses)  # dose bins, where the grain has them, are summed
        cells = {
            name: getattr(state, name).reshape(n, -1).sum(axis=-1) for name in ("viable", "doomed", "remnant")
        }
        view = TumourView(0.0, library.gtv_cm3, 0.0, None, **cells)
        return state, kinetics.gtv_cm3(state), np.asarray(avid(view, time_days / 2))

    def _view(self, p: _Patient, ordinal: int, day: float, gtv_cm3: float, error_mm: np.ndarray) -> DayView:
        """What a policy with pixels may look at, which is made when it does."""
        seen = Day(
            p.sample, ordinal, day, gtv_cm3, float(self.belief.samples["erosion_fraction"][p.sample]), p.given,
            day - p.treatment.queue[-1].time_days, self.events,
        )  # fmt: skip
        imaging = self.scenario.plan.imaging
        made = DayView(
            self.images, imaging, self.library, seen, p.planned, p.received, tuple(p.views), error_mm
        )
        p.views.append(made)
        return made

    @cached_property
    def _believed(self) -> Belief:
        """The patient's own belief, or the prior; never the parameters of the sample that is asked about."""
        return self.twin.belief or prior_belief(self.twin, _BELIEVED, self.seed)

    def _errors(self, ordinal: int) -> np.ndarray:
        """(samples, 5) standard normal errors of measurement at one imaging event."""
        from scipy.special import ndtri

        key = Key(self.seed, self.twin.id, Purpose.COURSE, ordinal=ordinal)
        return ndtri(uniforms(key, np.arange(len(self.patients)), 5))

    def _seen(
        self, p: _Patient, day: float, gtv_cm3: np.ndarray, suv_ratio: np.ndarray, error: np.ndarray
    ) -> Seen:
        moved = self.events.displacement_mm(p.sample, day) - p.plan_shift_mm
        total_gy = self.scenario.plan.total_gy
        shares = [s.dose_gy / total_gy for s in p.treatment.queue]
        course = p.treatment.course()
        return Seen(
            day=day,
            fractions_given=p.given,
            fractions_planned=p.given + len(p.treatment.queue),
            fraction_gy=p.treatment.queue[0].dose_gy,
            gtv_cm3=float(gtv_cm3[p.sample] * np.exp(_CONTOUR_SD * error[0])),
            gtv_at_plan_cm3=p.gtv_at_plan_cm3,
            suv_ratio=float(suv_ratio[p.sample] * np.exp(_SUV_SD * error[1])),
            shift_mm=float(np.linalg.norm(moved + _REGISTRATION_MM * error[2:])),
            findings=self.events.present(p.sample, day),
            mean_lung_gy=self.library.mean_lung_gy(p.sample, course, p.planned, sum(shares)),
            oesophagus_v60=self.library.oesophagus_v60(p.sample, course, p.planned, sum(shares)),
            replans=p.replans,
            belief=self._believed,
        )

    def _decide(self, env: simpy.Environment, p: _Patient, seen: Seen, ordinal: int) -> None:
        try:
            decision = self.policy.decide(seen)
        except Exception as error:
            raise InputError(
                f"the policy {self.policy.kind!r} failed on day {seen.day:.0f} of sample {p.sample}: {error}"
            ) from error
        if not isinstance(decision, Decision):
            raise InputError(f"the policy {self.policy.kind!r} answered {decision!r}, which is no Decision")
        if not 0 <= decision.fractions <= MOST_FRACTIONS - p.given:
            raise InputError(
                f"the policy {self.policy.kind!r} answered {decision.action!r} by {decision.fractions} fractions; "
                f"a course has at most {MOST_FRACTIONS}"
            )
        if decision.action == "replan" and p.pending:
            return
        row = {
            "plan": self.scenario.slug,
            "sample": p.sample,
            "ordinal": ordinal,
            "day": seen.day,
            "decision": decision.action,
            "reason": decision.reason,
            "fractions": decision.fractions,
            "gtv_cm3": seen.gtv_cm3,
            "shift_mm": seen.shift_mm,
            "forecast_mean_lung_gy": seen.mean_lung_gy,
        }
        changes = decision.action != "continue"
        row["approved"] = not changes or self.approve is None or bool(self.approve(row))
        self.rows.append(row)
        if changes and row["approved"]:
            self._act(env, p, seen, decision)

    def _act(self, env: simpy.Environment, p: _Patient, seen: Seen, decision: Decision) -> None:
        queue = p.treatment.queue
        if decision.action == "stop":
            queue.clear()
        elif decision.action == "de-escalate":
            for _ in range(min(decision.fractions, len(queue))):
                queue.pop()
        elif decision.action in ("escalate", "boost"):
            queue.extend(self._more(queue[-1], decision.fractions))
            p.replans += 1
        elif decision.action == "replan":
            p.pending = True
            env.process(self._replan(env, p, seen))

    def _more(self, last: Slot, fractions: int) -> list[Slot]:
        """Further fractions like the last one, at the last phase's rate on the treatment days after it."""
        more: list[Slot] = []
        phase = self.scenario.plan.phases[-1]
        day = int(last.time_days) + phase.every_days
        while len(more) < fractions:
            free = not any(day in gap for gap in self.scenario.gaps)
            if free and (self.scenario.plan.weekends or weekday(day, self.twin.day0_weekday) < 5):
                for k in range(min(phase.per_day, fractions - len(more))):
                    time_days = day + FIRST_FRACTION + k * phase.gap_hours / 24
                    more.append(Slot(time_days, last.dose_gy, last.number + len(more) + 1))
                day += phase.every_days
            else:
                day += 1
        return more

    def _replan(self, env: simpy.Environment, p: _Patient, seen: Seen) -> Generator[simpy.Event]:
        """A new plan on the anatomy of the scan, in use after the turnaround."""
        shift = self.events.displacement_mm(p.sample, seen.day)
        erosion = float(self.belief.samples["erosion_fraction"][p.sample])
        level = level_of(seen.gtv_cm3 / self.library.gtv_cm3, erosion)
        yield env.timeout(self.policy.turnaround_days)
        p.plan_level, p.plan_shift_mm, p.gtv_at_plan_cm3 = level, shift, seen.gtv_cm3
        p.replans += 1
        p.pending = False
