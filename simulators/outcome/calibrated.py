"""The outcome model that is calibrated on published trials: each sample is a draw of the population's parameters.

A probability is an expected value: patients like this one averaged within each draw, by the closed forms of
`simulators.calibration`; its interval is the spread over draws, with the terms of a trial that nobody has seen and of
its arm. Lives are drawn one a sample from the same curves. What the twin learned of its tumour moves control as far as
an uncertain link lets it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import numpy as np

from simulators.belief.prior import DIMENSIONS, points
from simulators.calibration.evidence import evidence
from simulators.calibration.model import (
    ENTRY_MONTHS,
    MONTHS,
    VOLUME_CM3,
    Arms,
    cell_curves,
    control_probability,
    failure_ratio,
    hazards,
    relapse_probability,
)
from simulators.calibration.posterior import Posterior
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course, Event
from simulators.core.outcome import LifeTimes, Treated
from simulators.outcome.complications import PNEUMONITIS_FATAL
from simulators.outcome.life import (
    DRAWS,
    MONTH_D,
    TRIAL,
    draws,
    harm_ratio,
    pneumonitis_onset_days,
    stage_index,
)
from simulators.outcome.schedule import Schedule
from simulators.outcome.standard import StandardOutcomes
from twin import ClinicalRecord, InputError

_DECADES = 1.5  # patients of today are those of the latest trials, about 2020
_LEAST_ALPHA = 0.05  # of its mean: no tumour feels nothing
CONTOUR_SD = 0.1  # SD(ln) of a measured volume, as in the engine's prior [quoted from memory]
# Hazard of death for each grade of ECOG: 694 patients of stage III, five CALGB trials (Ann Oncol 2004); mean of trials.
_ECOG_RATIO, _ECOG_MEAN = 1.24, 0.55
# Deaths of other causes: they double every 8 years, men against women 0.023 to 0.015 [quoted from memory]; the means of
# the trials' patients, early and late disease [assumed].
_DOUBLING_YEARS, _AGE_YEARS, _SEX = (
    8.0,
    (74.0, 74.0, 63.0),
    {"male": 0.023 / 0.0198, "female": 0.015 / 0.0198},
)
_OUTCOMES = {
    "local_control_2y": ("local_control", 24),
    "overall_survival_2y": ("overall_survival", 24),
    "overall_survival_5y": ("overall_survival", 60),
    "progression_free_survival_2y": ("progression_free_survival", 24),
} | {
    f"{place}_failure_{years}y": (f"{place}_failure", 12 * years)
    for place in ("local", "regional", "distant")
    for years in (2, 5)
}


@cache
def frozen() -> Posterior:
    """The posterior that this software carries.

    Raises:
        InputError: it is of another version, or was fitted to another table than the one carried.
    """
    return Posterior.load(digest=evidence().digest)


class CalibratedOutcomes(StandardOutcomes):
    """Control and survival as calibrated on trials; complications are the standard ones."""

    name = "calibrated"
    notes: Mapping[str, str] = {
        "control": "calibrated on trials (docs/evidence.md); this patient's scans move it by an uncertain link",
        "local_control": "no local failure by day 730; calibrated on trials",
        "survival": "from day 0; calibrated on trials",
    }

    def control(self, treated: Treated) -> np.ndarray:
        """(n,) expected control in each draw of the population.

        Args:
            treated: what was given; survivors are not looked at.
        """
        return control_probability(*_case(treated))

    def expected(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Outcome -> (n,) expected values in each draw of the population; survival where stage, age and sex are known.

        Args:
            treated: what was given.
            harm: as for `lives`.
        """
        case = _case(treated, harm)
        found = cell_curves(*case)
        values = {k: found[curve][:, np.searchsorted(MONTHS, at)] for k, (curve, at) in _OUTCOMES.items()}
        control = {
            "tumour_control": control_probability(*case),
            "local_control_2y": values.pop("local_control_2y"),
        }
        spared = 1.0 - fatal_probability(harm)
        return control | (
            {k: 1.0 - v if "failure" in k else spared * v for k, v in values.items()}
            if complete(treated.twin.clinical)
            else {}
        )

    def local_days(self, treated: Treated) -> np.ndarray:
        """(n,) day of local failure, whatever else happens; infinite where there is none.

        Args:
            treated: what was given.
        """
        q, arms = _case(treated)
        u = _uniforms(treated)["immune"]
        lasting = 1.0 - control_probability(q, arms)
        return MONTH_D * _failure_months(
            u, lasting, q["local_months"], q["local_spread"], failure_ratio(q, arms)
        )

    def lives(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> LifeTimes:
        """Failure and death in each sample, drawn from the curves.

        Args:
            treated: what was given.
            harm: `mean_heart_dose` scales death as in the standard model, `pneumonitis` may be fatal.

        Raises:
            InputError: age, sex or a stage of I to III is missing.
        """
        record = treated.twin.clinical
        if not complete(record):
            raise InputError("survival needs the clinical record's age_years, sex and a stage of I to III")
        q, arms = _case(treated, harm)
        at, ratio = _uniforms(treated), failure_ratio(q, arms)
        times = q["distant_months"], q["distant_spread"], ratio
        distant = _failure_months(at["relapses"], relapse_probability(q, arms), *times)
        regional = _failure_months(at["frailty"], _phi(q["regional"]), *times)
        local = self.local_days(treated) / MONTH_D
        after, other = hazards(q, arms)
        cancer = np.minimum.reduce([local, regional, distant]) - np.log(at["after"]) / after
        onset = pneumonitis_onset_days(treated.end_days, at["onset"]) / MONTH_D
        treatment = np.where(at["fatal"] < fatal_probability(harm), onset, np.inf)
        deaths = np.stack([cancer, treatment, -np.log(at["other"]) / other])
        death = MONTH_D * deaths.min(axis=0)
        places = {"local": local, "distant": distant, "regional": regional}
        days = {place: MONTH_D * months for place, months in places.items()}
        return LifeTimes(death=death, cause=deaths.argmin(axis=0), **days)


OUTCOME_MODEL = CalibratedOutcomes


def complete(record: ClinicalRecord) -> bool:
    """Whether survival can be told: age, sex and a stage of I to III are known.

    Args:
        record: the patient's.
    """
    known = record.age_years is not None and record.sex is not None
    return known and stage_index(record.stage) is not None


def _uniforms(treated: Treated) -> dict[str, np.ndarray]:
    u = draws(treated.twin.id, treated.seed, np.arange(len(treated.survivors)))
    return dict(zip(DRAWS, u.T, strict=True))


def fatal_probability(harm: Mapping[str, np.ndarray]) -> np.ndarray:
    """(n,) probability of fatal pneumonitis.

    Args:
        harm: with `pneumonitis`, where it is known.
    """
    return np.asarray(harm.get("pneumonitis", 0.0)) * PNEUMONITIS_FATAL / TRIAL.symptomatic_pneumonitis


def _phi(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x)


def _failure_months(
    u: np.ndarray, chance: np.ndarray, median: np.ndarray, spread: np.ndarray, ratio: np.ndarray
) -> np.ndarray:
    """Months of a failure that a chance of patients has, log-normal, its hazard scaled from entry on."""
    from scipy.special import ndtri

    at_entry = 1.0 - chance * _phi((np.log(ENTRY_MONTHS) - np.log(median)) / spread)
    free = np.where(u < at_entry, (u * at_entry ** (ratio - 1.0)) ** (1.0 / ratio), u)
    failed = np.clip((1.0 - free) / np.maximum(chance, 1e-12), 0.0, 1.0)
    with np.errstate(over="ignore"):
        return np.where(failed < 1.0, median * np.exp(spread * ndtri(np.minimum(failed, 1 - 1e-12))), np.inf)


def _case(
    treated: Treated, harm: Mapping[str, np.ndarray] | None = None
) -> tuple[dict[str, np.ndarray], Arms]:
    """Each sample's draw of the population, and the patient as a cell for each sample."""
    n = len(treated.survivors)
    posterior = frozen()
    chosen = (
        np.arange(n) * len(posterior.draws) // n
        if n <= len(posterior.draws)
        else np.arange(n) % len(posterior.draws)
    )
    q = {name: values[chosen, 0] for name, values in posterior.parameters().items()}
    q |= _learned(q, treated)
    trial = _normals(Key(treated.seed, treated.twin.id, Purpose.POPULATION), n, 3)
    plan = hashlib.sha256(repr([_given(c).tolist() for c in treated.courses[:1]]).encode()).hexdigest()
    arm = _normals(Key(treated.seed, f"{treated.twin.id} {plan}", Purpose.POPULATION), n, 2)
    q["u_control"] = q["trial_control"] * trial[:, 0] + q["arm_control"] * arm[:, 0]
    q["u_distant"] = q["trial_distant"] * trial[:, 1]
    q["u_death"] = q["trial_death"] * trial[:, 2] + q["arm_death"] * arm[:, 1]
    return q, cells(treated, harm or {})


def _learned(q: Mapping[str, np.ndarray], treated: Treated) -> dict[str, np.ndarray]:
    """What the twin's own scans say of its radiosensitivity, as far as the link to control holds.

    A patient's radiosensitivity is standard normal before, r z + sqrt(1 - r^2) e with z that of the belief and e its
    own; z became normal with mean m and SD s, r is uniform from 0 to 1 in each sample. So alpha's mean grows by r m
    of its SDs, and its variance shrinks to 1 - r^2 (1 - s^2); before any observation nothing changes.
    """
    belief = treated.twin.belief
    if belief is None or belief.kind == "prior":
        return {}
    z = points(belief.samples, treated.twin)[:, DIMENSIONS.index("alpha")]
    key = Key(treated.seed, treated.twin.id, Purpose.POPULATION, ordinal=1)
    link = uniforms(key, np.arange(len(treated.survivors)), 1)[:, 0]
    mean = 1.0 + q["alpha_spread"] * link * z.mean()
    spread = q["alpha_spread"] * np.sqrt(1.0 - link**2 * (1.0 - min(float(z.var()), 1.0)))
    mean = np.maximum(mean, _LEAST_ALPHA)
    return {"alpha_per_gy": q["alpha_per_gy"] * mean, "alpha_spread": spread / mean}


def _normals(key: Key, n: int, dimensions: int) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(uniforms(key, np.arange(n), dimensions))


def _given(course: Course) -> np.ndarray:
    """(2, fractions) times and doses."""
    fractions = course.of(Event.FRACTION)
    return np.stack([course.time_days[fractions], course.dose_gy[fractions]])


def cells(treated: Treated, harm: Mapping[str, np.ndarray]) -> Arms:
    """The patient as a cell of the calibrated model for each sample.

    Args:
        treated: what was given.
        harm: `mean_heart_dose` scales death.
    """
    record, n = treated.twin.clinical, len(treated.survivors)
    stage = 2 if stage_index(record.stage) is None else stage_index(record.stage)
    each = {id(course): course for course in treated.courses}  # samples of an open loop share one
    known = {key: _facts(course) for key, course in each.items()}
    facts = np.array([known[id(course)] for course in treated.courses]).T
    total, size, days, drugs, concurrent, immune = facts
    ones = np.ones(n)
    return Arms(
        names=(), trials=(), trial=np.zeros(0, int), randomised=np.zeros(0), arm=np.arange(n), mix=np.zeros((0, n)),
        stage=np.full(n, stage), total_gy=total[:, None], size_gy=size[:, None], days=days[:, None],
        weight=ones[:, None], drugs=drugs, concurrent=concurrent, immune=immune, operable=0 * ones,
        decades=_DECADES * ones, after=0 * ones, volume_sd=CONTOUR_SD * ones,
        log_volume=np.log(treated.twin.gtv_cm3 / VOLUME_CM3[-1]) * ones,
        death_ratio=_ECOG_RATIO ** (0.0 if record.ecog is None else record.ecog - _ECOG_MEAN)
        * harm_ratio(harm.get("mean_heart_dose", np.nan), np.nan, stage=int(stage or 0)) * ones,
        other_ratio=_other_ratio(record, int(stage or 0)) * ones,
    )  # fmt: skip


def _other_ratio(record: ClinicalRecord, stage: int) -> float:
    older = 0.0 if record.age_years is None else record.age_years - _AGE_YEARS[stage]
    return 2.0 ** (older / _DOUBLING_YEARS) * _SEX.get(record.sex or "", 1.0)


def _facts(course: Course) -> tuple[float, float, float, float, float, float]:
    """Total dose, dose a fraction with incomplete repair, days; drugs, concurrent drugs, consolidation."""
    given = Schedule.of(course)
    cycles = course.of(Event.CHEMOTHERAPY)
    return (
        given.total_gy,
        given.size_gy,
        given.days,
        float(cycles.size > 0),
        float((course.scale[cycles] > 0).any()),
        float(course.of(Event.IMMUNOTHERAPY).size > 0),
    )
