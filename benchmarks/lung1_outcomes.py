"""The calibrated outcomes in Lung1, which nothing of them was fitted to: survival, concordance, slope, thirds by risk.

Lung1 (Aerts 2014) has age, sex, stage and, of 80 patients, the tumour's volume; neither ECOG, dose nor drugs. 60/30 in
2007 is taken, and that 0.68 of stages II and III had drugs, half of them during radiotherapy. Who has no volume gets
those of the patients of the same T stage, in equal shares; no outcome enters there.

Twice: as a centre that nobody has seen, and with what the other nine tenths of its patients say of the centre (each
draw of the population weighted by their likelihood), so that nobody is forecast with his own outcome.

Usage: python benchmarks/lung1_outcomes.py lung1_clinical.csv lung1_gtv_shape.csv
"""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index

from scenarios.validation.cohort import course_of
from simulators.calibration.model import MONTHS, cell_curves
from simulators.outcome.cases import POPULATION, Cases
from simulators.outcome.given import Given
from simulators.outcome.life import stage_index
from twin import ClinicalRecord

DRAWS, DECADES, FOLDS, SHARES = 400, 0.2, 10, 5
DRUGS = {"none": 0.32, "before": 0.34, "during": 0.34}  # of stages II and III; stage I has none
AT = [12, 24, 36, 60]


def main() -> None:
    table = pd.read_csv(sys.argv[1])
    table = table[table["Overall.Stage"].isin(["I", "II", "IIIa", "IIIb"])].reset_index(drop=True)
    shapes = pd.read_csv(sys.argv[2]).set_index("PatientID")["original_shape_VoxelVolume"] / 1000.0
    table["volume"] = table["PatientID"].map(shapes)
    months = (table["Survival.time"] / (365.25 / 12)).to_numpy()
    died = table["deadstatus.event"].to_numpy()
    alive = _survival(table, _volumes(table))
    of_centre, worth = _weights(alive, months, died)
    print(f"{len(table)} patients, {table['volume'].notna().sum()} with their volume; months {AT}")
    print(f"observed {_observed(months, died, AT)}")
    centre = 100 * alive.mean(axis=0)[:, AT]
    low, high = np.quantile(centre, [0.1, 0.9], axis=0).round()
    words = ", ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low, high, strict=True))
    print(f"80 % interval of a new centre: {words}")
    known = table["volume"].notna().to_numpy()
    for name, weights in (
        ("a new centre", np.full_like(of_centre, 1 / DRAWS)),
        ("its other patients known", of_centre),
    ):
        forecast = np.einsum("pdm,pd->pm", alive[..., AT], weights)
        for whom, some in (("all", slice(None)), ("volume known", known)):
            print(f"\n{name}, {whom}:")
            _judge(forecast[some], months[some], died[some])
    print(f"\nthe {DRAWS} draws are worth {worth:.0f} given nine tenths of the patients")


def _volumes(table: pd.DataFrame) -> np.ndarray:
    """(patients, shares) volumes, cm3: the patient's own, or those of his T stage in equal shares."""
    t_stage = table["clinical.T.Stage"].clip(upper=4)
    of_stage = {
        t: np.quantile(table["volume"][t_stage == t].dropna(), (np.arange(SHARES) + 0.5) / SHARES)
        for t in t_stage.unique()
    }
    own = table["volume"].to_numpy()[:, None]
    return np.where(np.isnan(own), np.stack([of_stage[t] for t in t_stage]), own)


def _survival(table: pd.DataFrame, volumes: np.ndarray) -> np.ndarray:
    """(patients, draws, months) expected survival, in draws that all patients share."""
    stages = [s.upper() for s in table["Overall.Stage"]]
    people = zip(table["age"], table["gender"], stages, strict=True)
    records = [
        ClinicalRecord(age_years=None if pd.isna(age) else age, sex=sex, stage=stage)
        for age, sex, stage in people
    ]
    n, rng = len(records), np.random.default_rng(0)
    q = POPULATION.drawn(
        (np.arange(DRAWS) + 0.5)[None] / DRAWS, rng.random((1, DRAWS, 3)), rng.random((1, DRAWS, 2))
    )
    late = np.array([stage_index(s) > 0 for s in stages])[:, None, None]
    found = np.zeros((n, DRAWS, len(MONTHS)))
    for drugs, share in DRUGS.items():
        given = Given.of([course_of("60/30", drugs == "during")]).broadcast(n, DRAWS)
        given = replace(given, drugs=np.full((n, DRAWS), float(drugs != "none")))
        weight = np.where(late, share, float(drugs == "none"))
        for gtv_cm3 in volumes.T:
            cases = Cases.of(records, gtv_cm3, given, q, {}, np.zeros(1), {})
            cells = replace(cases.cells, decades=np.full((n, 1), DECADES))
            found += weight / SHARES * cell_curves(q, cells)["overall_survival"]
    return found


def _weights(alive: np.ndarray, months: np.ndarray, died: np.ndarray) -> tuple[np.ndarray, float]:
    """(patients, draws) weights of the draws by the patients of the other folds, and how many draws they are worth."""
    last = len(MONTHS) - 1
    month = np.minimum(months.astype(int), last)
    each = np.arange(len(month))
    now, later = alive[each, :, month], alive[each, :, np.minimum(month + 1, last)]
    event = ((died == 1) & (months < last))[:, None]
    fits = np.log(np.maximum(np.where(event, now - later, now), 1e-12))
    fold = np.random.default_rng(1).permutation(len(month)) % FOLDS
    others = np.stack([fits[fold != f].sum(axis=0) for f in range(FOLDS)])
    weights = np.exp(others - others.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return weights[fold], float((1 / (weights**2).sum(axis=1)).mean())


def _judge(forecast: np.ndarray, months: np.ndarray, died: np.ndarray) -> None:
    risk = np.log(-np.log(forecast[:, 1]))
    cox = CoxPHFitter().fit(pd.DataFrame({"months": months, "died": died, "risk": risk}), "months", "died")
    slope, error = cox.params_["risk"], cox.standard_errors_["risk"]
    concordance = concordance_index(months, forecast[:, 1], died)
    print(
        f"  expected {(100 * forecast.mean(axis=0)).round(1).tolist()}, observed {_observed(months, died, AT)}"
    )
    print(f"  concordance {concordance:.3f}, slope {slope:.2f} (SE {error:.2f})")
    for third in np.array_split(np.argsort(forecast[:, 1]), 3):
        seen = _observed(months[third], died[third], [24])
        print(f"  third: expected {100 * forecast[third, 1].mean():.0f}, observed {seen}")


def _observed(months: np.ndarray, died: np.ndarray, at: list[int]) -> list[float]:
    survival = KaplanMeierFitter().fit(months, died).survival_function_at_times(at)
    return (100 * survival).round(1).tolist()


if __name__ == "__main__":
    main()
