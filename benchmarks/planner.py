"""Fluence plans of in-silico patients and of a real CT, against limits and what published plans give.

python benchmarks/planner.py FOLDER [--seeds 20] [--real 4dlung_113.zip] [--technique NAME] [--most N]

Plans what FOLDER lacks (of one technique, at most N), a file a plan, then prints the tables: run again, it goes on.
Limits hold for each plan, bands for the median; a value outside is marked "!". A plan that breaks a limit is planned
again from itself with the weight of the objective that binds a tenth and ten times as large: its trade-off curve.
Beside each plan: what the approximate dose gives; beside three of each technique, a replan of 70 % of the PTV.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from simulators.dose.approximate import approximate_dose
from simulators.insilico.patient import make_patient
from simulators.planner import FluencePlan, beyond_limits, measures, plan_dose, template_for
from twin import DoseGrid, PatientTwin, StructureSet, import_patient

# PTV 250 to 600 cm3: what RTOG 0617's patients and arcs since have (medians), and 20 Gy of mean lung dose for each.
BANDS = {
    "conventional": {
        "lung_v5_percent": (45, 70),
        "lung_v20_percent": (15, 32),
        "mean_lung_gy": (11, 18),
        "mean_heart_gy": (3, 20),
    },
    # PTV 5 to 60 cm3.
    "stereotactic": {"mean_lung_gy": (2, 5)},
}
PRESCRIPTION = {"conventional": (60.0, 30), "stereotactic": (54.0, 3)}
REAL_GTV = {"conventional": ["Tumor_c40"], "stereotactic": ["LN_c40"]}
# The objective that a broken limit is traded against.
BINDING = {
    "lung_v20_percent": ("Lungs", "volume_at_most"),
    "cord_max_gy": ("SpinalCord", "at_most"),
    "oesophagus_mean_gy": ("Esophagus", "mean_at_most"),
    "d2cm_percent": ("Body", "far_at_most"),
    "r50": ("Body", "half_at_most"),
    "r100": ("Body", "falloff"),
    "dmax_percent": ("PTV", "at_most"),
    "ptv_d95_percent": ("PTV", "at_least"),
}
FACTORS = (0.1, 10.0)
FIRST = ("ptv_d95_percent", "dmax_percent", "r100", "r50", "d2cm_percent", "mean_lung_gy")
REPLANS = 3


def wishes(seeds: int) -> list[tuple[str, int, dict]]:
    """Technique, seed and patient of each plan, the techniques in turn."""
    found = []
    for technique, low, high, site in (
        ("conventional", 50, 150, "central"),
        ("stereotactic", 1.5, 20, "peripheral"),
    ):
        rng = np.random.default_rng(17)
        cm3 = rng.uniform(low, high, seeds)
        found += [
            (technique, n, {"gtv_cm3": float(v), "site": site, "noise": False}) for n, v in enumerate(cm3)
        ]
    return sorted(found, key=lambda w: w[1])


def known(dose: DoseGrid, twin: PatientTwin, targets: StructureSet) -> dict[str, float]:
    """The measures that a patient's structures allow."""
    return {k: float(v) for k, v in measures(dose, twin.contours, targets).items() if v is not None}


def row(twin: PatientTwin, technique: str, *, replan: bool) -> dict:
    """A plan and what is compared with it."""
    prescription = PRESCRIPTION[technique]
    begin, used = perf_counter(), process_time()
    plan = plan_dose(twin.baseline, twin.contours, *prescription)
    seconds, cpu = perf_counter() - begin, process_time() - used
    found = known(plan.dose, twin, plan.targets)
    again = {}
    if replan:
        begin, used = perf_counter(), process_time()
        smaller = shrunk(plan.targets, 0.7)
        other = plan_dose(twin.baseline, twin.contours, *prescription, targets=smaller, start=plan)
        again = {"seconds": perf_counter() - begin, "cpu_seconds": process_time() - used}
        again["found"] = known(other.dose, twin, other.targets)
    painted = approximate_dose(twin.baseline, twin.contours, *prescription, targets=plan.targets)
    said = beyond_limits(found, plan.template)
    return {
        "id": twin.id, "found": found, "beyond": said, "notes": plan.notes, "curves": curves(twin, plan, found),
        "approximate": known(painted, twin, plan.targets),
        "seconds": seconds, "cpu_seconds": cpu, "replan": again,
    }  # fmt: skip


def shrunk(drawn: StructureSet, share: float) -> StructureSet:
    """The PTV worn away evenly to a share of its volume."""
    from scipy.ndimage import distance_transform_edt

    ptv = drawn["PTV"].mask
    depth = distance_transform_edt(np.pad(ptv.array > 0, 1), sampling=ptv.geometry.spacing_mm)[
        1:-1, 1:-1, 1:-1
    ]
    least = np.quantile(depth[depth > 0], 1 - share)
    whole = np.zeros(drawn.geometry.shape, bool)
    whole[drawn.geometry.box_of(ptv.geometry)] = depth > least
    return StructureSet(drawn.geometry, ()).with_mask("PTV", "PTV", whole)


def curves(twin: PatientTwin, plan: FluencePlan, found: dict[str, float]) -> dict[str, list]:
    """Trade-off of each broken limit: (factor on the weight, the measure, D95, Dmax, R50, mean lung dose)."""
    template = plan.template
    made = {}
    for name, (structure, kind) in BINDING.items():
        low, high = template.limits_for(found["ptv_cm3"]).get(name, (None, None))
        value = found.get(name, np.nan)
        if not ((low is not None and value < low - 0.05) or (high is not None and value > high + 0.05)):
            continue
        points = [(1.0, found)]
        for factor in FACTORS:
            objectives = tuple(
                o.model_copy(update={"weight": o.weight * factor})
                if (o.structure, o.kind) == (structure, kind)
                else o
                for o in template.objectives
            )
            other = plan_dose(
                twin.baseline, twin.contours, *PRESCRIPTION[template.name], targets=plan.targets, start=plan,
                template=template.model_copy(update={"objectives": objectives}),
            )  # fmt: skip
            points.append((factor, known(other.dose, twin, other.targets)))
        shown = (name, "ptv_d95_percent", "dmax_percent", "r50", "mean_lung_gy")
        made[name] = [
            {"factor": f, **{k: p[k] for k in shown}} for f, p in sorted(points, key=lambda p: p[0])
        ]
    return made


def table(technique: str, rows: list[dict]) -> None:
    limits = [
        template_for(np.divide(*PRESCRIPTION[technique])).limits_for(r["found"]["ptv_cm3"]) for r in rows
    ]
    sizes = [r["found"]["ptv_cm3"] for r in rows]
    print(f"{technique}, {'{:g}/{}'.format(*PRESCRIPTION[technique])}: {len(rows)} plans, "
          f"PTV {min(sizes):.0f} to {max(sizes):.0f} cm3")  # fmt: skip
    for name in rows[0]["found"]:
        values = np.array([r["found"].get(name, np.nan) for r in rows])
        asked = [limit.get(name, (None, None)) for limit in limits]
        low, high = (np.array([np.nan if a[i] is None else a[i] for a in asked], float) for i in (0, 1))
        wrong = (values < low - 0.05) | (values > high + 0.05)
        band = BANDS[technique].get(name)
        middle = float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
        mark = "!" if band and not band[0] <= middle <= band[1] else " "
        said = "" if band is None else f"band {band[0]:g} to {band[1]:g}"
        limit = span(low, "at least ") + span(high, "at most ")
        listed = " ".join(f"{v:.1f}{'!' if w else ''}" for v, w in zip(values, wrong, strict=True))
        print(
            f"  {name:18s} median {middle:6.2f}{mark} {said:15s} {limit:18s} outside {int(wrong.sum())}: {listed}"
        )
    again = [r["replan"] for r in rows if r["replan"]]
    for what, of in (("plan", rows), ("replan", again)):
        wall, cpu = (np.array([r[name] for r in of]) for name in ("seconds", "cpu_seconds"))
        if of:
            print(f"  {what}: median {np.median(wall):.0f} s, {np.median(cpu):.0f} s of processor time (of all cores); "
                  f"most {wall.max():.0f} and {cpu.max():.0f}")  # fmt: skip
    for r in again:
        print("  replan: " + ", ".join(f"{k} {r['found'][k]:.1f}" for k in ("ptv_cm3", *FIRST)))
    for r in rows:
        for said in r["beyond"]:
            print(f"  {r['id']}: {said}")
        for name, points in r["curves"].items():
            print(f"    binding objective {' '.join(BINDING[name])}, its weight times:")
            for p in points:
                print(
                    f"      {p['factor']:4g}: "
                    + ", ".join(f"{k} {v:.2f}" for k, v in p.items() if k != "factor")
                )


def span(values: np.ndarray, word: str) -> str:
    if np.isnan(values).all():
        return ""
    low, high = np.nanmin(values), np.nanmax(values)
    return f"{word}{low:.3g}" + (f"-{high:.3g}" if high > low else "")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("--seeds", type=int, default=20)
    asked.add_argument("--real", default=None)
    asked.add_argument("--technique", default="")
    asked.add_argument("--most", type=int, default=10**6)
    told = asked.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    wanted = [(told.folder / f"{technique}-{seed:02d}.json", technique, wish | {"seed": seed})
              for technique, seed, wish in wishes(told.seeds)]  # fmt: skip
    if told.real:
        wanted += [
            (told.folder / f"{technique}-real.json", technique, gtv) for technique, gtv in REAL_GTV.items()
        ]
    missing = [w for w in wanted if w[1].startswith(told.technique) and not w[0].exists()]
    for file, technique, wish in missing[: told.most]:
        twin = make_patient(**wish)[0] if isinstance(wish, dict) else import_patient(told.real, gtv=wish)
        beside = file.with_suffix(".part")
        replan = isinstance(wish, dict) and wish["seed"] < REPLANS
        beside.write_text(json.dumps(row(twin, technique, replan=replan), indent=1))
        beside.rename(file)
    for technique in PRESCRIPTION:
        for real in (False, True):
            files = sorted(f for f in told.folder.glob(f"{technique}-*.json") if ("real" in f.stem) == real)
            if files:
                print("real CT, " if real else "", end="")
                table(technique, [json.loads(f.read_text()) for f in files])


if __name__ == "__main__":
    main()
