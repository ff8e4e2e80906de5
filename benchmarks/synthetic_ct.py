"""Synthetic CTs judged by their use: the dose of the day, the decision that a policy takes on it, and a study.

python benchmarks/synthetic_ct.py FOLDER cases [--patients 10] [--fine 6] [--most N]
python benchmarks/synthetic_ct.py FOLDER judge [--translation cbct-ct] [--most N]
python benchmarks/synthetic_ct.py FOLDER study [--translation cbct-ct] [--patients 100] [--most N]
python benchmarks/synthetic_ct.py FOLDER tables

`cases` makes in-silico patients with a plan, moves their tumours until the coverage of the target on the true CT lies
about the policy's threshold (half of them within 3 % of it), and keeps that CT and its cone-beam CT, as the engine
makes them for a policy. The threshold is the policy's own, and cases follow from seeds and true CTs alone. `judge`
makes synthetic CTs and recalculates the plan, on the grid of plans, and for `--fine` patients on 2 mm. `study` compares
a policy that looks at them with a volume trigger and with none. Each writes a file a case or patient; run again, it
goes on. `tables` prints what docs/synthetic_ct.md holds, with rows.parquet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from synthetic_ct_cases import cases
from synthetic_ct_judging import judge
from synthetic_ct_study import study
from synthetic_ct_tables import tables


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("step", choices=("cases", "judge", "study", "tables"))
    asked.add_argument("--patients", type=int, default=None)
    asked.add_argument("--fine", type=int, default=6)
    asked.add_argument("--translation", default="cbct-ct")
    asked.add_argument("--most", type=int, default=10**6)
    told = asked.parse_args()
    told.folder.mkdir(parents=True, exist_ok=True)
    if told.step == "cases":
        cases(told.folder, told.patients or 10, told.fine, told.most)
    elif told.step == "judge":
        judge(told.folder, told.translation, told.most)
    elif told.step == "study":
        study(told.folder, told.translation, told.patients or 100, told.most)
    else:
        tables(told.folder)


if __name__ == "__main__":
    main()
