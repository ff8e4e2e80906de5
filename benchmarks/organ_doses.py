"""Makes `scenarios/matching/data/organ_doses.csv`: doses of organs in in-silico patients, for patients without images.

python benchmarks/organ_doses.py FOLDER [--patients 50] [--technique NAME] [--most N]

Each row is one organ of one in-silico patient under one technique: the method of the dose; the mean dose, over the
prescription, of 50 equal parts of its volume, the hottest first; and the dose summed over the body, over the
prescription, in cm3. Fluence plans are made on coarse voxels, of few beams: what that changes of organs' means is in
docs/dose.md (`--check FOLDER-OF-PLANNER` prints it). FOLDER gets a file a plan, with the approximate dose's measures
beside it (`benchmarks/dose_methods.py`); run again, it goes on.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from planner import PRESCRIPTION, known, wishes

from simulators.dose.approximate import approximate_dose
from simulators.dose.dvh import dvh
from simulators.insilico.patient import make_patient
from simulators.planner import FluencePlan, plan_dose, template_for
from simulators.planner.template import Template
from twin import InputError, PatientTwin

FILE = Path(__file__).resolve().parents[1] / "scenarios" / "matching" / "data" / "organ_doses.csv"
ORGANS = ("Lungs-GTV", "Heart", "Esophagus", "GTVp")
PARTS = 50
SMALLEST_CM3, LARGEST_CM3, LARGEST_SBRT_CM3 = 1.5, 300.0, 70.0
FIRST_SEED = 1000
COARSE = {
    "conventional": {"spacing_mm": 5.0, "pixel_mm": 5.0, "directions": 20, "rounds": 1},
    "stereotactic": {"spacing_mm": 3.0, "planning_mm": None, "directions": 24, "rounds": 1},
}


def case(number: int) -> tuple[int, float, str, bool]:
    """Seed, volume, site and nodes: volumes evenly spread in the logarithm by the golden ratio."""
    share = (0.5 + number * 0.6180339887498949) % 1.0
    gtv_cm3 = SMALLEST_CM3 * (LARGEST_CM3 / SMALLEST_CM3) ** share
    return FIRST_SEED + number, round(gtv_cm3, 1), ("central", "peripheral")[number % 2], number % 4 >= 2


def cases(technique: str, patients: int) -> list[int]:
    """The first numbers of patients that a technique is for."""
    numbers = range(patients * 10)
    if technique == "stereotactic":
        numbers = [n for n in numbers if not case(n)[3] and case(n)[1] <= LARGEST_SBRT_CM3]
    return list(numbers[:patients])


def coarse(technique: str) -> Template:
    """The technique's template on larger voxels, with fewer beams and corrections."""
    return template_for(np.divide(*PRESCRIPTION[technique])).model_copy(update=COARSE[technique])


def parts_of(curve) -> np.ndarray:
    """(PARTS,) mean dose of equal parts of an organ, the hottest first, Gy."""
    ranks = (np.arange(PARTS * 20) + 0.5) / (PARTS * 20)
    doses = np.interp(ranks, curve.volume_fraction[::-1], curve.dose_gy[::-1])
    return doses.reshape(PARTS, 20).mean(axis=1)


def compared(twin: PatientTwin, technique: str) -> tuple[FluencePlan, dict]:
    """A coarse plan; its measures and those of the approximate dose."""
    prescription = PRESCRIPTION[technique]
    plan = plan_dose(twin.baseline, twin.contours, *prescription, template=coarse(technique))
    painted = approximate_dose(twin.baseline, twin.contours, *prescription, targets=plan.targets)
    found, approximate = (known(dose, twin, plan.targets) for dose in (plan.dose, painted))
    return plan, {"id": twin.id, "found": found, "approximate": approximate}


def planned(number: int, technique: str) -> dict:
    """One patient's plan: its measures, and its rows of the table."""
    seed, gtv_cm3, site, nodes = case(number)
    twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes)
    plan, told = compared(twin, technique)
    volume, whole = plan.dose.volume, plan.dose.prescription_gy
    integral_cm3 = float(volume.array.sum(dtype=np.float64)) * volume.geometry.voxel_cm3 / whole
    rows = []
    for organ in ORGANS:
        parts = parts_of(dvh(volume, twin.contours, organ)) / whole
        facts = [number, technique, organ, f"{truth['gtv_cm3']:.2f}", site, nodes, plan.dose.method]
        rows.append([*facts, f"{integral_cm3:.1f}", *(f"{p:.4f}" for p in parts)])
    return told | {"rows": rows}


def put(files: list[Path]) -> None:
    """Exchange what the table has of a technique for what was planned."""
    made = [row for file in files for row in json.loads(file.read_text())["rows"]]
    with FILE.open(newline="") as file:
        header, *old = csv.reader(file)
    techniques = {row[1] for row in made}
    rows = sorted([r for r in old if r[1] not in techniques] + made, key=lambda r: (r[1], int(r[0])))
    with FILE.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def check(folder: Path) -> None:
    """Coarse plans of the first patients that `benchmarks/planner.py` planned in full: what that changes."""
    names = ("mean_lung_gy", "lung_v20_percent", "mean_heart_gy", "oesophagus_mean_gy", "cord_max_gy")
    print(f"coarse over full plan {' '.join(f'{n:>18s}' for n in names)}")
    for technique, seed, wish in wishes(20)[:3]:
        full = json.loads((folder / f"{technique}-{seed:02d}.json").read_text())["found"]
        twin = make_patient(**wish, seed=seed)[0]
        found = compared(twin, technique)[1]["found"]
        print(
            f"{technique:18s} {seed:2d} {' '.join(f'{found[n] / full[n]:18.3f}' for n in names)}", flush=True
        )


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("--patients", type=int, default=50)
    asked.add_argument("--technique", default="")
    asked.add_argument("--most", type=int, default=10**6)
    asked.add_argument("--check", type=Path, default=None)
    told = asked.parse_args()
    if told.check:
        return check(told.check)
    told.folder.mkdir(parents=True, exist_ok=True)
    wanted = [
        (told.folder / f"{technique}-{n:03d}.json", n, technique)
        for technique in PRESCRIPTION
        for n in cases(technique, told.patients)
        if technique.startswith(told.technique)
    ]
    wanted.sort(key=lambda w: w[1])
    missing = [w for w in wanted if not w[0].exists()]
    for file, number, technique in missing[: told.most]:
        try:
            made = json.dumps(planned(number, technique))
        except InputError as error:  # a tumour that does not fit this chest
            print(number, technique, error, flush=True)
            continue
        file.write_text(made)
        print(number, technique, case(number), flush=True)
    put([file for file, *_ in wanted if file.exists()])
    return None


if __name__ == "__main__":
    main()
