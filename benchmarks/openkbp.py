"""A plan of OpenKBP's patient 1 beside the clinical plan of the same prescription: DVHs and their differences.

python benchmarks/openkbp.py openkbp.zip

70, 63 and 56 Gy in 35 fractions at once. The template below is this file's own: 36 directions all around, one organ
objective each. It lacks what a head-and-neck plan needs besides: larynx, constrictors, oral cavity and shoulders
(the set has none), ring structures drawn by hand between the levels, and leaves. The set's CT ends with the targets
(2.5 mm above, 2.5 mm below), so scatter from beyond is missing; its voxels are 3.9 mm wide.
"""

import io
import sys
import zipfile

import numpy as np

from simulators.dose.dvh import dvh
from simulators.planner import plan_dose
from simulators.planner.plan import METHOD
from simulators.planner.template import Template
from twin import DoseGrid, Geometry, Scan, StructureSet, Volume

PRESCRIBED = {"PTV70": 70.0, "PTV63": 63.0, "PTV56": 56.0}
ORGANS = ("SpinalCord", "Brainstem", "RightParotid", "LeftParotid", "Mandible")
FRACTIONS = 35


def level(name: str, kind: str, gy: float, weight: float) -> dict:
    return {"structure": name, "kind": kind, "gy": gy, "weight": weight}


TEMPLATE = Template.model_validate(
    {
        "name": "head and neck, of this benchmark",
        "source": "levels of the clinical plan; organ limits of QUANTEC",
        "directions": 36,
        "arc_deg": 350,
        "margin_mm": 8,
        "spacing_mm": 4,
        "pixel_mm": 4,
        "rounds": 2,
        "normalised": "PTV70",
        "hottest_percent": 110,
        "objectives": [
            *(level(name, "at_least", 1.01 * gy, 1000) for name, gy in PRESCRIBED.items()),
            *(level(name, "at_most", gy, 500) for name, gy in (("PTV70", 73), ("PTV63", 68), ("PTV56", 62))),
            {"structure": "Body", "kind": "falloff", "weight": 30,
             "by_mm": [[0, 100], [5, 85], [12, 65], [25, 45], [50, 30]]},
            {"structure": "Body", "kind": "at_most", "percent": 102, "weight": 500},
            level("SpinalCord", "at_most", 38, 300),
            level("Brainstem", "at_most", 45, 100),
            level("LeftParotid", "mean_at_most", 26, 5),
            level("RightParotid", "mean_at_most", 26, 5),
            level("Mandible", "at_most", 70, 50),
        ],
    }
)  # fmt: skip


def read(path: str) -> tuple[Scan, StructureSet, StructureSet, DoseGrid]:
    """CT, body and organs, the three targets, and the clinical dose."""
    with zipfile.ZipFile(path) as files:
        folder = "openkbp/pt_1/"

        def sparse(name: str) -> np.ndarray:
            rows = [r.split(",") for r in files.read(f"{folder}{name}.csv").decode().splitlines()[1:]]
            whole = np.zeros(128**3, np.float32)
            whole[[int(r[0]) for r in rows]] = [float(r[1]) if r[1] else 1.0 for r in rows]
            return whole.reshape(128, 128, 128).transpose(2, 0, 1)

        x, y, z = np.loadtxt(io.StringIO(files.read(folder + "voxel_dimensions.csv").decode()))
        grid = Geometry((128, 128, 128), (float(z), float(y), float(x)))
        organs = StructureSet(grid, ()).with_mask("BODY", "EXTERNAL", sparse("possible_dose_mask") > 0)
        for name in ORGANS:
            organs = organs.with_mask(name, "OAR", sparse(name) > 0)
        ptvs = StructureSet(grid, ())
        for name in PRESCRIBED:
            ptvs = ptvs.with_mask(name, "PTV", sparse(name) > 0)
        scan = Scan("CT", 0.0, Volume(grid, (sparse("ct") - 1024).astype(np.int16), "CT", "HU"))
        dose = DoseGrid("clinical", Volume(grid, sparse("dose"), "DOSE", "Gy"), 70.0)
    return scan, organs, ptvs, dose


def main(path: str) -> None:
    scan, organs, ptvs, clinical = read(path)
    plan = plan_dose(scan, organs, PRESCRIBED["PTV70"], FRACTIONS, targets=ptvs, template=TEMPLATE)
    print(f"OpenKBP, patient 1, 70/63/56 Gy in {FRACTIONS} fractions; {METHOD}")
    for note in plan.notes:
        print(f"  {note}")
    print(f"  {'Gy':14s} {'measure':8s} {'clinical':>9s} {'planned':>9s} {'difference':>11s}")
    for name in (*PRESCRIBED, *ORGANS):
        drawn = ptvs if name in PRESCRIBED else organs
        theirs, ours = (dvh(d.volume, drawn, name) for d in (clinical, plan.dose))
        asked = {"D98": 98, "D95": 95, "D50": 50, "D2": 2} if name in PRESCRIBED else {"D50": 50, "D2": 2}
        rows = [(what, theirs.d(percent), ours.d(percent)) for what, percent in asked.items()]
        for what, known, found in (*rows, ("mean", theirs.mean_gy, ours.mean_gy)):
            print(f"  {name:14s} {what:8s} {known:9.1f} {found:9.1f} {found - known:+11.1f}")


if __name__ == "__main__":
    main(sys.argv[1])
