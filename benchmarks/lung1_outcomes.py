"""The calibrated outcomes in Lung1, which they were not fitted to: survival, concordance, slope and thirds by risk.

Lung1 (Aerts 2014) has age, sex and stage, and neither ECOG, dose, drugs nor volume here: 60/30, the median volume of
the stage, and drugs in 0.68 of stages II and III are taken, radiotherapy in 2007.

Usage: python benchmarks/lung1_outcomes.py lung1_clinical.csv
"""

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.utils import concordance_index

from scenarios.validation.cohort import course_of
from simulators.calibration.model import MONTHS, VOLUME_CM3, cell_curves
from simulators.outcome.cases import Cases, population
from simulators.outcome.given import Given
from simulators.outcome.life import stage_index
from twin import ClinicalRecord

DRAWS, DECADES, DRUGS = 100, 0.2, 0.68
AT = [12, 24, 36, 60]


def main() -> None:
    table = pd.read_csv(sys.argv[1])
    table = table[table["Overall.Stage"].isin(["I", "II", "IIIa", "IIIb"])].reset_index(drop=True)
    months, died = table["Survival.time"] / (365.25 / 12), table["deadstatus.event"]
    alive = _survival(table)
    order = np.argsort(alive[:, 1])
    risk = np.log(-np.log(alive[:, 1]))
    cox = CoxPHFitter().fit(pd.DataFrame({"months": months, "died": died, "risk": risk}), "months", "died")
    print(f"{len(table)} patients; months {AT}")
    print(f"observed {_observed(months, died, AT)}, expected {(100 * alive.mean(axis=0)).round(1).tolist()}")
    print(f"concordance {concordance_index(months, alive[:, 1], died):.3f}, slope {cox.params_['risk']:.2f}")
    for third in np.array_split(order, 3):
        seen = _observed(months[third], died[third], [24])
        print(f"third: expected {100 * alive[third, 1].mean():.0f}, observed {seen}")


def _survival(table: pd.DataFrame) -> np.ndarray:
    """(patients, times) expected survival."""
    stages = [s.upper() for s in table["Overall.Stage"]]
    people = zip(table["age"], table["gender"], stages, strict=True)
    records = [
        ClinicalRecord(age_years=None if pd.isna(age) else age, sex=sex, stage=stage)
        for age, sex, stage in people
    ]
    stage = np.array([stage_index(s) for s in stages])
    n, rng = len(records), np.random.default_rng(0)
    index = np.broadcast_to((np.arange(DRAWS) + 0.5) / DRAWS, (n, DRAWS))
    q = population(index, rng.random((n, DRAWS, 3)), rng.random((n, DRAWS, 2)))
    found = []
    for concurrent in (False, True):
        given = Given.of([course_of("60/30", concurrent)]).broadcast(n, DRAWS)
        cases = Cases.of(records, VOLUME_CM3[stage], given, q, {}, np.zeros(1), {})
        cells = replace(cases.cells, decades=np.full((n, 1), DECADES))
        curves = cell_curves(q, cells)["overall_survival"]
        found.append(curves[..., np.searchsorted(MONTHS, AT)].mean(axis=1))
    share = np.where(stage > 0, DRUGS, 0.0)[:, None]
    return (1 - share) * found[0] + share * found[1]


def _observed(months: pd.Series, died: pd.Series, at: list[int]) -> list[float]:
    survival = KaplanMeierFitter().fit(months, died).survival_function_at_times(at)
    return (100 * survival).round(1).tolist()


if __name__ == "__main__":
    main()
