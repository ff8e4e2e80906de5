"""How far the approximate dose is from optimised plans, by organ, on in-silico patients.

python benchmarks/dose_methods.py FOLDER...

Each FOLDER is what `benchmarks/planner.py` or `benchmarks/organ_doses.py` planned. Of each organ: planner over
approximate dose of its mean (cord: hottest 0.03 cm3): mean, SD of the logarithm, and the SD about 1, which is what an
uncorrected approximate dose is off by and holds both. The first two are `APPROXIMATE_RATIO` of
`scenarios/engine/organ_dose.py`.
"""

import json
import sys
from pathlib import Path

import numpy as np

ORGANS = {
    "Lungs-GTV": "mean_lung_gy", "Heart": "mean_heart_gy", "Esophagus": "oesophagus_mean_gy",
    "SpinalCord": "cord_max_gy",
}  # fmt: skip
LEAST_GY = 0.5  # below it a ratio says nothing


def logarithms(rows: list[dict], name: str) -> np.ndarray:
    """(n,) logarithm of planned over approximate doses, where both are doses."""
    pairs = [(r["found"][name], r["approximate"][name]) for r in rows if name in r["approximate"]]
    return np.array([np.log(ours / painted) for ours, painted in pairs if min(ours, painted) > LEAST_GY])


def main(folders: list[str]) -> None:
    print(f"{'technique':14s} {'organ':12s} patients  planner/approximate  SD of ln  about 1")
    for technique in ("conventional", "stereotactic"):
        files = sorted(f for folder in folders for f in Path(folder).glob(f"{technique}-[0-9]*.json"))
        rows = [json.loads(f.read_text()) for f in files]
        for organ, name in ORGANS.items():
            log = logarithms(rows, name)
            if log.size < 3:
                continue
            about = np.sqrt(np.mean(log**2))
            print(f"{technique:14s} {organ:12s} {log.size:8d}  {np.exp(log).mean():19.2f}  {log.std(ddof=1):8.2f}  "
                  f"{about:7.2f}")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
