"""Fluence plans of in-silico patients and of the real CT, against limits and what published plans give.

python benchmarks/planner.py [SEEDS] [4dlung_113.zip]

Limits hold for each plan; bands for the median. A value outside is marked "!".
"""

import sys
from time import perf_counter, process_time

import numpy as np

from simulators.insilico.patient import make_patient
from simulators.planner import measures, plan_dose
from twin import PatientTwin

# PTV 250 to 600 cm3; limits of RTOG 0617, bands of its patients and of arcs since.
CONVENTIONAL = {
    "ptv_d95_percent": (95, None, None),
    "dmax_percent": (None, 110, None),
    "lung_v20_percent": (None, 35, (15, 32)),
    "cord_max_gy": (None, 50.5, None),
    "oesophagus_mean_gy": (None, 34, None),
    "lung_v5_percent": (None, None, (45, 70)),
    "mean_lung_gy": (None, 20, (11, 18)),
    "mean_heart_gy": (None, None, (3, 20)),
}
# PTV 5 to 60 cm3; RTOG 0813 and 0915: R50 and D2cm by PTV volume, limit column.
STEREOTACTIC = {
    "ptv_d95_percent": (99.9, None, None),
    "dmax_percent": (111, 167, None),
    "r100": (None, 1.2, None),
    "r50": (None, "r50", None),
    "d2cm_percent": (None, "d2cm", None),
    "lung_v20_percent": (None, 10, None),
    "mean_lung_gy": (None, None, (2, 5)),
}
PTV_CM3 = (1.8, 3.8, 7.4, 13.2, 22, 34, 50, 70, 95, 126, 163)
BY_VOLUME = {
    "r50": (5.9, 5.5, 5.1, 4.7, 4.5, 4.3, 4.0, 3.5, 3.3, 3.1, 2.9),
    "d2cm": (50, 50, 50, 50, 54, 58, 62, 66, 70, 73, 77),
}


def patients(seeds: int, stereotactic: bool):
    rng = np.random.default_rng(17)
    for seed in range(seeds):
        if stereotactic:
            yield make_patient(seed, gtv_cm3=float(rng.uniform(1.5, 20)), site="peripheral")[0]
        else:
            yield make_patient(seed, gtv_cm3=float(rng.uniform(50, 150)))[0]


def planned(twin: PatientTwin, total: float, fractions: int) -> dict[str, float]:
    begin, used = perf_counter(), process_time()
    plan = plan_dose(twin.baseline, twin.contours, total, fractions)
    found = measures(plan.dose, twin.contours, plan.targets)
    print(
        f"{twin.id}: {', '.join(f'{k} {v:.1f}' for k, v in found.items() if v is not None)}", file=sys.stderr
    )
    return {k: np.nan if v is None else v for k, v in found.items()} | {
        "seconds": perf_counter() - begin,
        "cpu_seconds": process_time() - used,
    }


def table(title: str, rows: list[dict[str, float]], asked: dict) -> None:
    print(f"{title}: {len(rows)} plans, PTV {min(r['ptv_cm3'] for r in rows):.0f} to "
          f"{max(r['ptv_cm3'] for r in rows):.0f} cm3")  # fmt: skip
    for name in rows[0]:
        low, high, band = asked.get(name, (None, None, None))
        values = np.array([r[name] for r in rows])
        top = values * np.nan if high is None else np.full(len(rows), np.nan)
        if isinstance(high, str):
            top = np.array([np.interp(r["ptv_cm3"], PTV_CM3, BY_VOLUME[high]) for r in rows])
        elif high is not None:
            top = np.full(len(rows), float(high))
        wrong = (values > top) | (values < (-np.inf if low is None else low))
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
        mark = "!" if band and not band[0] <= middle <= band[1] else " "
        said = "" if band is None else f"band {band[0]:g} to {band[1]:g}"
        listed = " ".join(f"{v:.1f}{'!' if w else ''}" for v, w in zip(values, wrong, strict=True))
        print(
            f"  {name:20s} median {middle:7.2f}{mark} {said:16s} outside limits {int(wrong.sum())}: {listed}"
        )


def main(seeds: int, real: str | None) -> None:
    rows = [planned(twin, 60.0, 30) for twin in patients(seeds, stereotactic=False)]
    table("conventional, 60/30", rows, CONVENTIONAL)
    rows = [planned(twin, 54.0, 3) for twin in patients(seeds, stereotactic=True)]
    table("stereotactic, 54/3", rows, STEREOTACTIC)
    if real is not None:
        from twin import import_patient

        table("real CT, 60/30", [planned(import_patient(real, gtv=["Tumor_c40"]), 60.0, 30)], CONVENTIONAL)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, sys.argv[2] if len(sys.argv) > 2 else None)
