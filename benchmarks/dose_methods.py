"""How far the approximate dose is from optimised plans, by organ, on the patients of `benchmarks/planner.py`.

python benchmarks/dose_methods.py FOLDER [OUT.yaml]

FOLDER is what that benchmark planned. Of each organ: planner over approximate dose of its mean (cord: hottest 0.03
cm3), geometric mean and SD of the logarithm; the SD about 1, which is what an uncorrected approximate dose is off by,
holds both. OUT.yaml gets the same as a file.
"""

import json
import sys
from pathlib import Path

import numpy as np
import yaml

ORGANS = {
    "Lungs-GTV": "mean_lung_gy", "Heart": "mean_heart_gy", "Esophagus": "oesophagus_mean_gy",
    "SpinalCord": "cord_max_gy",
}  # fmt: skip
LEAST_GY = 0.5  # below it a ratio says nothing


def errors(rows: list[dict]) -> dict[str, dict[str, float]]:
    found = {}
    for organ, name in ORGANS.items():
        pairs = [(r["found"][name], r["approximate"][name]) for r in rows if name in r["approximate"]]
        log = np.array([np.log(ours / painted) for ours, painted in pairs if min(ours, painted) > LEAST_GY])
        if log.size < 3:
            continue
        found[organ] = {
            "patients": int(log.size),
            "ratio": round(float(np.exp(log.mean())), 3),
            "sd": round(float(log.std(ddof=1)), 3),
            "sd_about_1": round(float(np.sqrt(np.mean(log**2))), 3),
        }
    return found


def main(folder: str, out: str | None) -> None:
    made = {}
    print(f"{'technique':14s} {'organ':12s} patients  planner/approximate  SD of ln  about 1")
    for technique in ("conventional", "stereotactic"):
        files = sorted(Path(folder).glob(f"{technique}-[0-9]*.json"))
        made[technique] = errors([json.loads(f.read_text()) for f in files])
        for organ, e in made[technique].items():
            values = f"{e['patients']:8d}  {e['ratio']:19.2f}  {e['sd']:8.2f}  {e['sd_about_1']:7.2f}"
            print(f"{technique:14s} {organ:12s} {values}")
    if out:
        head = (
            "# How far the approximate dose is from optimised plans on in-silico patients: made by\n"
            "# python benchmarks/dose_methods.py FOLDER OUT.yaml\n"
            "# ratio: planner over approximate, geometric mean; sd: of its logarithm; sd_about_1 holds both.\n"
        )
        Path(out).write_text(head + yaml.safe_dump(made, sort_keys=False))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
