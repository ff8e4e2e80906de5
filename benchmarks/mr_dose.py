"""Dose on CTs made of virtual MRs: by a network that learned thoraces, by bulk densities, and on the true CT.

    python benchmarks/mr_dose.py WORK [LEARN [JUDGE [SECONDS]]]      default: 8 to learn from, 4 to judge, 240

All in silico. Pairs are the benchmark's of `mr-ct` (T1 of a whole thorax, the CT on its grid), people on one side of
its split; the network is that of the suite `mr-ct`. Bulk densities are the task's, and lungs as drawn at -750 HU. 60
Gy in 30 fractions is optimised on each judged patient's own CT; the same beams are calculated by superposition on
that CT, and where the MR shows the body on what is made of it. Printed are, by patient, HU errors in the body, D95 of
the target and mean lung dose, and gamma (2 %, 2 mm, local, from 50 % of the prescription) against the dose on the
true CT.
"""

import sys
from pathlib import Path

import numpy as np
import yaml

from scenarios import TreatmentPlan
from scenarios.datasets.train import train
from scenarios.datasets.translations import mr_thoraces, thorax_and_slab
from scenarios.engine.fluence import FluencePlans
from scenarios.engine.library import PLANNED
from scenarios.engine.replan import PlanLibrary
from simulators.core.imaging import scan_task
from simulators.dose.accumulation import dose_at
from simulators.dose.gamma import gamma
from simulators.dose.medium import Medium, electron_density
from simulators.learned.scanner import translator_named
from simulators.photon.superposition import superposed
from twin import Volume
from twin.files.nifti import read

PLAN, FIRST_SEED = TreatmentPlan.parse("60/30"), 660000
LUNG_HU = -750  # of contoured lungs, where densities are given in bulk
TRAINING = {
    "family": "regression", "window": 64, "widths": [16, 24, 32], "embedding": 32, "validate_every": 200,
    "checkpoint_every": 200, "batch_slices": 8, "batch_volumes": 8, "ema": 0.99, "warmup_steps": 20,
    "validation_share": 0.15, "seed": 0,
}  # fmt: skip


def main(work: Path, learn: int, judge: int, seconds: float) -> None:
    """Make pairs, train, and calculate doses."""
    people = mr_thoraces(3 * (learn + judge), FIRST_SEED)
    learned = [p for p in people if p.part == "learn"][:learn]
    judged = [p for p in people if p.part == "test"][:judge]
    for person in (*learned, *judged):
        person.made(work / "pairs")
    config = work / "training.yaml"
    config.write_text(yaml.safe_dump({**TRAINING, "core_seconds": seconds}))
    train(
        [work / "pairs" / p.id for p in learned],
        str(config),
        work / "weights",
        task="mr-ct",
        cache=work / "cache",
    )
    print(f"{'patient':28} {'way':8} {'HU':>6} {'D95, %':>7} {'lung, Gy':>8} {'gamma, %':>8}")
    for person in judged:
        judge_one(work, person.id)


def judge_one(work: Path, name: str) -> None:
    """The rows of one patient."""
    twin, _ = thorax_and_slab(int(name.rsplit("-", 1)[1]))
    pair = work / "pairs" / name / "t1"
    mr, true = read(pair / "source.nii.gz", "MR", "a.u."), read(pair / "target.nii.gz", "CT", "HU")
    task = scan_task("mr-ct")
    drawn = twin.structures[0]
    lungs = np.maximum(drawn.mask("Lung_L"), drawn.mask("Lung_R")).astype(np.float32)
    lungs = Volume(drawn.geometry, lungs, "MASK", "1").on(mr.geometry) > 0.5
    bulk = task.classical(mr)  # type: ignore[attr-defined]
    made = {
        "true": None,
        "bulk": Volume(bulk.geometry, np.where(lungs, LUNG_HU, bulk.array).astype(np.int16), "CT", "HU"),
        "network": translator_named("mr-ct", str(work / "weights")).translate(mr),
    }
    plans = FluencePlans(twin)
    library = PlanLibrary(twin, PLAN, plans.of(PLAN).dose, plans)
    planned, there = library.beams(PLANNED), task.inside(mr)  # type: ignore[attr-defined]
    medium = Medium.of(twin.baseline, twin.contours, planned.template.spacing_mm)
    reference = None
    for way, ct in made.items():
        seen = medium if ct is None else shown(medium, ct, there)
        dose = Volume(seen.grid, superposed(seen, planned.beams), "DOSE", "Gy")
        reference = reference or dose
        target, lung = (dose_at(dose, library.points(of)) for of in ("target", "Lungs-GTV"))
        passed = gamma(
            reference, dose, dose_percent=2.0, distance_mm=2.0, threshold_percent=50.0, local=True,
            normalisation_gy=PLAN.total_gy,
        ).pass_rate  # fmt: skip
        error = 0.0 if ct is None else float(np.abs(ct.array.astype(float) - true.array)[there].mean())
        d95 = 100 * np.percentile(target, 5.0) / PLAN.total_gy
        print(f"{name:28} {way:8} {error:6.1f} {d95:7.2f} {lung.mean():8.3f} {100 * passed:8.2f}", flush=True)


def shown(planning: Medium, ct: Volume, there: np.ndarray) -> Medium:
    """The patient as beams see him on a CT of the body that an MR shows, and on the planning CT beyond it."""
    within = Volume(ct.geometry, there.astype(np.float32), "MASK", "1").on(planning.grid) > 0.5
    day = electron_density(ct.on(planning.grid, fill=-1000.0))
    return Medium(planning.grid, np.where(within & (planning.density > 0), day, planning.density))


main(Path(sys.argv[1]), *(int(n) for n in (*sys.argv[2:], *(8, 4, 240)[len(sys.argv) - 2 :])))
