"""How far apart the radiomics of two kernels' CTs lie, in the real sarcoma collection, before and after harmonising.

    RT_TWIN_WEIGHTS=FOLDER python benchmarks/sarcoma_kernels.py DATA

`index.csv` names the kernel of each of the 40 CTs: SOFT or STANDARD, of other people, so that nothing is paired, and
binned to pixels of 1.95 mm. Of muscle (-20 to 120 HU, whole neighbourhoods) eight features are taken, brought to mean 0
and SD 1 over all. Printed are Frechet distances of SOFT to STANDARD as they are, with a Gaussian and with the learned
task bringing SOFT to STANDARD, and between halves of STANDARD at random, where no kernel differs: the middle and the
central 90 % of 200 splits. SOFT is told from STANDARD only as far as it lies beyond those.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_erosion

from models.metrics.distribution import frechet_distance
from models.metrics.radiomics import radiomics
from scenarios.datasets.people import SARCOMAS, collection, rows_of
from scenarios.engine.scanning import changer
from twin import Volume
from twin.files.nifti import read

_MUSCLE = (-20.0, 120.0)


def features(ct: Volume, where: np.ndarray) -> np.ndarray:
    """(8,) of muscle."""
    return radiomics(ct.array.astype(np.float32), where, *_MUSCLE)


def main(data: Path) -> None:
    """Read the collection, change what is SOFT, and print."""
    by = changer("harmonise", "standard")
    found: dict[str, list[np.ndarray]] = {"STANDARD": [], "SOFT": [], "a Gaussian": [], "learned": []}
    with tempfile.TemporaryDirectory() as work:
        folder = collection(data, SARCOMAS, Path(work))
        if folder is None:
            raise SystemExit(f"no {SARCOMAS} in {data}")
        for row in rows_of(folder):
            ct = read(folder / row["id"] / "ct.nii.gz", "CT", "HU").upright()
            ct = Volume(ct.geometry, np.rint(ct.array).astype(np.int16), "CT", "HU")
            where = binary_erosion((ct.array > _MUSCLE[0]) & (ct.array < _MUSCLE[1]), np.ones((1, 3, 3)))
            found[row["ct_kernel"]].append(features(ct, where))
            if row["ct_kernel"] == "SOFT":
                found["a Gaussian"].append(features(by.task.classical(ct), where))  # type: ignore[attr-defined]
                found["learned"].append(features(by.translate(ct), where))
    own = np.array(found["STANDARD"] + found["SOFT"])
    sets = {k: (np.array(v) - own.mean(axis=0)) / own.std(axis=0) for k, v in found.items()}
    rng, half = np.random.default_rng(0), len(sets["STANDARD"]) // 2
    splits = []
    for _ in range(200):
        order = rng.permutation(len(sets["STANDARD"]))
        splits.append(frechet_distance(sets["STANDARD"][order[:half]], sets["STANDARD"][order[half:]]))
    low, middle, high = np.quantile(splits, (0.05, 0.5, 0.95))
    print(f"halves of STANDARD: {middle:.2f} ({low:.2f} to {high:.2f}), {len(sets['STANDARD'])} people")
    for name in ("SOFT", "a Gaussian", "learned"):
        distance = frechet_distance(sets[name], sets["STANDARD"])
        print(f"{name} to STANDARD: {distance:.2f}, {len(sets[name])} people")


main(Path(sys.argv[1]))
