"""Overall survival with covariates, calibrated on the Lung1 cohort by a Cox model.

Lung1 (Aerts 2014, CC BY-NC) has age, sex, stage, histology and survival, and neither cause of death nor dose, drugs or
fitness: it says how long patients like this one lived, and nothing about plans. Its table is not part of this
software; the coefficients are.

Missing values, and codes that no TNM edition has (N4), are treated alike: the covariate takes the cohort's mean, and
what was filled in so is said. Few covariates, because more of them (T, each N, each histology) predicted held-out
patients worse: a cross-validated concordance of 0.53 against 0.56.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from twin import ClinicalRecord, InputError
from twin.files.atomic import atomic_file

if TYPE_CHECKING:
    import pandas

_FILE = Path(__file__).parent / "data" / "lung1_cox.json"
PENALTY = 0.05  # ridge
MONTHS = tuple(range(0, 121, 3))
# What a missing value becomes: the mean of those patients in whom it is known.
MEANS = {"age_decades": 0.0, "male": 0.689, "mediastinal": 0.549, "squamous": 0.4}
AGE_YEARS = 68.0  # age 0 of `age_decades`
_HISTOLOGY = {
    "squamous cell carcinoma": "squamous",
    "adenocarcinoma": "adenocarcinoma",
    "large cell": "large cell",
    "nos": "nos",
}


@dataclass(frozen=True)
class Cox:
    """A fitted model: log hazard ratios by covariate, and the baseline's survival at `MONTHS`."""

    log_hazard_ratio: dict[str, float]
    baseline_survival: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """Survival of patients like this one in Lung1.

    Args:
        survival: (days,) probability of being alive.
        filled: what was missing and replaced by the stated method.
    """

    survival: np.ndarray
    filled: tuple[str, ...]


def _row(
    age_years: float | None, male: bool | None, n_stage: str | None, histology: str | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Covariates of one patient, and which of them were missing and took the cohort's mean."""
    known = {
        "age_decades": None if age_years is None else (age_years - AGE_YEARS) / 10.0,
        "male": male,
        "mediastinal": n_stage in ("N2", "N3") if n_stage in ("N0", "N1", "N2", "N3") else None,
        "squamous": None if histology is None else histology == "squamous",
    }
    missing = tuple(name for name, value in known.items() if value is None)
    return {k: MEANS[k] if v is None else float(v) for k, v in known.items()}, missing


def read(path: Path) -> pandas.DataFrame:
    """The cohort's table as covariates, months of survival and event.

    Args:
        path: `lung1_clinical.csv` as published.
    """
    import pandas as pd

    table = pd.read_csv(path)
    rows = []
    for _, patient in table.iterrows():
        age, n = patient["age"], patient["Clinical.N.Stage"]
        histology = _HISTOLOGY.get(str(patient["Histology"]))
        row, _missing = _row(
            None if pd.isna(age) else float(age), patient["gender"] == "male", f"N{n}", histology
        )
        months = patient["Survival.time"] / (365.25 / 12)
        rows.append({**row, "months": months, "event": int(patient["deadstatus.event"])})
    return pd.DataFrame(rows)


def fit(table: pandas.DataFrame):
    """A `lifelines.CoxPHFitter` of the table (Davidson-Pilon 2019).

    Args:
        table: a row for each patient, as `read` gives it.
    """
    from lifelines import CoxPHFitter

    return CoxPHFitter(penalizer=PENALTY).fit(table, "months", "event")


def as_cox(fitter) -> Cox:
    """The numbers of a fit that a prediction needs.

    Args:
        fitter: of `fit`.
    """
    import pandas as pd

    reference = pd.DataFrame([dict.fromkeys(fitter.params_.index, 0.0)])
    baseline = fitter.predict_survival_function(reference, times=list(MONTHS))
    return Cox(
        {c: round(float(fitter.params_[c]), 5) for c in MEANS},
        tuple(round(float(s), 5) for s in np.asarray(baseline).ravel()),
    )


@cache
def lung1_cox() -> Cox:
    """The fit that this software carries."""
    stored = json.loads(_FILE.read_text())
    return Cox(stored["log_hazard_ratio"], tuple(stored["baseline_survival"]))


def store(cox: Cox) -> None:
    """Write the fit that this software carries.

    Args:
        cox: of `as_cox`.
    """
    with atomic_file(_FILE) as part:
        part.write_text(json.dumps(asdict(cox), indent=1) + "\n")


def predict(clinical: ClinicalRecord, days: np.ndarray) -> Prediction:
    """Survival in Lung1 of patients with this age, sex, N stage and histology.

    Args:
        clinical: the record.
        days: (n,) days from the start of treatment, to 10 years.

    Raises:
        InputError: metastases are known: Lung1 had none.

    Example:
        >>> young, old = (ClinicalRecord(age_years=a, sex="female", n_stage="N0") for a in (55, 80))
        >>> two_years = [float(predict(r, np.array([730.5])).survival[0]) for r in (young, old)]
        >>> two_years[0] > two_years[1]
        True
        >>> predict(young, np.array([730.5])).filled
        ('squamous',)
    """
    if (clinical.m_stage or "M0") != "M0":
        raise InputError("survival in Lung1 is that of patients without metastases")
    male = None if clinical.sex is None else clinical.sex == "male"
    row, missing = _row(clinical.age_years, male, clinical.n_stage, clinical.histology)
    cox = lung1_cox()
    ratio = np.exp(sum(cox.log_hazard_ratio[c] * row[c] for c in MEANS))
    months = np.asarray(days, dtype=np.float64) / (365.25 / 12)
    return Prediction(np.interp(months, MONTHS, cox.baseline_survival) ** ratio, missing)


@dataclass(frozen=True)
class CrossValidation:
    """How a model does on patients it has not seen.

    Args:
        c_index: Harrell's concordance, mean over folds and repeats.
        c_index_sd: its SD over repeats.
        slope: slope of the hazard in the predicted log hazard; 1 is calibrated.
        thirds: (predicted, observed) 2-year survival of the thirds by predicted risk.
    """

    c_index: float
    c_index_sd: float
    slope: float
    thirds: tuple[tuple[float, float], ...]


def cross_validate(
    table: pandas.DataFrame, folds: int = 5, repeats: int = 5, seed: int = 0
) -> CrossValidation:
    """Repeated k-fold cross-validation: discrimination and calibration of held-out predictions.

    Args:
        table: a row for each patient, as `read` gives it.
        folds: k.
        repeats: how often, each time with other folds.
        seed: of the folds.
    """
    from lifelines import CoxPHFitter, KaplanMeierFitter
    from lifelines.utils import concordance_index

    rng = np.random.default_rng(seed)
    scores, risk, alive = [], np.zeros(len(table)), np.zeros(len(table))
    for _ in range(repeats):
        order = rng.permutation(len(table))
        held_risk = np.zeros(len(table))
        for held in np.array_split(order, folds):
            fitter = fit(table.drop(index=table.index[held]))
            part = table.iloc[held]
            held_risk[held] = np.log(fitter.predict_partial_hazard(part))
            alive[held] += np.asarray(fitter.predict_survival_function(part, times=[24.0]))[0] / repeats
        scores.append(concordance_index(table["months"], -held_risk, table["event"]))
        risk += held_risk / repeats
    slope = CoxPHFitter().fit(table[["months", "event"]].assign(risk=risk), "months", "event").params_["risk"]
    thirds = []
    for third in np.array_split(np.argsort(alive), 3):
        part = table.iloc[third]
        observed = KaplanMeierFitter().fit(part["months"], part["event"]).predict(24.0)
        thirds.append((float(alive[third].mean()), float(observed)))
    return CrossValidation(float(np.mean(scores)), float(np.std(scores)), float(slope), tuple(thirds))
