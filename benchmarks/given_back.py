"""Grain given back to denoised CTs: error, noise spectrum and radiomics by the share, on people that were learned from.

python benchmarks/given_back.py RUN      of `rt-twin benchmark denoise`; the people of its test part are not looked at
"""

import csv
import sys
from pathlib import Path

import numpy as np

from models.metrics.noise import noise_distance
from models.metrics.radiomics import radiomics
from simulators.anatomy.grain import given_back
from simulators.learned.scanner import translator_named
from simulators.tasks.denoise import TASK

SHARES = (0.0, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5, 0.6)
RANGE = (-1024.0, 1024.0)


def scores(made, case):
    pair = [np.asarray(v.array, np.float32) for v in (made, case.truth)]
    one, other = (radiomics(v, case.region, *RANGE) for v in pair)
    return (
        np.abs(pair[0] - pair[1])[case.region].mean(),
        noise_distance(*pair, case.region, *RANGE),
        (np.abs(one - other) / np.maximum(np.abs(other), 1e-6)).mean(),
    )


def main(run):
    rows = csv.DictReader((run / "splits.csv").open())
    people = [r["person"] for r in rows if r["part"] == "learn" and r["kind"] == "physics on real"]
    network = translator_named("denoise", f"{run / 'weights' / 'denoise' / 'regression-s0'}+smooth")
    methods = {"non-local means": TASK.classical, "regression": network.translate}
    found = {name: [] for name in methods}
    for case in (c for person in people for c in TASK.cases(run / "pairs" / "denoise" / person)):
        for name, method in methods.items():
            made = method(case.source)
            found[name].append([scores(given_back(made, case.source, share), case) for share in SHARES])
    print("| method | people | share given back | mae_hu | noise_spectrum_db | radiomics_error |")
    print("|---|---|---|---|---|---|")
    for name, values in found.items():
        for share, row in zip(SHARES, np.nanmean(values, axis=0), strict=True):
            print(f"| {name} | {len(values)} | {share:.3g} | {row[0]:.4g} | {row[1]:.4g} | {row[2]:.4g} |")


main(Path(sys.argv[1]))
