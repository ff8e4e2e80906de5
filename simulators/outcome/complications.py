"""Complications of normal tissue: each row names its grade, its window and its source, and like is met with like.

Doses are EQD2 with alpha/beta 3 Gy, acute reactions' with 10; `normal_tissue_eqd2` makes them from a physical DVH.
Everything takes arrays.
"""

from __future__ import annotations

import numpy as np

from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course
from simulators.core.outcome import Complication
from simulators.outcome.schedule import Schedule
from simulators.tumour.radiobiology import LATE_ALPHA_BETA_GY, eqd2
from twin import ClinicalRecord

PNEUMONITIS_FATAL = 0.019  # of all patients, Palma 2013 [quoted from memory]
PNEUMONITIS_ONSET_MONTHS = (np.sqrt(8.0), np.log(8.0) / (2 * 1.645))  # log-normal: 90 % within 1 to 8 months

# Acute oesophagitis: alpha/beta of mucosa that reacts early, and what a day of its proliferation makes good, as in
# human mucosa of head and neck (Denham 1996, 188 patients); both numbers [quoted from memory].
ACUTE_ALPHA_BETA_GY, MUCOSA_GY_PER_DAY = 10.0, 0.8
# Odds ratio of grade 3 for each Gy to the hottest 2 cm3: 126 patients of four trials (PMC6002355).
_ODDS_PER_GY = 1.094
_PALMA_GY = 65.0  # median dose of the patients whose rates go by V60, in some 2 Gy five times a week
_MOST_DAYS = 28.0  # what CHART saves: nothing shorter was compared with a conventional course
# Log odds of a day by which a course is shorter, and their SD between trials (docs/model.md, 4). Several fractions a
# day: CHART, ECOG 2597 and RTOG 9410, given the effect of dose. One a day: two trials of 2.75 Gy found less than none.
_SEVERAL_A_DAY, _ONCE_A_DAY = (0.093, 0.033), (0.0, 0.04)
# Grade 3 or 4 in 18 % with concurrent drugs, 4 % without: 1,205 patients of six randomised trials (Auperin 2010).
_WITHOUT_DRUGS = float(np.log(0.04 / 0.96) - np.log(0.18 / 0.82))


def acute_log_odds_of_dose(course: Course) -> float:
    """What EQD2 beyond Palma's 65 Gy adds to the log odds of acute oesophagitis where it gets the whole dose.

    Args:
        course: with its doses as prescribed.
    """
    given = Schedule.of(course)
    equivalent = eqd2(given.total_gy, given.size_gy, ACUTE_ALPHA_BETA_GY)
    return float(np.log(_ODDS_PER_GY)) * (float(equivalent) - _PALMA_GY)


def acute_log_odds_of_time(course: Course) -> tuple[float, float]:
    """What the time of a course adds to the log odds of acute oesophagitis where it gets the whole dose: mean and SD.

    Days by which it is shorter than the same acute effect in 2 Gy five times a week count by how many fractions a day
    has; in a course that took longer each day makes good 0.8 Gy. The SD is that between trials.

    Args:
        course: with its doses as prescribed.
    """
    given = Schedule.of(course)
    saved = min(given.days_saved(ACUTE_ALPHA_BETA_GY), _MOST_DAYS)
    if saved < 0.0:
        return float(np.log(_ODDS_PER_GY)) * MUCOSA_GY_PER_DAY * saved, -_ONCE_A_DAY[1] * saved
    several = min(max(given.per_day - 1.0, 0.0), 1.0)
    mean, sd = (
        (1.0 - several) * once + several * more
        for once, more in zip(_ONCE_A_DAY, _SEVERAL_A_DAY, strict=True)
    )
    return mean * saved, sd * saved


def hurry_draws(n: int, seed: int) -> np.ndarray:
    """(n,) standard normal draws of how trials differ in what time adds; the same for all patients and plans.

    Args:
        n: samples.
        seed: the run's seed.
    """
    from scipy.special import ndtri

    key = Key(seed, "time of acute oesophagitis", Purpose.POPULATION)
    return ndtri(uniforms(key, np.arange(n), 1)[:, 0])


def coefficient_draws(name: str, n: int, seed: int) -> np.ndarray:
    """(n, 2) standard normal draws of a complication's coefficients: the population's, the same for all patients.

    Args:
        name: of the complication.
        n: samples.
        seed: the run's seed.
    """
    from scipy.special import ndtri

    return ndtri(uniforms(Key(seed, name, Purpose.POPULATION), np.arange(n), 2))


# QUANTEC's fit of pneumonitis in mean lung dose: slope 0.126 (0.100 to 0.153) a Gy, half at 30.7 Gy (28.7 to 33.9),
# each with its 95 % interval [quoted from memory]; the two are taken as independent [assumed].
_LUNG_SLOPE, _LUNG_HALF_GY = (0.126, 0.0135), (3.87 / 0.126, 1.33)


def lung_coefficients(mean_gy: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """What draws of QUANTEC's two coefficients add to the log odds of pneumonitis.

    Args:
        mean_gy: (n,) mean EQD2 of the lungs without the GTV, Gy.
        draws: (n, 2) standard normal.
    """
    slope, half = (mean + sd * draws[:, i] for i, (mean, sd) in enumerate((_LUNG_SLOPE, _LUNG_HALF_GY)))
    return slope * (mean_gy - half) - _LUNG_SLOPE[0] * (mean_gy - _LUNG_HALF_GY[0])


def normal_tissue_eqd2(
    dose_gy: np.ndarray, fractions: int, alpha_beta_gy: float = LATE_ALPHA_BETA_GY
) -> np.ndarray:
    """EQD2 of total doses given in equal fractions, Gy.

    Args:
        dose_gy: total physical doses, Gy.
        fractions: number of fractions.
        alpha_beta_gy: alpha/beta of the tissue, Gy.

    Example:
        >>> float(normal_tissue_eqd2(np.array(60.0), 30))
        60.0
    """
    dose = np.asarray(dose_gy, dtype=np.float64)
    return eqd2(dose, dose / max(1, fractions), alpha_beta_gy)


def lkb(dose_gy: np.ndarray, td50_gy: float, m: float) -> np.ndarray:
    """Lyman's probit of a (generalised mean) dose: Phi((D - TD50) / (m TD50)) (Lyman 1985).

    Args:
        dose_gy: mean or generalised mean dose, Gy.
        td50_gy: dose at which half of the patients suffer it, Gy.
        m: slope; the SD is m TD50.

    Example:
        >>> round(100 * float(lkb(np.array(20.0), 30.8, 0.37)), 2)
        17.16
    """
    from scipy.special import ndtr

    return ndtr((np.asarray(dose_gy) - td50_gy) / (m * td50_gy))


def logistic(x: np.ndarray, b0: float, b1: float) -> np.ndarray:
    """1 / (1 + exp(-(b0 + b1 x))).

    Args:
        x: dose, Gy, or another risk factor.
        b0: of x = 0, on the logit scale.
        b1: of a unit of x.

    Example:
        >>> round(100 * float(logistic(np.array(20.0), -3.87, 0.126)), 2)
        20.59
    """
    from scipy.special import expit

    return expit(b0 + b1 * np.asarray(x))


# Groups of Palma 2013: V60 below 0.07 % 4 %, to 17 % 12 %, above 22 %; each rate stands at a V60 inside its group.
_PALMA_V60, _PALMA_RATE = (0.0, 0.085, 0.30), (0.04, 0.12, 0.22)


def oesophagitis_by_v60(v60: np.ndarray) -> np.ndarray:
    """Acute oesophagitis of grade 3 or more by the share of the oesophagus above 60 Gy (Palma 2013).

    The rates of the published groups, joined on the logit scale so that plans near a group's border compare
    smoothly; with concurrent chemotherapy.

    Args:
        v60: share of the oesophagus at or above 60 Gy, 0 to 1.
    """
    from scipy.special import expit, logit

    return expit(np.interp(np.asarray(v60), _PALMA_V60, logit(_PALMA_RATE)))


# Groups of Wang 2017: mean heart dose below 10 Gy, to 20, above; each rate stands at a dose in its group [assumed].
_WANG_GY, _WANG_RATE = (5.0, 15.0, 25.0), (0.04, 0.07, 0.21)
_WANG_PER_GY = np.log(1.03)  # his hazard ratio per Gy carries on above the last group's dose


def cardiac_events_2y(mean_heart_gy: np.ndarray) -> np.ndarray:
    """Symptomatic cardiac events within 2 years by mean heart dose: 4, 7 and 21 % (Wang 2017).

    The rates of the published groups, joined on the logit scale so that a plan does not jump at a group's border.

    Args:
        mean_heart_gy: mean EQD2 of the heart, Gy.

    Example:
        >>> [round(100 * float(r)) for r in cardiac_events_2y(np.array([5.0, 15.0, 25.0]))]
        [4, 7, 21]
    """
    from scipy.special import expit, logit

    dose = np.asarray(mean_heart_gy, dtype=np.float64)
    above = np.maximum(0.0, dose - _WANG_GY[-1])
    return expit(np.interp(dose, _WANG_GY, logit(_WANG_RATE)) + _WANG_PER_GY * above)


COMPLICATIONS = (
    Complication(
        "pneumonitis",
        "radiation pneumonitis",
        "symptomatic (mostly grade >= 2)",
        "within 18 months",
        "Lungs-GTV",
        "mean_gy",
        lambda d: logistic(d, -3.87, 0.126),
        "QUANTEC, Marks 2010",
        unsure=lung_coefficients,
    ),
    Complication(
        "pneumonitis_lkb",
        "radiation pneumonitis",
        "grade >= 2 (SWOG)",
        "within 6 months",
        "Lungs-GTV",
        "mean_gy",
        lambda d: lkb(d, 30.8, 0.37),
        "Seppenwoolde 2003",
    ),
    Complication(
        "oesophagitis",
        "acute oesophagitis",
        "grade >= 3",
        "within 3 months",
        "Esophagus",
        "hot",
        oesophagitis_by_v60,
        "Palma 2013; without concurrent drugs Auperin 2010",
        alpha_beta_gy=ACUTE_ALPHA_BETA_GY,
        by_dose=acute_log_odds_of_dose,
        by_time=acute_log_odds_of_time,
        alone=_WITHOUT_DRUGS,
    ),
    Complication(
        "oesophagitis_belderbos",
        "acute oesophagitis",
        "grade >= 2",
        "within 3 months",
        "Esophagus",
        "geud_gy",
        lambda d: lkb(d, 47.0, 0.36),
        "Belderbos 2005",
        0.69,
        alpha_beta_gy=ACUTE_ALPHA_BETA_GY,
        by_time=acute_log_odds_of_time,
    ),
    Complication(
        "oesophagitis_chapet",
        "acute oesophagitis",
        "grade >= 2",
        "within 3 months",
        "Esophagus",
        "geud_gy",
        lambda d: lkb(d, 51.0, 0.32),
        "Chapet 2005",
        0.44,
        alpha_beta_gy=ACUTE_ALPHA_BETA_GY,
        by_time=acute_log_odds_of_time,
    ),
    Complication(
        "pericarditis",
        "pericarditis",
        "any",
        "within 5 years",
        "Heart",
        "geud_gy",
        lambda d: lkb(d, 48.0, 0.10),
        "Burman 1991",
        0.35,
    ),
    Complication(
        "cardiac_events_2y",
        "symptomatic cardiac event",
        "symptomatic",
        "within 2 years",
        "Heart",
        "mean_gy",
        cardiac_events_2y,
        "Wang 2017",
    ),
)


# Judged as printed: of these, no draw holds what the source does not know.
AS_PRINTED = frozenset(c.name for c in COMPLICATIONS if c.unsure is None and c.by_time is None) | {
    "pneumonitis_risk_factors"
}


def pneumonitis_with_risk_factors(
    mean_lung_gy: np.ndarray, clinical: ClinicalRecord, mid_or_inferior: bool | None
) -> np.ndarray | None:
    """Symptomatic pneumonitis from mean lung dose and the patient's risk factors (Appelt 2014).

    Args:
        mean_lung_gy: mean EQD2 of the lungs without the GTV, Gy.
        clinical: smoking, comorbidity, age and chemotherapy.
        mid_or_inferior: whether the tumour lies in the middle or lower lung.

    Returns:
        The probability, or None where a factor is missing: none is filled in.
    """
    known = (
        clinical.smoking,
        clinical.comorbidity,
        clinical.age_years,
        clinical.chemotherapy,
        mid_or_inferior,
    )
    if any(factor is None for factor in known):
        return None
    offset = (
        -4.76
        - 0.48 * (clinical.smoking == "current")
        - 0.37 * (clinical.smoking == "former")
        + 0.82 * bool(clinical.comorbidity)
        + 0.51 * ((clinical.age_years or 0.0) > 63)
        + 0.47 * (clinical.chemotherapy == "sequential")
        + 0.63 * bool(mid_or_inferior)
    )
    return logistic(mean_lung_gy, offset, 0.138)
