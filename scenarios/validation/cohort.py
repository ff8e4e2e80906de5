"""The simulated patients of a published trial: who they were, what they got, and what became of them.

Ages, stages and tumour volumes as the trial's patients had them, parameters from the prior, organ doses those of
in-silico patients. All arms share their chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenarios.matching.doses import ReferencePatients, complication
from scenarios.plans.calendar import fraction_times
from scenarios.plans.scenario import Scenario
from simulators.belief.prior import prior_belief
from simulators.core.course import Course, Event
from simulators.core.outcome import LifeTimes
from simulators.outcome.control import failure_days
from simulators.outcome.life import (
    TRIAL,
    UNSELECTED,
    SurvivalConstants,
    dose_to_immune_cells_gy,
    draws,
    life_times,
)
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import PatientTwin

YEAR_D = 365.25
# Each patient has the organ doses of one of so many in-silico patients, the nearest in volume and nodes.
SIMILAR = 6


@dataclass(frozen=True)
class Trial:
    """Who was in a trial.

    Args:
        name: of the trial.
        gtv_cm3: median and SD(ln) of the tumour's volume.
        age_years: mean and SD.
        male: share of men.
        stages: shares of stage I, II and III.
        concurrent: whether drugs were given with radiotherapy.
        constants: of survival.
    """

    name: str
    gtv_cm3: tuple[float, float]
    age_years: tuple[float, float]
    male: float
    stages: tuple[float, float, float]
    concurrent: bool
    constants: SurvivalConstants = TRIAL


# Volumes: locally advanced disease about 80 cm3 [M]; T1 to T2 below 5 cm about 9 cm3 [M].
ADVANCED = Trial("advanced", (80.0, 0.9), (64.0, 9.0), 0.60, (0.0, 0.0, 1.0), concurrent=True)
SEQUENTIAL = Trial("sequential", (80.0, 0.9), (61.0, 9.0), 0.64, (0.0, 0.0, 1.0), concurrent=False)
CHART_PATIENTS = Trial("CHART", (80.0, 0.9), (65.0, 8.0), 0.77, (0.36, 0.06, 0.58), False, UNSELECTED)
CHARTWEL_PATIENTS = Trial("CHARTWEL", (80.0, 0.9), (65.0, 8.0), 0.85, (0.05, 0.10, 0.85), False, UNSELECTED)
EARLY = Trial("early", (9.0, 0.7), (72.0, 8.0), 0.38, (1.0, 0.0, 0.0), concurrent=False)
LUNG1 = Trial("Lung1", (60.0, 1.3), (68.0, 10.2), 0.69, (0.21, 0.09, 0.70), False, UNSELECTED)


@dataclass(frozen=True, eq=False)
class Cohort:
    """The patients of a trial, treated with several schedules under common chance.

    Args:
        trial: who they are.
        schedules: the arms, or their short forms.
        n: patients.
        seed: of the run.
    """

    trial: Trial
    schedules: tuple[str | Scenario, ...]
    n: int
    seed: int = 0

    @cached_property
    def people(self) -> dict[str, np.ndarray]:
        """Volume, age, sex and stage."""
        rng = np.random.default_rng([self.seed, *self.trial.name.encode()])
        median, spread = self.trial.gtv_cm3
        return {
            "gtv_cm3": np.clip(rng.lognormal(np.log(median), spread, self.n), 0.5, 800.0),
            "age_years": np.clip(rng.normal(*self.trial.age_years, self.n), 35, 95),
            "male": rng.random(self.n) < self.trial.male,
            "stage": rng.choice(3, self.n, p=self.trial.stages),
        }

    @cached_property
    def samples(self) -> dict[str, np.ndarray]:
        """One draw of the prior for each patient, the same in every arm."""
        twin = PatientTwin(f"validate-{self.trial.name}")
        samples = dict(prior_belief(twin, self.n, self.seed).samples)
        samples["capacity_cm3"] = np.maximum(samples["capacity_cm3"], 2.0 * self.people["gtv_cm3"])
        return samples

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        """What each schedule becomes."""
        return tuple(course_of(s, self.trial.concurrent) for s in self.schedules)

    def volumes(self, days: np.ndarray, arm: int = 0) -> np.ndarray:
        """(patients, days) tumour volume over that of day 0."""
        return shares_of(self.courses[arm], self.samples, self.people["gtv_cm3"], days)

    @cached_property
    def local_days(self) -> np.ndarray:
        """(arms, patients) day of local failure."""
        arms = len(self.schedules)
        kinetics = DoseVolumeKinetics(self.people["gtv_cm3"])
        p = {k: np.broadcast_to(v, (arms, self.n)) for k, v in self.samples.items()}
        last = max(c.end_days for c in self.courses) + 1.0
        state = kinetics.advance(kinetics.start(PatientTwin("cohort"), p), p, self.courses, last)
        ends = np.array([c.end_days for c in self.courses])[:, None]
        return failure_days(state.survivors, p, self.people["gtv_cm3"], ends)

    @cached_property
    def doses(self) -> OrganDoses:
        """What the organs get in each arm."""
        return OrganDoses.of(self)

    def lives(self, *, heart: bool = True, immune: bool = True, fatal: bool = True, **changes) -> LifeTimes:
        """(arms, patients) life times; each harm of the dose can be left out."""
        u = draws(f"validate-{self.trial.name}", self.seed, np.arange(self.n))
        arguments = {
            "local_days": self.local_days,
            "stage": self.people["stage"],
            "age_years": self.people["age_years"],
            "male": self.people["male"],
            "end_days": np.array([c.end_days for c in self.courses])[:, None],
            "pneumonitis": self.doses.pneumonitis if fatal else 0.0,
            "mean_heart_gy": self.doses.heart_gy if heart else np.nan,
            "edic_gy": self.doses.edic_gy if immune else np.nan,
            "constants": self.trial.constants,
        }
        return life_times(changes.pop("u", u), **{**arguments, **changes})


@dataclass(frozen=True, eq=False)
class OrganDoses:
    """(arms, patients) doses of in-silico patients of like volume, Gy, and the probabilities that follow."""

    lung_gy: np.ndarray
    heart_gy: np.ndarray
    edic_gy: np.ndarray
    oesophagitis: np.ndarray
    pneumonitis: np.ndarray

    @classmethod
    def of(cls, cohort: Cohort) -> OrganDoses:
        """Those of a cohort's arms."""
        references = ReferencePatients.of(cohort.trial.stages[0] == 1.0)
        advanced = cohort.people["stage"] == 2
        far = np.abs(np.log(cohort.people["gtv_cm3"])[:, None] - references.log_gtv)
        far = far + np.where(references.nodes == advanced[:, None], 0.0, 1.0)
        near = np.argsort(far, axis=1, kind="stable")[:, :SIMILAR]
        pick = np.random.default_rng([cohort.seed, 5]).integers(0, near.shape[1], cohort.n)
        chosen = near[np.arange(cohort.n), pick]
        parts = {organ: values[chosen] for organ, values in references.parts.items()}
        drugs = cohort.trial.concurrent
        rows = []
        for course in cohort.courses:
            dose = course.dose_gy[course.kind == Event.FRACTION]
            total, n = float(dose.sum()), np.array(len(dose))
            lung, heart = (total * parts[organ].mean(axis=1) for organ in ("Lungs-GTV", "Heart"))
            immune = dose_to_immune_cells_gy(lung, heart, references.integral_cm3[chosen] * total, n)
            effects = [complication(name, course, parts, concurrent=drugs) for name in _EFFECTS]
            rows.append((lung, heart, immune, *effects))
        return cls(*(np.stack(column) for column in zip(*rows, strict=True)))


_EFFECTS = ("oesophagitis", "pneumonitis")


def shares_of(
    course: Course, samples: dict[str, np.ndarray], gtv_cm3: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """(patients, days) tumour volume over that of day 0.

    Args:
        course: what is given.
        samples: name -> (patients,) parameters.
        gtv_cm3: (patients,) volume at day 0, cm3.
        days: (days,) rising, from day 0.
    """
    kinetics = DoseVolumeKinetics(gtv_cm3)
    start = kinetics.start(PatientTwin("cohort"), samples)
    return kinetics.follow(start, samples, [course], days)[0] / gtv_cm3[:, None]


def course_of(schedule: str | Scenario, concurrent: bool) -> Course:
    """A schedule from Monday on, with two cycles of drugs where they are concurrent.

    Args:
        schedule: short form, preset's name or scenario.
        concurrent: whether drugs are.
    """
    scenario = Scenario.parse(schedule) if isinstance(schedule, str) else schedule
    slots = list(fraction_times(scenario, 0))
    events = [(s.time_days, Event.FRACTION, s.dose_gy, 0.0) for s in slots]
    if concurrent:
        events += [(day, Event.CHEMOTHERAPY, 0.0, 0.5) for day in (0.3, 21.3)]
    events.sort(key=lambda e: e[0])
    events.append((slots[-1].time_days, Event.COURSE_END, 0.0, 0.0))
    times, kinds, doses, scales = zip(*events, strict=True)
    return Course(
        np.array(times),
        np.array(kinds, dtype=np.int8),
        np.array(doses),
        np.full(len(times), -1, dtype=np.int16),
        np.array(scales),
    )


def hazard_ratio(treated: np.ndarray, control: np.ndarray, until_days: float = 5 * YEAR_D) -> float:
    """Hazard ratio of death from two arms' times, both followed to a day: (O1/E1) / (O0/E0) (Peto 1977).

    Args:
        treated: (n,) times of one arm, days; inf where it never happens.
        control: (n,) times of the other arm, days.
        until_days: up to where both are followed, days.
    """
    times = np.concatenate([treated, control])
    first = np.concatenate([np.ones(len(treated)), np.zeros(len(control))])
    order = np.argsort(times, kind="stable")
    times, first = times[order], first[order]
    at_risk = np.arange(len(times), 0, -1)
    treated_at_risk = np.cumsum(first[::-1])[::-1]
    dead = times <= until_days
    expected = (treated_at_risk / at_risk)[dead].sum()
    observed = first[dead].sum()
    return float(observed / expected / ((dead.sum() - observed) / (dead.sum() - expected)))
