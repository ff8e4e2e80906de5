"""Guards: how far scans are from what was learned, detection of shifts by kind, and the guard of CTs.

python benchmarks/guards.py ct WEIGHTS FIRST_SEED NUMBER      of in-silico thoraces, into WEIGHTS/config.json
python benchmarks/guards.py table TASK WEIGHTS SET...      alarms on sets of pairs (`benchmarks/cone_beam_pairs.py`)
python benchmarks/guards.py cts CT...      twins, or DICOM with a contour (PATH=STRUCTURE): distance of each
"""

import json
import sys
from pathlib import Path

import numpy as np

from models.guard import Guard
from simulators.insilico.sets import twins_in
from simulators.learned.distance import distance
from simulators.tasks import cbct_ct, denoise
from simulators.tasks.scan_pairs import pairs_in
from twin import PatientTwin, import_patient
from twin.files.atomic import atomic_file


def fit(weights, *sets):
    twins = [PatientTwin.load(path) for folder in sets for path in twins_in(Path(folder))]
    values = np.stack([denoise.TASK.numbers(twin.baseline.volume) for twin in twins])
    config = Path(weights) / "config.json"
    guard = Guard.fitted(values, [twin.id for twin in twins]).facts()
    with atomic_file(config) as part:
        part.write_text(json.dumps(json.loads(config.read_text()) | {"guard": guard}, indent=1))


def table(task, weights, *sets):
    print("| scans | patients | alarms | median distance | least | most |\n|---|---|---|---|---|---|")
    for folder in map(Path, sets):
        far = [distance(p.source, task, weights) for p in pairs_in(folder, cbct_ct.TASK.reads)]
        print(
            f"| {folder.name} | {len(far)} | {100 * np.mean(np.array(far) > 1):.0f} % | {np.median(far):.2f} "
            f"| {min(far):.2f} | {max(far):.2f} |",
            flush=True,
        )


def cts(*given):
    for one in given:
        path, _, gtv = one.partition("=")
        twin = import_patient(path, gtv=[gtv]) if gtv else PatientTwin.load(path)
        print(f"{Path(path).name}: {distance(twin.baseline.volume, 'denoise'):.2f}", flush=True)


{"ct": fit, "table": table, "cts": cts}[sys.argv[1]](*sys.argv[2:])
