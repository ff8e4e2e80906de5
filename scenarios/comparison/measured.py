"""What a radiologist would measure on every imaged date of a run, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from scenarios.records.run import RunImage
from scenarios.records.schema import table
from simulators.anatomy.measures import TumourSize, recist, size, sizes
from twin import PatientTwin


def recist_table(twin: PatientTwin, images: Sequence[RunImage]) -> pl.DataFrame:
    """The `recist` table: acquired dates first, then each plan's and sample's generated ones, with the response.

    A response counts from the first contoured date; progression from the smallest sum since then.
    """

    def rows(found: Sequence[TumourSize], plan: str | None, sample: int | None) -> list[dict[str, Any]]:
        responses = ["baseline", *recist([f.longest_mm for f in found])]
        return [
            {
                "plan": plan,
                "sample": sample,
                "day": one.time_days,
                "cm3": one.cm3,
                "longest_mm": one.longest_mm,
                "perpendicular_mm": one.perpendicular_mm,
                "lesions": one.lesions,
                "response": response,
            }
            for one, response in zip(found, responses, strict=True)
        ]

    acquired = sizes(twin)
    if not acquired:
        return table("recist", [])
    table_rows = rows(acquired, None, None)
    series: dict[tuple[str, int], list[TumourSize]] = {}
    for image in images:
        r = image.record
        if r.kind == "gtv":
            series.setdefault((r.plan, r.sample), []).append(size(image.volume, r.day))
    for (plan, sample), found in series.items():
        ordered = sorted(found, key=lambda one: one.time_days)
        past = [one for one in acquired if one.time_days < ordered[0].time_days]
        table_rows += rows([*past, *ordered], plan, sample)[len(past) :]
    return table("recist", table_rows)
