"""Dose from a prescription on in-silico patients, against what plans of such tumours are known to give.

A tumour's size and place are given, its patient is drawn: each row is the mean of patients of consecutive seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from scenarios.validation.row import Row, joined
from simulators.dose.approximate import approximate_dose
from simulators.dose.dvh import dvh
from simulators.dose.targets import targets
from simulators.insilico.patient import make_patient
from twin import DoseGrid, PatientTwin

SOURCE = "plans of such tumours, by an isotropic and a ray-traced estimate"


def dose_rows(seeds: Iterable[int]) -> Iterator[Row]:
    """Organ doses of a central right, a left lower and a small peripheral tumour, over patients.

    Args:
        seeds: of the patients, one of each tumour a seed.
    """
    each = [list(_rows_of(seed)) for seed in seeds]
    return map(joined, zip(*each, strict=True))


def _rows_of(seed: int) -> Iterator[Row]:
    central, _ = make_patient(seed, gtv_cm3=70.0, site="central", side="right")
    grid = _dose(central, 60.0, 30)
    lung, heart = _curve(grid, central, "Lungs-GTV"), _curve(grid, central, "Heart")
    where = "central right 70 cm3, 60 Gy"
    yield _band(f"mean lung dose, {where}, Gy", 11, 15, lung.mean_gy, "mean_lung_dose")
    yield _band(f"lung V20, {where}, %", 18, 27, 100 * lung.v(20), "lung_v20")
    yield _band(f"lung V5, {where}, %", 40, 60, 100 * lung.v(5), "lung_v5")
    yield _band(f"mean heart dose, {where}, Gy", 3, 8, heart.mean_gy, "mean_heart_dose")
    left, _ = make_patient(seed, gtv_cm3=70.0, site="central", side="left", lobe="lower")
    heart = _curve(_dose(left, 60.0, 30), left, "Heart")
    yield _band("mean heart dose, left lower 70 cm3, 60 Gy, Gy", 25, 33, heart.mean_gy, "mean_heart_dose")
    small, _ = make_patient(seed, gtv_cm3=8.0, site="peripheral")
    grid = _dose(small, 54.0, 3)
    lung = _curve(grid, small, "Lungs-GTV")
    where = "peripheral 8 cm3, 54/3"
    yield _band(f"mean lung dose, {where}, Gy", 3, 5, lung.mean_gy, "mean_lung_dose")
    yield _band(f"lung V20, {where}, %", 3, 7, 100 * lung.v(20), "lung_v20")
    yield _band(f"R50 %, {where}", 3.8, 4.8, _r50(small, grid), "")


def _band(name: str, low: float, high: float, ours: float, of: str) -> Row:
    return Row(name, SOURCE, "clinical", (low + high) / 2, low, high, float(ours), evidence=False, of=of)


def _dose(twin: PatientTwin, total_gy: float, fractions: int) -> DoseGrid:
    return approximate_dose(twin.baseline, twin.contours, total_gy, fractions)


def _curve(grid: DoseGrid, twin: PatientTwin, organ: str):
    return dvh(grid.volume, twin.contours, organ)


def _r50(twin: PatientTwin, grid: DoseGrid) -> float:
    """Volume of half the prescription over that of the PTV."""
    ptv = targets(twin.baseline, twin.contours, sbrt=True)["PTV"].cm3
    half = np.count_nonzero(grid.volume.array >= grid.prescription_gy / 2) * grid.volume.geometry.voxel_cm3
    return half / ptv
