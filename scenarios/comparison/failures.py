"""Where and when the tumour comes back: the day of failure at each place in every sample of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.comparison.outcomes import PlanOutcomes
from scenarios.records.run import PlanRecord
from scenarios.records.schema import table


def failure_table(records: Sequence[PlanRecord], outcomes: Sequence[PlanOutcomes]) -> pl.DataFrame:
    """The `failures` table.

    Where the clinical record does not allow survival, only local failure has rows, and death does not cut it off.

    Args:
        records: the plans.
        outcomes: what each means for the patient.
    """
    frames = [table("failures", [])]
    for record, judged in zip(records, outcomes, strict=True):
        n, lives = len(judged.local_days), judged.lives
        days = {"local": judged.local_days} if lives is None else lives.places
        death = np.full(n, np.inf) if lives is None else lives.death
        for place, day in days.items():
            seen = np.isfinite(day) & (day <= death)
            columns = {
                "plan": [record.slug] * n,
                "sample": np.arange(n, dtype=np.int32),
                "kind": [f"{place} failure"] * n,
                "day": [float(d) if known else None for d, known in zip(day, seen, strict=True)],
            }
            frames.append(pl.DataFrame(columns, schema=table("failures", []).schema))
    return pl.concat(frames)
