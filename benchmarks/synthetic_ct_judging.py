"""Dose and decision on synthetic CTs against those on the true CT, for `benchmarks/synthetic_ct.py`."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from time import process_time

import numpy as np
from synthetic_ct_cases import FINE_MM, PLAN, POLICY, WAYS, write

from scenarios.engine.day_images import laid_into, translated
from simulators.dose.accumulation import dose_at
from simulators.dose.gamma import gamma
from simulators.dose.medium import Medium
from simulators.photon.superposition import Beams, depths, superposed
from twin import Volume


def judge(folder: Path, translation: str, most: int) -> None:
    """The doses of each case on the true CT, on both cone-beam CTs, and on a translation of the corrected one."""
    for file in sorted(folder.glob("case-*.pickle")):
        case = None
        for way in ("true", *WAYS, translation):
            out = folder / f"{file.stem.replace('case', 'dose')}-{way.replace('/', '-')}.json"
            if out.exists() or most <= 0:
                continue
            case = case or pickle.loads(file.read_bytes())
            if way in WAYS and way not in case["seen"]:
                continue
            most -= 1
            row = judged(case, way)
            if case["fine"]:
                row |= fine_row(folder, file.stem, case, way)
            write(out, json.dumps(row).encode())
            print(file.stem, way, f"{row['d95_percent']:.2f}", f"{process_time():.0f} s", flush=True)


def shown(case: dict, way: str) -> Volume | None:
    """The CT of the day that a way sees; None for the true one."""
    if way == "true":
        return None
    if way in WAYS:
        return translated(case["seen"][way], "none")
    if "synthetic" not in case:
        case["synthetic"] = translated(case["seen"]["corrected"], way)
    return case["synthetic"]


def medium_of(case: dict, way: str, spacing_mm: float) -> Medium:
    ct = shown(case, way)
    return case["true"][spacing_mm] if ct is None else laid_into(case["planning"][spacing_mm], ct)


def judged(case: dict, way: str) -> dict:
    """D95 and lung dose of the day, what the policy decides on them, and the beams' paths."""
    spacing_mm = max(case["true"])
    medium, beams = medium_of(case, way, spacing_mm), case["beams"]
    array = case["dose"] if way == "true" else superposed(medium, beams)
    dose = Volume(medium.grid, array, "DOSE", "Gy")
    target, lung = (dose_at(dose, case["points"][name]) for name in ("target", "Lungs-GTV"))
    ptv = case["ptv"]
    in_ptv = dose.on(ptv.geometry)[ptv.array > 0]
    true = case["true"][spacing_mm]
    change = path_mm(medium, beams) - path_mm(true, beams)
    d95, lung_gy = float(np.percentile(target, 5.0)), float(lung.mean())
    high = lung_gy > max(POLICY.mean_lung_gy, case["planned_lung_gy"] + POLICY.more_gy)
    return {
        "patient": case["patient"], "case": case["case"], "way": way, "d95_percent": 100 * d95 / PLAN.total_gy,
        "ptv_d95_percent": 100 * float(np.percentile(in_ptv, 5.0)) / PLAN.total_gy, "mean_lung_gy": lung_gy,
        "replan": bool(d95 < POLICY.coverage * PLAN.total_gy or high),
        "path_mm": float(change.mean()), "largest_path_mm": float(np.abs(change).max()),
    }  # fmt: skip


def path_mm(medium: Medium, beams: Beams) -> np.ndarray:
    middle = np.rint(medium.grid.index(beams.isocentre)).astype(np.int32)
    return depths(medium, beams, middle[None])[0]


def fine_row(folder: Path, stem: str, case: dict, way: str) -> dict:
    """Gamma on the grid of 2 mm against the dose on the true CT."""
    medium = medium_of(case, way, FINE_MM)
    dose = superposed(medium, case["beams"])
    kept = folder / f"{stem.replace('case', 'true')}.npy"
    if way == "true":
        np.save(kept, dose)
        return {"gamma_percent": 100.0}
    reference, other = (Volume(medium.grid, d, "DOSE", "Gy") for d in (np.load(kept), dose))
    found = gamma(
        reference, other, dose_percent=2.0, distance_mm=2.0, threshold_percent=50.0, local=True,
        normalisation_gy=PLAN.total_gy,
    )  # fmt: skip
    return {"gamma_percent": 100 * found.pass_rate}
