"""Makes `scenarios/matching/data/organ_doses.csv`: doses of organs in in-silico patients, for patients without images.

Each row is one organ of one in-silico patient under one technique: the method of the dose; the mean dose, over the
prescription, of 50 equal parts of its volume, the hottest first; and the dose summed over the body, over the
prescription, in cm3. Rows of the approximate dose are exchanged, patient by patient, for those of a fluence plan (some
two minutes of processor time each); what is there is kept, so that the script goes on where it stopped.

Usage: python benchmarks/organ_doses.py [PATIENTS]
"""

import csv
import sys
from pathlib import Path

import numpy as np

from simulators.dose.dvh import dvh
from simulators.insilico.patient import make_patient
from simulators.planner import plan_dose
from twin import InputError

FILE = Path(__file__).resolve().parents[1] / "scenarios" / "matching" / "data" / "organ_doses.csv"
ORGANS = ("Lungs-GTV", "Heart", "Esophagus", "GTVp")
PARTS = 50
METHOD = "fluence plan"
SMALLEST_CM3, LARGEST_CM3, LARGEST_SBRT_CM3 = 1.5, 300.0, 70.0
FIRST_SEED = 1000
PRESCRIPTIONS = {"conventional": (60.0, 30), "stereotactic": (54.0, 3)}


def case(number: int) -> tuple[int, float, str, bool]:
    """Seed, volume, site and nodes: volumes evenly spread in the logarithm by the golden ratio."""
    share = (0.5 + number * 0.6180339887498949) % 1.0
    gtv_cm3 = SMALLEST_CM3 * (LARGEST_CM3 / SMALLEST_CM3) ** share
    return FIRST_SEED + number, round(gtv_cm3, 1), ("central", "peripheral")[number % 2], number % 4 >= 2


def parts_of(curve) -> np.ndarray:
    """(PARTS,) mean dose of equal parts of an organ, the hottest first, Gy."""
    ranks = (np.arange(PARTS * 20) + 0.5) / (PARTS * 20)
    doses = np.interp(ranks, curve.volume_fraction[::-1], curve.dose_gy[::-1])
    return doses.reshape(PARTS, 20).mean(axis=1)


def rows_of(number: int, technique: str) -> list[list]:
    seed, gtv_cm3, site, nodes = case(number)
    twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes)
    dose_gy, fractions = PRESCRIPTIONS[technique]
    dose = plan_dose(twin.baseline, twin.contours, dose_gy, fractions).dose
    volume = dose.volume
    integral_cm3 = float(volume.array.sum(dtype=np.float64)) * volume.geometry.voxel_cm3 / dose_gy
    rows = []
    for organ in ORGANS:
        parts = parts_of(dvh(volume, twin.contours, organ)) / dose_gy
        facts = [number, technique, organ, f"{truth['gtv_cm3']:.2f}", site, nodes, dose.method]
        rows.append([*facts, f"{integral_cm3:.1f}", *(f"{p:.4f}" for p in parts)])
    return rows


def put(made: list[list]) -> None:
    """Exchange the rows of one patient and technique."""
    with FILE.open(newline="") as file:
        header, *old = csv.reader(file)
    mine = [str(v) for v in made[0][:2]]
    rows = sorted([r for r in old if r[:2] != mine] + made, key=lambda r: int(r[0]))
    part = FILE.with_suffix(".part")
    with part.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    part.replace(FILE)


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 48
    with FILE.open(newline="") as file:
        done = {(int(r["patient"]), r["technique"]) for r in csv.DictReader(file) if r["method"] == METHOD}
    for number in range(patients):
        _, gtv_cm3, _, nodes = case(number)
        for technique in PRESCRIPTIONS:
            if (number, technique) in done or (
                technique == "stereotactic" and (nodes or gtv_cm3 > LARGEST_SBRT_CM3)
            ):
                continue
            try:
                put(rows_of(number, technique))
            except InputError as error:  # a tumour that does not fit this chest
                print(number, technique, error, file=sys.stderr)
                continue
            print(number, technique, case(number), flush=True)


if __name__ == "__main__":
    main()
