"""Follow-ups in a benchmark: judged as `rt-twin evaluate` judges them, by the same tables; and a score a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from scenarios.benchmark.follow_ups import FollowUpJudge
from scenarios.benchmark.scores import Scope
from scenarios.benchmark.tables import Table, tables
from scenarios.datasets.longitudinal import simulator
from simulators.insilico.sets import TRUTH
from twin.files.tables import read_table

_SHOWN = ("images", "tumour", "forecast", "spread", "plans")  # of the evaluation's tables
# Mode and metric of an evaluation, and what a benchmark calls them.
_SCORES = {
    ("guided", "mae_near_hu"): "mae_near_hu", ("guided", "psnr_db"): "psnr_db", ("guided", "ssim"): "ssim",
    ("free", "mae_near_hu"): "free_mae_near_hu", ("mean", "mae_near_hu"): "mean_mae_near_hu",
    ("free", "energy_hu"): "energy_hu", ("free", "between_error"): "between_error",
    ("free", "injury_shown"): "injury_shown", ("free", "crps_cm3"): "crps_cm3",
}  # fmt: skip


@dataclass(frozen=True)
class FollowUpSuiteJudge(FollowUpJudge):
    """Of one day under two plans, and four free samples.

    Args:
        people: who is judged on: the test part of the split.
    """

    scope: Scope = field(default_factory=lambda: Scope(days=1, plans=2, samples=4))
    people: tuple[str, ...] = ()

    def patients(self, folder: Path) -> list[dict[str, Any]]:
        """The test part of a folder of patients."""
        return [{"id": p, "twin": f"{p}/{p}.twin", "truth": f"{p}/{p}{TRUTH}"} for p in self.people]

    def request(self, folder: Path) -> Mapping[str, Any]:
        """Who made the patients, who they are, and how much is looked at."""
        return {"simulator": simulator(), "people": list(self.people), "scope": asdict(self.scope)}


def by_score(rows: pl.DataFrame) -> pl.DataFrame:
    """patient, generator, metric, value: means of an evaluation's rows over days and plans; of how far the share of
    voxels between the samples is from what is due, its size.

    Args:
        rows: with `scenarios.benchmark.scores.SCHEMA`.
    """
    between = pl.col("metric") == "voxels_between"
    told = rows.with_columns(
        pl.when(between).then((pl.col("value") - 1.0).abs()).otherwise("value").alias("value"),
        pl.when(between).then(pl.lit("between_error")).otherwise("metric").alias("metric"),
    )
    names = pl.DataFrame(
        [(*k, v) for k, v in _SCORES.items()], schema=["mode", "metric", "score"], orient="row"
    )
    kept = told.filter(pl.col("other").is_null()).join(names, on=["mode", "metric"], maintain_order="left")
    keys = ["patient", "generator", pl.col("score").alias("metric")]
    return kept.group_by(keys, maintain_order=True).agg(pl.col("value").mean())


def evaluated(scores: Path) -> list[Table]:
    """The evaluation's tables of a benchmark's follow-ups.

    Args:
        scores: folder of the evaluation.
    """
    return [t for t in tables(read_table(scores / "scores.parquet")) if t.name in _SHOWN]
