"""What a study says about its patients together: daily bands of each arm, contrasts, and who benefits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from scenarios.study_part import bin_edges
from scenarios.study_tables import HIGHER_IS_BETTER, SUMMARY_SCHEMAS, Tables

_COVARIATES = ("sex", "histology", "stage", "ecog", "smoking", "site", "chemotherapy", "age", "gtv")


def summarise_study(folder: Path, parts: Sequence[Path], slugs: Sequence[str], level: float) -> Tables:
    """The summary tables of merged parts.

    Args:
        folder: holds the merged `patients` and `effects`.
        parts: folders of the parts, in order.
        slugs: of the plans, the reference first.
        level: of the intervals.
    """
    groups = _groups(pl.read_parquet(folder / "patients.parquet"))
    contrasts: list[dict] = []
    benefit: list[dict] = []
    for plan, outcome, rows in _effects(folder / "effects.parquet", slugs):
        names = {"plan": plan, "reference": slugs[0], "outcome": outcome}
        contrasts.append(names | _contrast(rows, outcome, level))
        benefit += [names | row for row in _benefit(rows, groups, level)]
    return {
        "bands": _bands(parts, slugs, level),
        "contrasts": pl.DataFrame(contrasts, schema=dict(SUMMARY_SCHEMAS["contrasts"]), orient="row"),
        "benefit": pl.DataFrame(benefit, schema=dict(SUMMARY_SCHEMAS["benefit"]), orient="row"),
    }


def _effects(file: Path, slugs: Sequence[str]) -> Iterator[tuple[str, str, pl.DataFrame]]:
    """(plan, outcome, rows) of the individual effects, one outcome in memory at a time."""
    outcomes = (
        pl.scan_parquet(file).select(pl.col("outcome").unique(maintain_order=True)).collect()["outcome"]
    )
    for plan in slugs[1:]:
        for outcome in outcomes:
            chosen = (pl.col("plan") == plan) & (pl.col("outcome") == outcome)
            rows = pl.scan_parquet(file).filter(chosen).select("patient", "unit", "mean", "better", "worse")
            found = rows.collect()
            if len(found):
                yield plan, outcome, found


def _contrast(rows: pl.DataFrame, outcome: str, level: float) -> dict:
    effect = rows["mean"].to_numpy()
    mean, low, high = _interval(effect, level)
    patients = np.quantile(effect, [(1 - level) / 2, (1 + level) / 2])
    row = {
        "unit": rows["unit"][0],
        "mean": mean,
        "low": low,
        "high": high,
        "patients_low": float(patients[0]),
        "patients_high": float(patients[1]),
        "better": rows["better"].mean(),
        "worse": rows["worse"].mean(),
        "level": level,
        "n": len(effect),
    }
    if rows["unit"][0] == "probability":
        row |= number_needed_to_treat(mean, low, high, outcome in HIGHER_IS_BETTER)
    return row


def number_needed_to_treat(mean: float, low: float, high: float, higher_is_better: bool) -> dict:
    """How many patients to treat for one to be better off; negative: for one to be worse off (Altman 1998).

    The interval is left out where the effect's holds 0: it would pass through infinity.

    Args:
        mean, low, high: difference of probabilities and its interval.
        higher_is_better: whether the outcome is wanted.

    Example:
        >>> number_needed_to_treat(0.10, 0.05, 0.20, True)
        {'nnt': 10.0, 'nnt_low': 5.0, 'nnt_high': 20.0}
    """
    sign = 1.0 if higher_is_better else -1.0
    nnt = None if mean == 0 else sign / mean
    if low <= 0 <= high:
        return {"nnt": nnt, "nnt_low": None, "nnt_high": None}
    ends = sorted((sign / low, sign / high))
    return {"nnt": nnt, "nnt_low": ends[0], "nnt_high": ends[1]}


def _benefit(rows: pl.DataFrame, groups: pl.DataFrame, level: float) -> Iterator[dict]:
    joined = rows.select("patient", "mean").join(groups, on="patient", how="left", maintain_order="left")
    effect = joined["mean"].to_numpy()
    for covariate in _COVARIATES:
        column = joined[covariate]
        for group in column.drop_nulls().unique().sort():
            chosen = (column == group).fill_null(False).to_numpy()
            mean, low, high = _interval(effect[chosen], level)
            row = {"covariate": covariate, "group": group, "mean": mean, "low": low, "high": high}
            yield row | {"level": level, "n": int(chosen.sum())}


def _interval(effect: np.ndarray, level: float) -> tuple[float, float, float]:
    """Mean over patients, and its interval from their spread."""
    from scipy.special import ndtri

    mean = float(effect.mean())
    if len(effect) < 2:
        return mean, mean, mean
    error = float(ndtri((1 + level) / 2)) * float(effect.std(ddof=1)) / np.sqrt(len(effect))
    return mean, mean - error, mean + error


def _groups(patients: pl.DataFrame) -> pl.DataFrame:
    """The subgroups of every patient; null where the covariate is missing."""
    ages, volumes = ["below 65", "65 to 75", "above 75"], ["below 10", "10 to 30", "30 to 100", "above 100"]
    return patients.select(
        "patient",
        "sex",
        "histology",
        pl.col("stage").str.extract("^(IV|I{1,3})"),
        pl.col("ecog").cast(pl.String),
        "smoking",
        "site",
        "chemotherapy",
        age=pl.col("age_years").cut([65, 75], labels=ages, left_closed=True).cast(pl.String),
        gtv=pl.col("gtv_cm3").cut([10, 30, 100], labels=volumes, left_closed=True).cast(pl.String),
    )


def _bands(parts: Sequence[Path], slugs: Sequence[str], level: float) -> pl.DataFrame:
    """Daily bands from the parts' counts, which add without rounding in any order."""
    counts: pl.DataFrame | None = None
    for part in parts:
        more = pl.read_parquet(part / "arms.parquet")
        both = more if counts is None else pl.concat([counts, more])
        counts = both.group_by("plan", "day", "bin").agg(pl.col("n").sum()).sort("plan", "day", "bin")
    rows = []
    for slug in slugs:
        arm = None if counts is None else counts.filter(pl.col("plan") == slug)
        for (day,), of_day in [] if arm is None else arm.group_by("day", maintain_order=True):
            rows.append({"plan": slug, "day": float(day), "level": level, **_band(of_day, level)})  # type: ignore[arg-type]
    return pl.DataFrame(rows, schema=dict(SUMMARY_SCHEMAS["bands"]), orient="row")


def _band(counts: pl.DataFrame, level: float) -> dict:
    n = counts["n"].to_numpy()
    low, high = bin_edges(counts["bin"].to_numpy())
    total = int(n.sum())
    after = np.cumsum(n)

    def quantile(q: float) -> float:
        """The order statistics of a bin lie evenly in it."""
        rank = q * (total - 1) + 0.5
        k = int(np.searchsorted(after, rank, side="left"))
        return float(low[k] + (high[k] - low[k]) * (rank - (after[k] - n[k])) / n[k])

    return {
        "lower": quantile((1 - level) / 2),
        "median": quantile(0.5),
        "upper": quantile((1 + level) / 2),
        "mean": float(((low + high) / 2 * n).sum() / total),
        "n": total,
    }
