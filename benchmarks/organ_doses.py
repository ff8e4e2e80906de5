"""Makes `scenarios/matching/data/organ_doses.csv`: doses of organs in in-silico patients, for patients without images.

Each row is one organ of one in-silico patient under one technique: the mean dose, over the prescription, of 50
equal parts of its volume, the hottest first; and the dose summed over the body, over the prescription, in cm3.
A finished row is kept, so that the script can go on where it stopped.

Usage: python benchmarks/organ_doses.py [PATIENTS]
"""

import csv
import sys
from pathlib import Path

import numpy as np

from simulators.dose.approximate import approximate_dose
from simulators.dose.dvh import dvh
from simulators.insilico.patient import make_patient
from twin import InputError

FILE = Path(__file__).resolve().parents[1] / "scenarios" / "matching" / "data" / "organ_doses.csv"
ORGANS = ("Lungs-GTV", "Heart", "Esophagus", "GTVp")
PARTS = 50
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


def rows_of(number: int) -> list[list]:
    seed, gtv_cm3, site, nodes = case(number)
    twin, truth = make_patient(seed, gtv_cm3=gtv_cm3, site=site, nodes=nodes)
    rows = []
    for technique, (dose_gy, fractions) in PRESCRIPTIONS.items():
        if technique == "stereotactic" and (nodes or gtv_cm3 > LARGEST_SBRT_CM3):
            continue
        dose = approximate_dose(twin.baseline, twin.contours, dose_gy, fractions)
        integral_cm3 = (
            float(dose.volume.array.sum(dtype=np.float64)) * dose.volume.geometry.voxel_cm3 / dose_gy
        )
        for organ in ORGANS:
            parts = parts_of(dvh(dose.volume, twin.contours, organ)) / dose_gy
            facts = [number, technique, organ, f"{truth['gtv_cm3']:.2f}", site, nodes, f"{integral_cm3:.1f}"]
            rows.append([*facts, *(f"{p:.4f}" for p in parts)])
    return rows


def main() -> None:
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else 48
    done = {int(line.split(",")[0]) for line in FILE.read_text().splitlines()[1:]} if FILE.exists() else set()
    if not done:
        header = ["patient", "technique", "organ", "gtv_cm3", "site", "nodes", "integral_cm3"]
        FILE.write_text(",".join([*header, *(f"part_{i}" for i in range(PARTS))]) + "\n")
    for number in range(patients):
        if number in done:
            continue
        try:
            rows = rows_of(number)
        except InputError as error:  # a tumour that does not fit this chest
            print(number, error, file=sys.stderr)
            continue
        with FILE.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        print(number, case(number), flush=True)


if __name__ == "__main__":
    main()
