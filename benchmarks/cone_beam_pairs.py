"""Makes the pairs of cone-beam CT and CT that `cbct-ct` learns from and is judged on; the same command again goes on.

python benchmarks/cone_beam_pairs.py learn|usual|test FOLDER FIRST_SEED NUMBER [STEP]
python benchmarks/cone_beam_pairs.py shifts FOLDER FIRST_SEED NUMBER MAPS      of a head, for another site
python benchmarks/cone_beam_pairs.py real FOLDER NAME SOURCE GTV      a real CT, in DICOM with its contours
"""

import sys
from functools import partial
from pathlib import Path

from scenarios.datasets.cone_beam import write_real, write_shifts, write_tests, write_thorax, write_usual
from twin import import_patient

kind, folder, *rest = sys.argv[1:]
if kind == "real":
    name, source, gtv = rest
    write_real(Path(folder), name, import_patient(source, gtv=[gtv]))
else:
    first, number = int(rest[0]), int(rest[1])
    step = int(rest[2]) if kind != "shifts" and len(rest) > 2 else 1
    makers = {
        "learn": write_thorax,
        "usual": write_usual,
        "test": write_tests,
        "shifts": partial(write_shifts, maps=Path(rest[-1])),
    }
    for n in range(number):
        seed = first + n * step
        makers[kind](Path(folder), seed)
        print(f"{seed}: {n + 1} of {number}", flush=True)
