"""From control and dose to the course of a life: local and distant failure, complications, death.

No evidence of disease -> local or distant failure -> death; or death of the treatment, or of other causes. Each path
is a time drawn by inversion from the same uniform numbers under every plan, so that two plans differ by the plan only.
Everything takes arrays that broadcast: patients, arms and samples go through in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.outcome import LifeTimes
from simulators.outcome.complications import PNEUMONITIS_FATAL, PNEUMONITIS_ONSET_MONTHS
from simulators.outcome.control import failure_days
from simulators.tumour.systemic import Systemic
from twin import ClinicalRecord, InputError, PatientTwin

MONTH_D = 365.25 / 12
DRAWS = ("relapses", "distant", "after", "other", "fatal", "onset", "harm", "frailty", "immune")
STAGES = ("I", "II", "III")
AS_SEEN = Systemic()  # as in the patients that the rates come from


@dataclass(frozen=True)
class SurvivalConstants:
    """Numbers of the multi-state model.

    [P] published, [M] quoted from memory, [A] assumed. `TRIAL` is for the fit patients of trials (ECOG 0 or 1) and
    calibrated on nothing; `UNSELECTED` is for everyone else, calibrated on the survival of the Lung1 cohort.
    """

    relapse: tuple[float, float, float] = (0.25, 0.40, 0.55)  # distant, by stage I to III [A]
    # Share of the patients behind these numbers who had drugs: all of the trials' in stage III, none with SBRT [A].
    drugs: tuple[float, float, float] = (0.0, 0.5, 1.0)
    relapse_months: tuple[float, float] = (10.0, 0.8)  # log-normal median, SD(ln) [A]
    after_months: float = 10.0  # median survival after failure, exponential [A]
    other_per_year: tuple[float, float] = (0.015, 0.023)  # female, male at 70 [M]
    other_doubling_years: float = 8.0  # [M]
    other_factor: tuple[float, float, float] = (3.5, 2.5, 2.0)  # patients against population, by stage [M]
    frailty_sd: float = 0.8  # SD(ln) of the other-cause hazard between patients of one age [A]
    heart_per_gy: float = 0.02  # all-cause, per Gy of mean heart dose above 12: Atkins 2019, 748 patients [P]
    edic_per_gy: tuple[float, float] = (0.0, 0.19)  # uniform; published fits lie in between [M]
    # Doses at which the other numbers hold: stage III [M]; smaller fields of stages I and II [A].
    heart_reference_gy: tuple[float, float, float] = (2.0, 8.0, 12.0)
    edic_reference_gy: tuple[float, float, float] = (1.5, 4.0, 5.6)
    symptomatic_pneumonitis: float = 0.298  # Palma 2013 [P]; of these PNEUMONITIS_FATAL / 0.298 die


TRIAL = SurvivalConstants()
# Relapses of more patients, sooner and followed by a shorter life: found on a coarse grid, to meet the Kaplan-Meier
# curve of Lung1 (Aerts 2014: 337 patients of stage I to III, radiotherapy in 2004 to 2010) at 1, 2, 3 and 5 years.
# 226 of the 422 patients of that cohort had chemotherapy [M], taken as 0.68 of those of stage II and III.
UNSELECTED = SurvivalConstants(
    relapse=(0.35, 0.45, 0.55), drugs=(0.0, 0.68, 0.68), relapse_months=(5.0, 0.8), after_months=7.0
)


def constants_for(clinical: ClinicalRecord) -> SurvivalConstants:
    """`TRIAL` for a patient known to be fit (ECOG 0 or 1), else `UNSELECTED`.

    Args:
        clinical: of the patient; his ECOG is looked at.
    """
    return TRIAL if clinical.ecog in (0, 1) else UNSELECTED


def draws(patient_id: str, seed: int, samples: np.ndarray) -> np.ndarray:
    """(n, len(DRAWS)) uniform numbers of a patient's samples, the same under every plan.

    Args:
        patient_id: of the twin.
        seed: the run's seed.
        samples: (n,) their indices.
    """
    return uniforms(Key(seed, patient_id, Purpose.OUTCOME), samples, len(DRAWS))


def dose_to_immune_cells_gy(
    mean_lung_gy: np.ndarray, mean_heart_gy: np.ndarray, integral_gy_cm3: np.ndarray, fractions: np.ndarray
) -> np.ndarray:
    """EDIC, the effective dose to circulating immune cells, Gy (Jin 2021).

    Args:
        mean_lung_gy, mean_heart_gy: mean doses, Gy.
        integral_gy_cm3: dose summed over the body, Gy cm3.
        fractions: number of fractions.

    Example:
        >>> round(float(dose_to_immune_cells_gy(16.0, 12.0, 1.7e5, 30)), 1)
        4.8
    """
    blood = 0.45 + 0.30 * np.sqrt(np.asarray(fractions) / 45.0)
    return (
        0.12 * np.asarray(mean_lung_gy)
        + 0.08 * np.asarray(mean_heart_gy)
        + blood * np.asarray(integral_gy_cm3) / 61_800.0
    )


def harm_ratio(
    mean_heart_gy: np.ndarray | float,
    edic_gy: np.ndarray | float,
    edic_quantile: np.ndarray | float = 0.5,
    stage: np.ndarray | int = 2,
    constants: SurvivalConstants = TRIAL,
) -> np.ndarray:
    """Hazard ratio of death by dose to heart and immune cells: exp(0.02 (MHD - 12) + b (EDIC - 5.6)) in stage III.

    Args:
        mean_heart_gy: mean heart dose, Gy; nan gives that term no weight.
        edic_gy: effective dose to immune cells, Gy; nan gives that term no weight.
        edic_quantile: where b lies between 0 and 0.19.
        stage: 0, 1 or 2 for stage I, II or III, each with its own reference doses.
        constants: the model's numbers.
    """
    low, high = constants.edic_per_gy
    slope = low + (high - low) * np.asarray(edic_quantile)
    heart = constants.heart_per_gy * (
        np.asarray(mean_heart_gy) - np.asarray(constants.heart_reference_gy)[stage]
    )
    immune = slope * (np.asarray(edic_gy) - np.asarray(constants.edic_reference_gy)[stage])
    return np.exp(np.nan_to_num(heart) + np.nan_to_num(immune))


def life_times(
    u: np.ndarray,
    *,
    local_days: np.ndarray,
    stage: np.ndarray | int,
    age_years: np.ndarray | float,
    male: np.ndarray | bool,
    end_days: np.ndarray | float,
    pneumonitis: np.ndarray | float = 0.0,
    mean_heart_gy: np.ndarray | float = np.nan,
    edic_gy: np.ndarray | float = np.nan,
    systemic: Systemic = AS_SEEN,
    constants: SurvivalConstants = TRIAL,
) -> LifeTimes:
    """The times of failure and death of many patients, arms and samples at once.

    Args:
        u: (..., len(DRAWS)) uniform numbers from `draws`.
        local_days: local failure counted from day 0, infinite where controlled (`control.failure_days`), without
            the effect of `systemic`.
        stage: 0, 1 or 2 for stage I, II or III.
        age_years, male: at day 0.
        end_days: end of radiotherapy, days.
        pneumonitis: probability of symptomatic pneumonitis.
        mean_heart_gy, edic_gy: doses of `harm_ratio`.
        systemic: what drugs do to failure.
        constants: the model's numbers.
    """
    c = constants
    at = dict(zip(DRAWS, np.moveaxis(u, -1, 0), strict=True))
    stage = np.asarray(stage)
    harm = harm_ratio(mean_heart_gy, edic_gy, at["harm"], stage, c)
    middle, spread = c.relapse_months
    local_days = systemic.local(np.asarray(local_days, dtype=np.float64), at["immune"])
    relapse, drugs = np.asarray(c.relapse)[stage], np.asarray(c.drugs)[stage]
    distant = systemic.distant(u[..., :2], relapse, middle * MONTH_D, spread, drugs)
    failure = np.minimum(local_days, distant)
    after = -np.log(at["after"]) * c.after_months * MONTH_D / np.log(2.0) / harm
    cancer = failure + after
    other = _other_causes(at["other"], at["frailty"], stage, age_years, male, harm, c)
    fatal = np.asarray(pneumonitis) * PNEUMONITIS_FATAL / c.symptomatic_pneumonitis
    onset = pneumonitis_onset_days(end_days, at["onset"])
    treatment = np.where(at["fatal"] < fatal, onset, np.inf)
    deaths = np.stack(np.broadcast_arrays(cancer, treatment, other))
    death = deaths.min(axis=0)
    return LifeTimes(
        local=np.broadcast_to(local_days, death.shape),
        distant=np.broadcast_to(distant, death.shape),
        death=death,
        cause=deaths.argmin(axis=0),
    )


def pneumonitis_onset_days(end_days: np.ndarray | float, u: np.ndarray) -> np.ndarray:
    """When pneumonitis comes, days: log-normal after the last fraction, 90 % within 1 to 8 months.

    Args:
        end_days: end of radiotherapy, days.
        u: uniform numbers.
    """
    from scipy.special import ndtri

    median, sd = PNEUMONITIS_ONSET_MONTHS
    return np.asarray(end_days) + median * MONTH_D * np.exp(sd * ndtri(u))


def _other_causes(u, frailty, stage, age_years, male, harm, c: SurvivalConstants) -> np.ndarray:
    """Death of other causes, days: a hazard that doubles every 8 years, inverted in closed form."""
    from scipy.special import ndtri

    growth = np.log(2.0) / c.other_doubling_years
    at_70 = np.where(male, c.other_per_year[1], c.other_per_year[0]) * np.asarray(c.other_factor)[stage]
    now = at_70 * np.exp(growth * (np.asarray(age_years) - 70.0)) * harm
    now = now * np.exp(c.frailty_sd * ndtri(frailty) - c.frailty_sd**2 / 2)
    return np.log1p(-np.log(u) * growth / now) / growth * 365.25


def patient_life_times(
    twin: PatientTwin,
    survivors: np.ndarray,
    samples: Mapping[str, np.ndarray],
    end_days: np.ndarray | float,
    *,
    seed: int = 0,
    pneumonitis: np.ndarray | float = 0.0,
    mean_heart_gy: np.ndarray | float = np.nan,
    edic_gy: np.ndarray | float = np.nan,
    systemic: Systemic = AS_SEEN,
    constants: SurvivalConstants | None = None,
) -> LifeTimes:
    """The life times of one patient's samples under one plan.

    Args:
        twin: whose age, sex and stage are needed.
        survivors: (n,) surviving clonogens, as the kinetics drew them.
        samples: the belief's samples, (n,) each.
        end_days: end of the course, days.
        seed: the run's seed.
        pneumonitis: (n,) probability of symptomatic pneumonitis.
        mean_heart_gy, edic_gy: (n,) doses of `harm_ratio`; nan where unknown.
        systemic: what drugs do to failure.
        constants: the model's numbers; by the patient's ECOG where None.

    Raises:
        InputError: age, sex or stage is missing, or the stage is not I to III.
    """
    record, stage = twin.clinical, stage_index(twin.clinical.stage)
    missing = [
        name
        for name, value in (("age_years", record.age_years), ("sex", record.sex), ("stage I to III", stage))
        if value is None
    ]
    if missing or stage is None or record.age_years is None:
        raise InputError(
            f"survival needs the clinical record's {', '.join(missing)}; give them with --clinical"
        )
    return life_times(
        draws(twin.id, seed, np.arange(len(survivors))),
        local_days=failure_days(survivors, samples, twin.gtv_cm3, end_days),
        stage=stage,
        age_years=record.age_years,
        male=record.sex == "male",
        end_days=end_days,
        pneumonitis=pneumonitis,
        mean_heart_gy=mean_heart_gy,
        edic_gy=edic_gy,
        systemic=systemic,
        constants=constants or constants_for(record),
    )


def stage_index(stage: str | None) -> int | None:
    """0, 1 or 2 for stages I, II and III, of any substage; None for others and where missing.

    Args:
        stage: UICC stage with or without its substage.

    Example:
        >>> [stage_index(s) for s in ("IA3", "IIB", "IIIA", "IV", None)]
        [0, 1, 2, None, None]
    """
    numeral = (stage or "").upper().rstrip("ABC0123456789")
    return STAGES.index(numeral) if numeral in STAGES else None


def survival_curve(death_days: np.ndarray, days: np.ndarray) -> np.ndarray:
    """(days,) share alive, over all samples.

    Args:
        death_days: day of death in every sample, any shape.
        days: (days,) when to look.
    """
    ordered = np.sort(np.asarray(death_days).ravel())
    return 1.0 - np.searchsorted(ordered, days, side="right") / ordered.size


def median_months(death_days: np.ndarray) -> float:
    """Median survival, months.

    Args:
        death_days: day of death in every sample, any shape.
    """
    return float(np.median(death_days)) / MONTH_D
