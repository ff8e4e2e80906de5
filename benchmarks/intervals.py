"""How near 200 samples come to the intervals that 4,000 give: `python benchmarks/intervals.py [TWIN] [PLAN ...]`.

For every outcome of every plan, and every difference to the first: over 20 seeds, how far each bound at 200 samples
lies from that at 4,000, in percent of the interval's width; the median over seeds, and the worst seed. TWIN is the
in-silico patient of seed 7 unless one is given. Monte Carlo rows are left out: their width is that of the number of
samples.
"""

from __future__ import annotations

import sys

import numpy as np
import polars as pl

from scenarios import Scenario, compare
from simulators.insilico.patient import make_patient
from twin import PatientTwin

SEEDS, FEW, MANY = 20, 200, 4000
ASKED = 10.0  # percent of the width, the median over seeds


def bounds(twin: PatientTwin, plans: list[Scenario], samples: int, seed: int) -> pl.DataFrame:
    """Low and high of every row of a comparison's outcomes and differences."""
    run = compare(twin, plans, samples=samples, image_samples=0, seed=seed, outcomes="calibrated")
    tables = [
        run.outcomes.select(pl.lit("outcomes").alias("table"), *_COLUMNS),
        run.contrasts.select(pl.lit("contrasts").alias("table"), *_COLUMNS),
    ]
    return pl.concat(tables).filter((pl.col("kind") != "monte-carlo") & pl.col("low").is_not_null())


_COLUMNS = ("plan", "outcome", "kind", "low", "high")
_KEYS = ["table", "plan", "outcome"]


def main(twin: PatientTwin, plans: list[Scenario]) -> None:
    """Print the table, and the largest median."""
    many = bounds(twin, plans, MANY, SEEDS)
    few = pl.concat(
        bounds(twin, plans, FEW, seed).join(many, on=_KEYS, suffix="_many") for seed in range(SEEDS)
    )
    width = pl.col("high_many") - pl.col("low_many")
    off = [(100 * (pl.col(e) - pl.col(f"{e}_many")).abs() / width).alias(e) for e in ("low", "high")]
    found = (
        few.filter(width > 1e-9)
        .select(*_KEYS, "kind", *off)
        .group_by(*_KEYS, "kind", maintain_order=True)
        .agg(
            pl.col("low", "high").median().name.suffix(" median"),
            pl.col("low", "high").max().name.suffix(" worst"),
        )
    )
    for row in found.iter_rows(named=True):
        ends = "  ".join(
            f"{end} {row[f'{end} median']:5.1f} (worst {row[f'{end} worst']:5.1f})" for end in ("low", "high")
        )
        print(f"{row['table']:10}{row['plan']:8}{row['outcome']:32}{row['kind']:12}{ends}")
    largest = np.max([found["low median"].max(), found["high median"].max()])
    print(f"largest median of {2 * len(found)} bounds: {largest:.1f} % of the width; asked: {ASKED:g} %")


if __name__ == "__main__":
    given = sys.argv[1:]
    patient = PatientTwin.load(given[0]) if given else make_patient(seed=7)[0]
    main(patient, [Scenario.parse(text) for text in given[1:] or ("60/30", "60/15")])
