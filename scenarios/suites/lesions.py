"""Lesions of a benchmark by thirds of their size: their shape, their uptake and their density, each in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from scenarios.benchmark.statistics import interval

THIRDS = ("small", "middle", "large")
_SIZE = "lesion_cm3"
# What a lesion's table holds, and the ends of its scores' names.
ASPECTS = {
    "shape": ("dice", "hd95_mm", "mtv_error", "volume_error"),
    "uptake": ("suvmax_error", "suvpeak_error", "suvmean_error", "tlg_error", "contrast_error"),
    "values": ("bias_hu", "mae_hu", "bias_suv", "mae_suv", "bias_a.u.", "mae_a.u."),
}


def thirds(people: pl.DataFrame) -> pl.DataFrame:
    """task, kind, patient, cm3, third: each lesion's volume, and whether it is of the smaller, middle or larger ones.

    Args:
        people: of `scenarios.suites.tables.by_person`. Where there are fewer than three lesions there are no thirds.
    """
    keys = ["task", "kind", "patient"]
    sizes = people.filter(pl.col("metric") == _SIZE).group_by(keys, maintain_order=True)
    some = sizes.agg(pl.col("value").first().alias("cm3"))
    count, place = pl.len().over("task", "kind"), pl.col("cm3").rank("ordinal").over("task", "kind")
    third = ((place - 1) * len(THIRDS) // count).replace_strict(dict(enumerate(THIRDS)), default=None)
    return some.filter(count >= len(THIRDS)).with_columns(third.cast(pl.String).alias("third"))


def by_size(people: pl.DataFrame) -> pl.DataFrame:
    """Means of the lesions' scores with their 95 % bootstrap intervals over people, for each third of the sizes.

    Args:
        people: of `scenarios.suites.tables.by_person`.

    Returns:
        task, kind, aspect, third, from_cm3, to_cm3, contestant, metric, mean, low, high, people.
    """
    sized = people.join(thirds(people), on=["task", "kind", "patient"])
    ends = {
        f"{of}_{end}": aspect
        for aspect, some in ASPECTS.items()
        for end in some
        for of in ("lesion", "tumour")
    }
    some = sized.filter(pl.col("metric").is_in(list(ends)))
    found = []
    keys = ["task", "kind", "third", "contestant", "metric"]
    for (task, kind, third, name, metric), group in some.group_by(keys, maintain_order=True):
        values = group["value"].to_numpy()
        low, high = interval(values, lambda v: float(np.mean(v)))
        lesions = sized.filter(
            (pl.col("task") == task) & (pl.col("kind") == kind) & (pl.col("third") == third)
        )
        least, most = lesions["cm3"].to_numpy().min(), lesions["cm3"].to_numpy().max()
        aspect = ends[str(metric)]
        found.append(
            (
                task,
                kind,
                aspect,
                third,
                least,
                most,
                name,
                metric,
                float(values.mean()),
                low,
                high,
                len(values),
            )
        )
    columns = ["task", "kind", "aspect", "third", "from_cm3", "to_cm3", "contestant", "metric", "mean", "low", "high",
               "people"]  # fmt: skip
    return pl.DataFrame(found, schema=columns, orient="row")


def lesion_tables(table: pl.DataFrame, task: str, kind: str) -> Sequence[tuple[str, pl.DataFrame]]:
    """The tables of one direction and kind: what each is of, and a row for each third and contestant.

    Args:
        table: of `by_size`.
        task, kind: which.
    """
    mine, found = table.filter((pl.col("task") == task) & (pl.col("kind") == kind)), []
    for aspect in ASPECTS:
        some = mine.filter(pl.col("aspect") == aspect)
        if not len(some):
            continue
        rows: dict[tuple[str, str], dict[str, str]] = {}
        for row in some.iter_rows(named=True):
            cell = f"{row['mean']:.3g} [{row['low']:.3g}, {row['high']:.3g}]"
            size = f"{row['third']}, {row['from_cm3']:.3g} to {row['to_cm3']:.3g} cm3, {row['people']} people"
            rows.setdefault((size, row["contestant"]), {})[row["metric"]] = cell
        names = some["metric"].unique(maintain_order=True)
        lines = [
            {"lesions": size, "contestant": name, **{m: of.get(m, "") for m in names}}
            for (size, name), of in sorted(
                rows.items(), key=lambda item: THIRDS.index(item[0][0].split(",")[0])
            )
        ]
        found.append((f"Lesions by thirds of their size, {aspect}", pl.DataFrame(lines)))
    return found
