"""Patients as cells of the calibrated model: expected values and drawn lives of many patients and samples at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from simulators.calibration.evidence import evidence
from simulators.calibration.model import (
    ENTRY_MONTHS,
    MONTHS,
    VOLUME_CM3,
    Arms,
    at_month,
    cell_curves,
    control_probability,
    hazards,
    immune_ratio,
    regional_probability,
    relapse_probability,
)
from simulators.calibration.posterior import Posterior
from simulators.core.chance import Key, Purpose, stratified, uniforms
from simulators.core.outcome import LifeTimes
from simulators.outcome.complications import PNEUMONITIS_FATAL
from simulators.outcome.given import Given
from simulators.outcome.life import MONTH_D, TRIAL, harm_ratio, pneumonitis_onset_days, stage_index
from twin import ClinicalRecord

CONTOUR_SD = 0.1  # SD(ln) of a measured volume, as in the engine's prior [quoted from memory]


@dataclass(frozen=True)
class PatientEffects:
    """What no arm of a trial informs: how one patient differs from another of his stage.

    Args:
        decades: since 2005: patients of today are those of the latest trials, about 2020.
        volume_hazard: hazard of failure goes with this power of the volume over the median of its stage, mean and SD.
            150 patients of stage I to III, median 80 cm3 (Etiz 2002): larger against smaller half, local control p =
            0.001, distant p = 0.03, survival p = 0.01, stage 0.7. As log ratios by 2 z / sqrt(events), with some 75
            failures of each kind and 115 deaths, halves 1.9 apart in ln V [assumed]: powers 0.40, 0.26 and 0.25, of
            which clonogens make 0.1 of the first.
        ecog_ratio: hazard of death for each grade: 694 patients of stage III, five CALGB trials (Ann Oncol 2004).
        ecog_mean: of trials.
        ecog_unknown: mean in practice, where nobody is chosen by it: Dehing-Oberije 2009 [quoted from memory].
        doubling_years: in which deaths of other causes double.
        age_years: mean of the trials' patients of stage I, II and III [assumed].
        other_per_year: deaths of other causes of men and women [quoted from memory].
    """

    decades: float = 1.5
    volume_hazard: tuple[float, float] = (0.30, 0.10)
    ecog_ratio: float = 1.24
    ecog_mean: float = 0.55
    ecog_unknown: float = 0.87
    doubling_years: float = 8.0
    age_years: tuple[float, float, float] = (74.0, 74.0, 63.0)
    other_per_year: tuple[float, float] = (0.023, 0.015)


EFFECTS = PatientEffects()
_OTHER_MEAN = 0.0198  # per year, of the trials' men and women
_CURVES = {
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


def complete(record: ClinicalRecord) -> bool:
    """Whether survival can be said: age, sex and a stage from I to III are known.

    Args:
        record: of the patient.
    """
    return None not in (record.age_years, record.sex, stage_index(record.stage))


@dataclass(frozen=True, eq=False)
class Population:
    """What is believed of the population that patients come from.

    Args:
        posterior: of its parameters; the one that this software carries where None.
        effects: of what the trials do not tell.
    """

    posterior: Posterior | None = None
    effects: PatientEffects = EFFECTS

    @cached_property
    def parameters(self) -> dict[str, np.ndarray]:
        """Name -> (draws, 1) of the posterior, and of effects that take a published prior: no arm informs them."""
        posterior = self.posterior or frozen()
        mean, sd = self.effects.volume_hazard
        power = mean + sd * np.random.default_rng([0, 16]).standard_normal((len(posterior.draws), 1))
        return posterior.parameters() | {"volume_hazard": power}

    def drawn(self, index: np.ndarray, trial: np.ndarray, arm: np.ndarray) -> dict[str, np.ndarray]:
        """Draws of it, of the trial and of the arm, from uniform numbers: name -> arrays that broadcast.

        Args:
            index: (..., n) which draw of the posterior.
            trial: (..., n, 3) terms of a trial that nobody has seen.
            arm: (..., n, 2) terms of its arm.
        """
        from scipy.special import ndtri

        values = self.parameters
        chosen = (index * len(values["volume_hazard"])).astype(int)
        q = {name: of_draws[chosen, 0] for name, of_draws in values.items()}
        t, a = np.moveaxis(ndtri(trial), -1, 0), np.moveaxis(ndtri(arm), -1, 0)
        q["u_control"] = q["trial_control"] * t[0] + q["arm_control"] * a[0]
        q["u_distant"] = q["trial_distant"] * t[1]
        q["u_death"] = q["trial_death"] * t[2] + q["arm_death"] * a[1]
        return q


POPULATION = Population()


def of_trial(seed: int, n: int) -> np.ndarray:
    """(n, 3) uniform numbers of the trial's terms in each draw of the population: the same for all patients.

    Args:
        seed: the run's seed.
        n: samples.
    """
    return stratified(uniforms(Key(seed, "trial", Purpose.POPULATION), np.arange(n), 3))


def of_arm(seed: int, plan: str, n: int) -> np.ndarray:
    """(n, 2) uniform numbers of an arm's terms, the same for all who are given the same.

    Args:
        seed: the run's seed.
        plan: name of what is given (`given.plan_of`).
        n: samples.
    """
    return stratified(uniforms(Key(seed, f"arm {plan}", Purpose.POPULATION), np.arange(n), 2))


@dataclass(frozen=True, eq=False)
class Cases:
    """Patients p and samples n as cells of the model, with leading axes where plans are taken together.

    Args:
        q: parameters and terms, (..., p, n).
        cells: the patients and what they were given, (..., p, n).
        u: uniform numbers of lives by `life.DRAWS`, (p, n).
        end_days: end of radiotherapy, (..., p, n).
        fatal: probability of fatal pneumonitis, (..., p, n).
    """

    q: Mapping[str, np.ndarray]
    cells: Arms
    u: Mapping[str, np.ndarray]
    end_days: np.ndarray
    fatal: np.ndarray

    @classmethod
    def of(
        cls,
        records: Sequence[ClinicalRecord],
        gtv_cm3: np.ndarray,
        given: Given,
        q: Mapping[str, np.ndarray],
        u: Mapping[str, np.ndarray],
        end_days: np.ndarray,
        harm: Mapping[str, np.ndarray],
        effects: PatientEffects = EFFECTS,
    ) -> Cases:
        """Patients by their records; the mean of trials stands for a missing age or sex, that of practice for an ECOG.

        Args:
            records: (p,) of the patients.
            gtv_cm3: (p,) tumour volumes.
            given: (..., p, n) or what broadcasts to it.
            q, u, end_days: as in the class.
            harm: `mean_heart_dose` in Gy and `pneumonitis`, (..., p, n), where known.
            effects: of what the trials do not tell.
        """
        stage = _column([2 if (s := stage_index(r.stage)) is None else s for r in records])
        ecog = _column([effects.ecog_unknown if r.ecog is None else r.ecog for r in records])
        ones = np.ones_like(ecog)
        heart = harm_ratio(harm.get("mean_heart_dose", np.nan), np.nan, stage=stage)
        cells = Arms(
            names=(), trials=(), trial=np.zeros(0, int), randomised=np.zeros(0), arm=np.zeros(0, int),
            mix=np.zeros((0, 0)), stage=stage, total_gy=given.total_gy[..., None], size_gy=given.size_gy[..., None],
            days=given.days[..., None], weight=np.ones(1), drugs=given.drugs, concurrent=given.concurrent,
            immune=given.immune, operable=0 * ones, decades=effects.decades * ones, after=0 * ones,
            log_volume=np.log(_column(gtv_cm3) / VOLUME_CM3[-1]), volume_sd=CONTOUR_SD * ones,
            failure_ratio=(_column(gtv_cm3) / VOLUME_CM3[stage]) ** q["volume_hazard"],
            death_ratio=effects.ecog_ratio ** (ecog - effects.ecog_mean) * heart,
            other_ratio=_column([_other_ratio(r, s, effects) for r, s in zip(records, stage[:, 0], strict=True)]),
        )  # fmt: skip
        pneumonitis = np.nan_to_num(np.asarray(harm.get("pneumonitis", 0.0)))
        return cls(q, cells, u, end_days, pneumonitis * PNEUMONITIS_FATAL / TRIAL.symptomatic_pneumonitis)

    @cached_property
    def _control(self) -> np.ndarray:
        return control_probability(self.q, self.cells)

    def control(self) -> np.ndarray:
        """(..., p, n) expected control for good in each draw of the population."""
        return self._control

    def expected(self) -> dict[str, np.ndarray]:
        """Outcome -> (..., p, n) expected values in each draw of the population."""
        found = cell_curves(self.q, self.cells)
        values = {k: found[curve][..., np.searchsorted(MONTHS, at)] for k, (curve, at) in _CURVES.items()}
        local = values.pop("local_control_2y")
        survival = {
            k: 1.0 - v if k.split("_")[1] == "failure" else (1.0 - self.fatal) * v for k, v in values.items()
        }
        return {"tumour_control": self._control, "local_control_2y": local} | survival

    def at_two_years(self) -> dict[str, np.ndarray]:
        """`tumour_control`, `local_control_2y` and `overall_survival_2y` as `expected` has them, for many patients."""
        found = at_month(self.q, self.cells, 24)
        return {
            "tumour_control": self._control,
            "local_control_2y": found["local_control"],
            "overall_survival_2y": (1.0 - self.fatal) * found["overall_survival"],
        }

    def local_days(self) -> np.ndarray:
        """(..., p, n) day of local failure, whatever else happens; infinite where there is none, 0 without a dose."""
        times = self.q["local_months"], self.q["local_spread"], immune_ratio(self.q, self.cells)
        months = _failure_months(self.u["immune"], 1.0 - self._control, *times)
        return np.where(np.any(self.cells.total_gy, axis=-1), MONTH_D * months, 0.0)

    def lives(self) -> LifeTimes:
        """Failure and death in each sample, drawn from the curves."""
        q, cells, u = self.q, self.cells, self.u
        times = q["distant_months"], q["distant_spread"], immune_ratio(q, cells)
        distant = _failure_months(u["relapses"], relapse_probability(q, cells), *times)
        regional = _failure_months(u["frailty"], regional_probability(q, cells), *times)
        local = self.local_days() / MONTH_D
        after, other = hazards(q, cells)
        cancer = np.minimum(np.minimum(local, distant), regional) - np.log(u["after"]) / after
        onset = pneumonitis_onset_days(self.end_days, u["onset"]) / MONTH_D
        treatment = np.where(u["fatal"] < self.fatal, onset, np.inf)
        deaths = np.stack(np.broadcast_arrays(cancer, treatment, -np.log(u["other"]) / other))
        shape = deaths.shape[1:]
        months = {"local": local, "distant": distant, "regional": regional, "death": deaths.min(axis=0)}
        days = {name: np.broadcast_to(MONTH_D * m, shape) for name, m in months.items()}
        return LifeTimes(cause=deaths.argmin(axis=0), **days)


def _column(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(values)[:, None]


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


def _other_ratio(record: ClinicalRecord, stage: int, effects: PatientEffects) -> float:
    older = 0.0 if record.age_years is None else record.age_years - effects.age_years[stage]
    of_sex = dict(zip(("male", "female"), effects.other_per_year, strict=True)).get(
        record.sex or "", _OTHER_MEAN
    )
    return 2.0 ** (older / effects.doubling_years) * (of_sex / _OTHER_MEAN)
