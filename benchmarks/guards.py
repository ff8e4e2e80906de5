"""Guards: how far scans are from what was learned, detection of shifts by kind, and the guard of CTs.

python benchmarks/guards.py ct WEIGHTS SET...      of in-silico thoraces, into WEIGHTS/config.json
python benchmarks/guards.py cone WEIGHTS SET...      of pairs (`benchmarks/cone_beam_pairs.py learn|usual`), the same
python benchmarks/guards.py table WEIGHTS SET...      alarms on sets of pairs
python benchmarks/guards.py figure WEIGHTS SHIFTS PNG SET...      readings of learned and of shifted scans
python benchmarks/guards.py cts CT...      twins, or DICOM with a contour (PATH=STRUCTURE): distance of each

What is said of a pair's scan is kept beside it; the same command again goes on.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from models.guard import Guard
from scenarios.readers.statistics import wilson
from scenarios.records.schema import SIMULATED
from simulators.insilico.sets import twins_in
from simulators.learned.distance import distance
from simulators.tasks import cbct_ct, denoise
from simulators.tasks.scan_pairs import pairs_in
from twin import PatientTwin, import_patient
from twin.files.atomic import atomic_file
from twin.files.json_file import read_json

NOISE = 34  # among the numbers: that of the finest band in the quietest fifth of soft tissue
TIMES = {"1.5": "tab:orange", "2": "tab:red"}
AXES = {
    "dose": "dose, of the system's",
    "scatter": "scatter that is left, of the system's",
    "motion": "motion of the diaphragm, mm",
    "kernel": "end of the ramp's window",
}


def kept(weights, guard):
    config = Path(weights) / "config.json"
    with atomic_file(config) as part:
        part.write_text(json.dumps(json.loads(config.read_text()) | {"guard": guard.facts()}, indent=1))


def ct(weights, *sets):
    twins = [PatientTwin.load(path) for folder in sets for path in twins_in(Path(folder))]
    values = np.stack([denoise.TASK.numbers(twin.baseline.volume) for twin in twins])
    kept(weights, Guard.fitted(values, [twin.id for twin in twins]))


def numbers(pair):
    file = pair.folder / f"numbers-{cbct_ct.TASK.version}.npy"
    if not file.is_file():
        with atomic_file(file) as part, part.open("wb") as stream:
            np.save(stream, cbct_ct.TASK.numbers(pair.source))
    return np.load(file)


def cone(weights, *sets):
    pairs = [p for folder in sets for p in pairs_in(Path(folder), cbct_ct.TASK.reads)]
    how = [cbct_ct.taken(p) for p in pairs]
    guard = cbct_ct.guard_of([numbers(p) for p in pairs], how, [p.patient for p in pairs])
    kept(weights, guard)
    print(
        f"{len(pairs)} scans of {len({p.patient for p in pairs})} patients; it reads {', '.join(guard.readings)}"
    )


def table(weights, *sets):
    guard = Guard.from_facts(read_json(Path(weights) / "config.json")["guard"])
    print("| scans | number | alarms (95 % interval) | median distance | least | most | by |")
    print("|---|---|---|---|---|---|---|")
    for folder in map(Path, sets):
        values = np.stack([numbers(p) for p in pairs_in(folder, cbct_ct.TASK.reads)])
        far, by = guard.distance(values), Counter(guard.furthest(values))
        alarms, n = int((far > 1).sum()), len(far)
        low, high = wilson(alarms, n)
        print(
            f"| {folder.name} | {n} | {100 * alarms / n:.0f} % ({100 * low:.0f} to {100 * high:.0f}) "
            f"| {np.median(far):.2f} | {far.min():.2f} | {far.max():.2f} "
            f"| {', '.join(f'{name} {count}' for name, count in by.most_common())} |"
        )


def figure(weights, shifts, png, *sets):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    guard = Guard.from_facts(read_json(Path(weights) / "config.json")["guard"])
    plt.rcParams |= {"axes.spines.top": False, "axes.spines.right": False, "font.size": 9}
    names = [name for name in AXES if name == "dose" or name in guard.readings]
    _, panels = plt.subplots(1, len(names), figsize=(11, 3), layout="constrained")
    for name, panel in zip(names, panels, strict=True):
        drawn = {"learned": list(map(Path, sets)), "unseen, not shifted": [Path(shifts) / "none"]}
        drawn |= {f"shifted {t} times": [Path(shifts) / f"{name}-{t}"] for t in TIMES}
        for (label, folders), colour in zip(drawn.items(), ("0.75", "k", *TIMES.values()), strict=True):
            pairs = [p for folder in folders for p in pairs_in(folder, cbct_ct.TASK.reads)]
            truth = np.array([cbct_ct.taken(p)[cbct_ct.READ.index(name)] for p in pairs])
            values = np.stack([numbers(p) for p in pairs])
            if name == "dose":
                truth, shows = np.exp(truth), np.exp(values[:, NOISE])
            else:
                shows = guard.read(values)[:, guard.readings.index(name)]
            size = 3 if label == "learned" else 7
            panel.plot(truth, shows, ".", color=colour, label=label, markersize=size)
        if name == "dose":
            panel.set(
                xscale="log",
                yscale="log",
                ylabel="finest noise of soft tissue, HU",
                xlim=(0.14, 2.3),
                ylim=(0.2, 2.6),
            )
            panel.set_xticks(ticks := [0.2, 0.5, 1.0, 2.0], map(str, ticks), minor=False)
            panel.set_yticks(ticks, map(str, ticks), minor=False)
            panel.minorticks_off()
        else:
            panel.set(ylabel="reading, from the middle, over its limit")
            for limit in (-1, 1):
                panel.axhline(limit, color="grey", linewidth=0.8, linestyle=":")
        panel.set(title=name, xlabel=AXES[name])
    panels[0].legend(frameon=False, fontsize=6)
    panels[-1].text(1, 1.12, SIMULATED, transform=panels[-1].transAxes, fontsize=7, color="grey", ha="right")
    plt.savefig(png, dpi=110)


def cts(*given):
    for one in given:
        path, _, gtv = one.partition("=")
        twin = import_patient(path, gtv=[gtv]) if gtv else PatientTwin.load(path)
        print(f"{Path(path).name}: {distance(twin.baseline.volume, 'denoise').times:.2f}", flush=True)


{"ct": ct, "cone": cone, "table": table, "figure": figure, "cts": cts}[sys.argv[1]](*sys.argv[2:])
