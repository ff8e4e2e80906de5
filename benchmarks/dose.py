"""The approximate dose: time, and organ doses of in-silico patients beside the ranges of `validation/dose.py`.

python benchmarks/dose.py [SEEDS]
"""

import sys
from time import perf_counter

import numpy as np

from simulators.dose.approximate import approximate_dose
from simulators.dose.dvh import dvh
from simulators.dose.targets import targets
from simulators.insilico.patient import make_patient

CASES = {
    "central right, 70 cm3, 60/30 (MLD 11-15, V20 18-27, V5 40-60, MHD 3-8)": (
        {"gtv_cm3": 70, "site": "central", "side": "right"},
        (60, 30),
    ),
    "left lower lobe, 70 cm3, 60/30 (MHD 25-33)": (
        {"gtv_cm3": 70, "site": "central", "side": "left", "lobe": "lower"},
        (60, 30),
    ),
    "peripheral, 8 cm3, 54/3 (R50 3.8-4.8, MLD 3-5, V20 3-7)": (
        {"gtv_cm3": 8, "site": "peripheral"},
        (54, 3),
    ),
}


def main(seeds: int) -> None:
    for title, (patient, (total, fractions)) in CASES.items():
        print(title)
        rows = []
        for seed in range(seeds):
            twin, _ = make_patient(seed, **patient)
            made = targets(
                twin.baseline, twin.contours, sbrt=total / fractions >= 6, histology=twin.clinical.histology
            )
            approximate_dose(twin.baseline, twin.contours, total, fractions, targets=made)  # compile
            begin = perf_counter()
            dose = approximate_dose(twin.baseline, twin.contours, total, fractions, targets=made).volume
            seconds = perf_counter() - begin
            lungs, heart = dvh(dose, twin.contours, "Lungs-GTV"), dvh(dose, twin.contours, "Heart")
            ratio = dose.geometry.voxel_cm3 / made["PTV"].cm3
            r50, r100 = (np.count_nonzero(dose.array >= share * total) * ratio for share in (0.5, 1.0))
            rows.append(
                (
                    lungs.mean_gy, 100 * lungs.v(20), 100 * lungs.v(5), heart.mean_gy, r50, r100,
                    dose.array.max() / total, lungs.volume_cm3 / 1000, made["PTV"].cm3, seconds,
                )
            )  # fmt: skip
        names = ("MLD Gy", "V20 %", "V5 %", "MHD Gy", "R50", "R100", "Dmax", "lungs l", "PTV cm3", "time s")
        for name, values in zip(names, np.array(rows).T, strict=True):
            listed = " ".join(f"{v:8.2f}" for v in values)
            print(f"  {name:8s} median {np.median(values):7.2f}   {listed}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
