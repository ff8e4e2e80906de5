"""Published outcomes and what this engine makes of the same treatment, trial by trial.

Each trial is a simulated cohort: ages, stages and tumour volumes as its patients had them, parameters from the prior,
organ doses borrowed from in-silico patients. All arms share their chance. Calibrated on: Fox (regression), local
failures of 60/30 within two years, and the survival of Lung1; everything else is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenarios.calendar import fraction_times
from scenarios.scenario import Gap, Scenario
from scenarios.validate import NOT_COMPARABLE, Row
from simulators.course import Course, Event
from simulators.multistate import (
    DRAWS,
    MONTH_D,
    TRIAL,
    UNSELECTED,
    LifeTimes,
    SurvivalConstants,
    draws,
    life_times,
    median_months,
    survival_curve,
)
from twin import PatientTwin

YEAR_D = 365.25
LENDERS = 6  # in-silico patients, the nearest in volume and nodes, of which each patient borrows one
DRAW_HARM = DRAWS.index("harm")  # places the immune term between its bounds
_Z = 1.96


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
        from simulators.prior import prior_belief

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
        return _shares(self.courses[arm], self.samples, self.people["gtv_cm3"], days)

    @cached_property
    def local_days(self) -> np.ndarray:
        """(arms, patients) day of local failure."""
        from simulators.control import failure_days
        from simulators.dose_volume import DoseVolumeKinetics

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
    """(arms, patients) doses borrowed from in-silico patients of like volume, in EQD2 (3) where effects need it."""

    lung_gy: np.ndarray
    heart_gy: np.ndarray
    edic_gy: np.ndarray
    oesophagus_v60: np.ndarray
    pneumonitis: np.ndarray

    @classmethod
    def of(cls, cohort: Cohort) -> OrganDoses:
        """Those of a cohort's arms."""
        from scenarios.borrowed_dose import Lenders
        from simulators.complications import COMPLICATIONS, normal_tissue_eqd2
        from simulators.multistate import dose_to_immune_cells_gy

        lenders = Lenders.of(cohort.trial.stages[0] == 1.0)
        advanced = cohort.people["stage"] == 2
        far = np.abs(np.log(cohort.people["gtv_cm3"])[:, None] - lenders.log_gtv)
        far = far + np.where(lenders.nodes == advanced[:, None], 0.0, 1.0)
        near = np.argsort(far, axis=1, kind="stable")[:, :LENDERS]
        pick = np.random.default_rng([cohort.seed, 5]).integers(0, near.shape[1], cohort.n)
        chosen = near[np.arange(cohort.n), pick]
        pneumonitis = {c.name: c for c in COMPLICATIONS}["pneumonitis"]
        rows = []
        for course in cohort.courses:
            dose = course.dose_gy[course.kind == Event.FRACTION]
            total, n = float(dose.sum()), len(dose)
            parts = {organ: lenders.parts[organ][chosen] * total for organ in lenders.parts}
            late = {organ: normal_tissue_eqd2(values, n) for organ, values in parts.items()}
            lung, heart = (parts[o].mean(axis=1) for o in ("Lungs-GTV", "Heart"))
            rows.append(
                (
                    lung,
                    heart,
                    dose_to_immune_cells_gy(lung, heart, lenders.integral_cm3[chosen] * total, np.array(n)),
                    (late["Esophagus"] >= 60.0).mean(axis=1),
                    pneumonitis.probability(late["Lungs-GTV"].mean(axis=1)),
                )
            )
        return cls(*(np.stack(column) for column in zip(*rows, strict=True)))


def _shares(
    course: Course, samples: dict[str, np.ndarray], gtv_cm3: np.ndarray, days: np.ndarray
) -> np.ndarray:
    """(patients, days) tumour volume over that of day 0."""
    from simulators.dose_volume import DoseVolumeKinetics

    kinetics = DoseVolumeKinetics(gtv_cm3)
    start = kinetics.start(PatientTwin("cohort"), samples)
    return kinetics.follow(start, samples, [course], days)[0] / gtv_cm3[:, None]


def course_of(schedule: str | Scenario, concurrent: bool) -> Course:
    """A schedule from Monday on, with two cycles of drugs where they are concurrent."""
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
    """Hazard ratio of death from two arms' times, both followed to a day: (O1/E1) / (O0/E0) (Peto 1977)."""
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


def _share(name: str, source: str, published: float, n: int, ours: float, **more) -> Row:
    """A percentage with the binomial interval of its n patients."""
    half = 100 * _Z * np.sqrt(published / 100 * (1 - published / 100) / n)
    return Row(
        name, source, "clinical", published, max(0.0, published - half), published + half, ours, **more
    )


def _median(name: str, source: str, published: float, n: int, ours: float, **more) -> Row:
    """A median survival in months; the interval is that of an exponential with n deaths."""
    factor = float(np.exp(_Z / np.sqrt(n)))
    return Row(name, source, "clinical", published, published / factor, published * factor, ours, **more)


def clinical_rows(patients: int, seed: int) -> list[Row]:
    """Regression, control, complications and survival."""
    parts: tuple[Callable[[int, int], Iterator[Row]], ...] = (
        regression_rows,
        control_rows,
        chart_rows,
        rtog0617_rows,
        survival_rows,
        complication_rows,
    )
    return [row for part in parts for row in part(patients, seed)]


def regression_rows(patients: int, seed: int) -> Iterator[Row]:
    """Tumour volume during radiotherapy in fractions of 2 Gy with concurrent drugs."""
    cohort = Cohort(ADVANCED, ("66/33",), patients, seed)
    days = np.array([0.3, 2.4, 14.3, 18.5, 28.3, 30.5, 32.5, 44.3])
    share = dict(zip(days.tolist(), np.median(cohort.volumes(days), axis=0).tolist(), strict=True))
    for gy, day, published in ((30, 18.5, -24.7), (50, 32.5, -44.3)):
        yield Row(
            f"median change of the GTV at {gy} Gy, %", "Fox 2009, 22 patients", "clinical", published,
            published - 6, published + 6, 100 * (share[day] - 1), held_out=False,
            note="the clearance's median was set on it; interval of 6 points for 22 patients",
        )  # fmt: skip
    yield Row(
        "change of the volume from week 1 to week 5, %", "PMID 29623466, 50 patients", "clinical", -40.0, -45.0,
        -35.0, 100 * (share[30.5] / share[2.4] - 1), note="within 5 points was asked",
    )  # fmt: skip
    yield from _cbct_rows(cohort, seed)
    yield Row(
        "median regression on day 39, %", "range of series", "clinical", 52.5, 40.0, 65.0,
        100 * (1 - float(np.median(cohort.volumes(np.array([39.0]))))),
    )  # fmt: skip


def _cbct_rows(cohort: Cohort, seed: int, studies: int = 200, size: int = 52) -> Iterator[Row]:
    """52 patients of one clinic: the band is that of studies of that size, each with a cohort effect of its own."""
    from simulators.prior import CLINICAL

    rng = np.random.default_rng([seed, size])
    chosen = rng.integers(0, cohort.n, studies * size)
    p = {name: values[chosen] for name, values in cohort.samples.items()}
    factor = np.exp(CLINICAL.clearance_cohort_sd * rng.normal(size=studies)).repeat(size)
    p["clearance_half_time_d"] = p["clearance_half_time_d"] / p["clearance_cohort_factor"] * factor
    gtv = cohort.people["gtv_cm3"][chosen]
    days = np.array([0.3, 14.3, 28.3, 44.3])
    volumes = _shares(cohort.courses[0], p, gtv, days) * gtv[:, None]
    medians = np.median(volumes.reshape(studies, size, len(days)), axis=1)
    low, ours, high = np.quantile(medians[:, 1:] / medians[:, :1], [0.025, 0.5, 0.975], axis=0)
    for i, (fraction, published) in enumerate(((11, 48.3 / 77.1), (21, 42.5 / 77.1), (33, 29.9 / 77.1))):
        yield Row(
            f"median volume over that of fraction 1, fraction {fraction}", "kV-CBCT, PMID 28843360, 52 patients",
            "clinical", published, published - (high[i] - ours[i]), published + (ours[i] - low[i]), float(ours[i]),
            note="interval: the 95 % predictive band of a study of 52 with its own cohort effect",
        )  # fmt: skip


def control_rows(patients: int, seed: int) -> Iterator[Row]:
    """Local control."""
    gap = Scenario(plan=Scenario.parse("60/30").plan, gaps=(Gap(from_day=14, days=7),))
    missed = Cohort(SEQUENTIAL, ("60/30", gap), patients, seed)
    cured = 100 * np.isinf(missed.local_days).mean(axis=1)
    yield Row(
        "tumour control, a week missed and made up, points", "effect of time in trials", "clinical", -7.5, -10.0, -5.0,
        float(cured[1] - cured[0]),
    )  # fmt: skip
    with_drugs = Cohort(ADVANCED, ("60/30",), patients, seed).lives()
    yield Row(
        "2-year local failure of 60/30 with chemotherapy, %", "RTOG 0617 and pooled trials [M]", "clinical", 38.5, 31.0,
        46.0, 100 * float(with_drugs.failed_locally(2 * YEAR_D).mean()),
        held_out=False, note="regrowth of survivors at three times the untreated rate was set on it",
    )  # fmt: skip
    sbrt = Cohort(EARLY, ("54/3",), patients, seed)
    controlled = 100 * float((sbrt.local_days > 3 * YEAR_D).mean())
    yield Row(
        "3-year primary tumour control of 54/3, %",
        "RTOG 0236, 55 patients",
        "clinical",
        97.6,
        84.3,
        99.7,
        controlled,
    )
    lives = sbrt.lives()
    alive = 100 * float(lives.alive(3 * YEAR_D).mean())
    yield _share("3-year survival after 54/3, %", "RTOG 0236, 55 patients", 55.8, 55, alive)


def chart_rows(patients: int, seed: int) -> Iterator[Row]:
    """Acceleration: CHART and CHARTWEL against conventional fractionation."""
    chart = Cohort(CHART_PATIENTS, ("60/30", "CHART"), patients, seed)
    control = 100 * (chart.local_days > 2 * YEAR_D).mean(axis=1)
    yield Row(
        "CHART less 60/30, 2-year local control, points", "CHART 1999, 563 patients: CHART better", "clinical", 8.0,
        0.0, 100.0, float(control[1] - control[0]), note="the sign is the anchor",
    )  # fmt: skip
    lives = chart.lives()
    for i, (arm, published, n) in enumerate((("60/30", 20.0, 225), ("CHART", 29.0, 338))):
        ours = 100 * float(lives.alive(2 * YEAR_D)[i].mean())
        yield _share(
            f"2-year survival, {arm}, %", "CHART 1999", published, n, ours,
            note="staged in 1990 to 1995 without PET; the engine has no effect of the era",
        )  # fmt: skip
    gain = 100 * float(lives.alive(2 * YEAR_D)[1].mean() - lives.alive(2 * YEAR_D)[0].mean())
    yield Row("2-year survival, CHART less 60/30, points", "CHART 1999", "clinical", 9.0, 1.8, 16.2, gain)
    wel = Cohort(CHARTWEL_PATIENTS, ("66/33", "CHARTWEL"), patients, seed)
    lives = wel.lives()
    gain = 100 * float(lives.alive(2 * YEAR_D)[1].mean() - lives.alive(2 * YEAR_D)[0].mean())
    yield Row(
        "2-year survival, CHARTWEL less 66/33, points", "CHARTWEL 2011, 406 patients", "clinical", -1.0, -10.0, 8.0,
        gain, note="the trial found the arms equal; repopulation alone says CHARTWEL is better",
    )  # fmt: skip
    control = 100 * (wel.local_days > 2 * YEAR_D).mean(axis=1)
    yield Row(
        "2-year local control, CHARTWEL less 66/33, points", "CHARTWEL 2011: no difference", "clinical", 0.0,
        -10.0, 10.0, float(control[1] - control[0]), note="a miss to be expected of LQ with time",
    )  # fmt: skip


def rtog0617_rows(patients: int, seed: int) -> Iterator[Row]:
    """74 against 60 Gy: the hazard ratio of death term by term. Nothing is tuned towards it."""
    cohort = Cohort(ADVANCED, ("60/30", "74/37"), patients, seed)
    u = draws(f"validate-{ADVANCED.name}", seed, np.arange(patients))

    def ratio(edic_quantile: float | None = None, **terms: bool) -> float:
        own = u.copy()
        if edic_quantile is not None:
            own[:, DRAW_HARM] = edic_quantile
        death = cohort.lives(u=own, **terms).death
        return hazard_ratio(death[1], death[0])

    source = "RTOG 0617, 496 patients"
    whole = ratio()
    low, high = ratio(0.0), ratio(1.0)
    terms = (
        f"control alone {ratio(heart=False, immune=False, fatal=False):.2f}, "
        f"with heart dose {ratio(immune=False, fatal=False):.2f}, "
        f"with immune dose {ratio(fatal=False):.2f}, with fatal pneumonitis {whole:.2f}; "
        f"{low:.2f} to {high:.2f} over the immune term; what is missing to 1.35 has no honest term"
    )
    yield Row("hazard ratio of death, 74 over 60 Gy", source, "clinical", 1.35, 1.08, 1.69, whole, note=terms)
    lives = cohort.lives()
    for i, (arm, months, n, five) in enumerate((("60 Gy", 28.7, 218, 32.1), ("74 Gy", 20.3, 206, 23.0))):
        yield _median(f"median survival, {arm}, months", source, months, n, median_months(lives.death[i]))
        ours = 100 * float(lives.alive(5 * YEAR_D)[i].mean())
        yield _share(f"5-year survival, {arm}, %", source, five, n, ours)
    for i, (arm, published, n) in enumerate((("60 Gy", 18.3, 218), ("74 Gy", 13.0, 206))):
        ours = 100 * float((lives.progression[i] > 5 * YEAR_D).mean())
        yield _share(f"5-year progression-free survival, {arm}, %", source, published, n, ours)


def survival_rows(patients: int, seed: int) -> Iterator[Row]:
    """Survival of cohorts and trials without a dose question."""
    lung1 = Cohort(LUNG1, ("60/30",), patients, seed).lives()
    for years, published in ((1, 64.2), (2, 40.3), (3, 31.3), (5, 19.1)):
        ours = 100 * float(lung1.alive(years * YEAR_D).mean())
        yield _share(
            f"{years}-year survival, %", "Lung1, 338 patients", published, 338, ours, held_out=False,
            note="relapse, survival after it and other causes of unselected patients were set on this curve",
        )  # fmt: skip
    for trial, arm, months, five, n in (
        (SEQUENTIAL, "sequential", 14.6, 10.0, 195),
        (ADVANCED, "concurrent", 17.0, 16.0, 195),
    ):
        lives = Cohort(trial, ("62.4/35",), patients, seed).lives()
        source = f"RTOG 9410, {arm}"
        era = "staged in 1994 to 1998 without PET; the engine has no effect of the era"
        yield _median("median survival, months", source, months, n, median_months(lives.death), note=era)
        ours = 100 * float(lives.alive(5 * YEAR_D).mean())
        yield _share("5-year survival, %", source, five, n, ours, note=era)
    lives = Cohort(ADVANCED, ("60/30",), patients, seed).lives()
    entry = 39.4 + MONTH_D
    eligible = lives.progression > entry
    after = lives.death[eligible] - entry
    yield _median(
        "median survival, placebo, months", "PACIFIC, 237 patients", 29.1, 237, median_months(after)
    )
    five = 100 * float(survival_curve(after, np.array([5 * YEAR_D]))[0])
    yield _share("5-year survival, placebo, %", "PACIFIC, 237 patients", 33.4, 237, five)


def complication_rows(patients: int, seed: int) -> Iterator[Row]:
    """Complications of organ doses that are borrowed from in-silico patients."""
    from simulators.complications import PNEUMONITIS_FATAL, oesophagitis_by_v60

    doses = Cohort(ADVANCED, ("60/30", "74/37"), patients, seed).doses
    oesophagitis = 100 * oesophagitis_by_v60(doses.oesophagus_v60).mean(axis=1)
    for i, (arm, published, n) in enumerate((("60 Gy", 5.0, 218), ("74 Gy", 17.4, 206))):
        yield _share(
            f"oesophagitis of grade 3 or more, {arm}, %", "RTOG 0617", published, n, float(oesophagitis[i])
        )
    yield Row(
        "oesophagitis of grade 3 or more, 74 less 60 Gy, points", "RTOG 0617", "clinical", 12.4, 0.0, 100.0,
        float(oesophagitis[1] - oesophagitis[0]), note="the sign is the anchor",
    )  # fmt: skip
    pneumonitis = 100 * doses.pneumonitis.mean(axis=1)
    for i, (arm, published) in enumerate((("60 Gy", 20.6), ("74 Gy", 19.3))):
        yield Row(
            f"pulmonary events of grade 3 or more, {arm}, %", "RTOG 0617", "clinical", published, published, published,
            float(pneumonitis[i]),
            note=f"{NOT_COMPARABLE}: ours is symptomatic pneumonitis, mostly grade 2 or more",
        )  # fmt: skip
    fatal = float(pneumonitis[0]) * PNEUMONITIS_FATAL / TRIAL.symptomatic_pneumonitis
    yield _share(
        "fatal pneumonitis, %", "Palma 2013, 836 patients [M]", 1.9, 836, fatal,
        note="follows the rate of pneumonitis: 29.8 % in Palma's patients",
    )  # fmt: skip
    ratio = float((doses.lung_gy[1] / doses.lung_gy[0]).mean())
    yield Row(
        "mean lung dose, 74 over 60 Gy", "proportion of the doses", "clinical", 1.233, 1.22, 1.24, ratio
    )
