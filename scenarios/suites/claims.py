"""What others claimed, answered from a benchmark's own rows; or that its budget does not answer it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from models.layout import LOG
from scenarios.benchmark.statistics import hodges_lehmann, holm, interval
from scenarios.suites.plan import Claim, Suite
from scenarios.suites.tables import less_is_better
from simulators.learned.weights import plain

LAST, MOST_GAIN, LEAST_SEEDS = 0.2, 0.02, 3  # share of a training, its gain, and trainings that must agree
TOGETHER = "together"  # folder within a training of groups: of one network of all, with which it began
_OPEN = "not answerable at this budget"


def curve(weights: Path) -> list[tuple[float, float]]:
    """A training's error on people held out from it, by its processor minutes; with what it began with, where that is.

    Args:
        weights: its folder.
    """
    found = curve(weights / TOGETHER) if (weights / TOGETHER / LOG).is_file() else []
    before = found[-1][0] if found else 0.0
    for line in (weights / LOG).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        errors = [v for k, v in row.get("validation", {}).items() if k.startswith("mae_")]
        if errors:
            found.append((before + float(row["minutes"]), float(errors[0])))
    return found


def last_gain(points: Sequence[tuple[float, float]]) -> float:
    """Share of its error that a training lost in its last fifth; nan where it was not watched then.

    Args:
        points: of `curve`.

    Example:
        >>> round(last_gain([(1.0, 40.0), (8.0, 20.0), (10.0, 19.0)]), 3)
        0.05
    """
    if len(points) < 2:
        return float("nan")
    end = points[-1][0]
    before = [error for minutes, error in points if minutes <= (1 - LAST) * end + 1e-9]
    return 1.0 - points[-1][1] / before[-1] if before else float("nan")


def answered(suite: Suite, rows: pl.DataFrame, out: Path) -> pl.DataFrame:
    """Each claim with what its two sides differ by over people, and the verdict.

    Args:
        suite: with claims.
        rows: of the benchmark.
        out: its folder.
    """
    from scipy.stats import wilcoxon

    found, p = [], []
    for claim in suite.claims:
        d, seeds = _differences(claim, rows)
        low, high = interval(d, hodges_lehmann)
        p.append(float(wilcoxon(d).pvalue) if d.size > 1 and d.any() else float("nan"))
        estimate = hodges_lehmann(d) if d.size else float("nan")
        verdict = _why_open(claim, seeds, out) or _verdict(low, high)
        found.append((claim.text, claim.task, claim.kind, claim.score, d.size, estimate, low, high, verdict))
    columns = ["claim", "task", "kind", "score", "people", "difference", "low", "high", "verdict"]
    table = pl.DataFrame(found, schema=columns, orient="row")
    return table.with_columns(pl.Series("wilcoxon_p_holm", holm(p), dtype=pl.Float64))


def _verdict(low: float, high: float) -> str:
    if not np.isfinite([low, high]).all():
        return f"{_OPEN}: too few people"
    return "holds" if low > 0 else "the opposite holds" if high < 0 else "no difference shown"


def _differences(claim: Claim, rows: pl.DataFrame) -> tuple[np.ndarray, list[float]]:
    """By how much the one side is better: of each person, and of each seed the middle one."""
    some = rows.filter(
        (pl.col("task") == claim.task) & (pl.col("kind") == claim.kind) & (pl.col("metric") == claim.score)
    )
    sides = [_side(some.filter(pl.col("contestant").is_in(names))) for names in (claim.better, claim.worse)]
    sign = -1.0 if less_is_better(claim.score) else 1.0
    joined = sides[0].join(sides[1], on="patient", suffix="_other")
    joined = joined.filter(
        pl.col("seed").is_null() | pl.col("seed_other").is_null() | (pl.col("seed") == pl.col("seed_other"))
    ).with_columns(
        (sign * (pl.col("value") - pl.col("value_other"))).alias("d"),
        pl.coalesce("seed", "seed_other").alias("of"),
    )
    people = joined.group_by("patient").agg(pl.col("d").mean()).sort("patient")["d"].to_numpy()
    trained = joined.filter(pl.col("of").is_not_null())
    seeds = trained.group_by("of").agg(pl.col("d").median()).sort("of")["d"].to_list()
    return people, seeds


def _side(rows: pl.DataFrame) -> pl.DataFrame:
    """patient, seed, value: the mean of a side's contestants."""
    return rows.group_by(["patient", "seed"]).agg(pl.col("value").mean())


def _why_open(claim: Claim, seeds: Sequence[float], out: Path) -> str | None:
    """Why a claim is not answered, or None."""
    if len(seeds) < LEAST_SEEDS:
        return f"{_OPEN}: {len(seeds)} of {LEAST_SEEDS} seeds"
    if len({np.sign(d) for d in seeds}) > 1:
        return f"{_OPEN}: seeds disagree"
    gains = {
        place.name: last_gain(curve(place))
        for name in (*claim.better, *claim.worse)
        for place in sorted((out / "weights" / claim.task).glob(f"{plain(name)}-s*"))
    }
    worst = max(gains, key=lambda n: np.nan_to_num(gains[n], nan=1.0), default=None)
    if worst is not None and not gains[worst] < MOST_GAIN:
        return f"{_OPEN}: the last fifth of {worst} still gained {100 * gains[worst]:.1f} %"
    return None
