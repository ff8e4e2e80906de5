"""Whom images show: the sample that stands for all, and where it lies among them."""

from __future__ import annotations

import polars as pl

from scenarios.records.run import Run


def whose(run: Run) -> str:
    """Which sample is shown, and what it stands for.

    Args:
        run: with images.
    """
    shown = run.record.shown_sample
    mine = run.imaged.filter(pl.col("sample") == shown)
    name = "" if mine.is_empty() else f", nearest the {mine['stands_for'][0]} of {mine['n'][0]}"
    return f"sample {shown}{name}"


def standing(run: Run, plan: str, day: float) -> str:
    """Where the sample that is shown lies among all on a day, as ", percentile 52"; empty where that is not known.

    Args:
        run: with images.
        plan: its slug.
        day: from day 0.
    """
    shown = pl.col("sample") == run.record.shown_sample
    here = run.imaged.filter(shown & (pl.col("plan") == plan) & ((pl.col("day") - day).abs() < 1e-6))
    return "" if here.is_empty() else f", percentile {here['percentile'][0]:.0f}"
