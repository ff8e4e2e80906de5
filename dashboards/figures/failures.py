"""Local and distant failure as a run's samples have them: bars for the timeline, and the same in words."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.files.run_folder import RunFolder
from scenarios.report.colours import faint


def failure_traces(run: RunFolder, slug: str, colour: str) -> list[dict[str, Any]]:
    """A bar in each failure's row, as wide as the run's interval of its days, with an open mark at their median.

    Args:
        run: the run; one of an earlier release has none.
        slug: of the scenario.
        colour: of the scenario.
    """
    traces = []
    for found in _found(run, slug):
        row, words = found["kind"], _words(found)
        bar = {"x": [found["low"], found["high"]], "y": [row, row], "mode": "lines"}
        mark = {"symbol": "x-open", "size": 9, "color": colour, "line": {"width": 2, "color": colour}}
        common = {"type": "scatter", "showlegend": False, "name": f"{row}, simulated"}
        traces += [
            {**common, **bar, "line": {"width": 9, "color": faint(colour, 0.5)}, "hoverinfo": "skip"},
            {
                **common, "mode": "markers", "x": [found["median"]], "y": [row], "text": [f"simulated {words}"],
                "marker": mark, "hovertemplate": "%{text}<extra></extra>",
            },
        ]  # fmt: skip
    return traces


def failure_words(run: RunFolder, slug: str) -> str:
    """What the bars show, in a sentence; empty for a run without the table.

    Args:
        run: the run.
        slug: of the scenario.
    """
    found = [_words(row) for row in _found(run, slug)]
    asked = run.table("failures").filter(pl.col("plan") == slug)["kind"].unique(maintain_order=True).to_list()
    never = [f"no {kind}" for kind in asked if not any(words.startswith(kind) for words in found)]
    if not asked:
        return ""
    return (
        f"Simulated failures (bar: {100 * run.record.level:g} % predictive interval of their days, cross: median): "
        + f"{'; '.join([*found, *never])}; n = {run.record.samples}. Days from day 0; none after death."
    )


def latest_day(run: RunFolder, slug: str) -> float:
    """The day on which the last of the bars ends; 0 where there is none.

    Args:
        run: the run.
        slug: of the scenario.
    """
    return max([row["high"] for row in _found(run, slug)], default=0.0)


def _found(run: RunFolder, slug: str) -> list[dict[str, Any]]:
    """For each kind that occurs: the share of samples with it, and the median and interval of its days."""
    tail = (1 - run.record.level) / 2
    day = pl.col("day")
    return (
        run.table("failures")
        .filter(pl.col("plan") == slug)
        .group_by("kind", maintain_order=True)
        .agg(
            share=day.is_not_null().mean(),
            low=day.quantile(tail, "linear"),
            median=day.median(),
            high=day.quantile(1 - tail, "linear"),
        )
        .drop_nulls("median")
        .to_dicts()
    )


def _words(found: dict[str, Any]) -> str:
    return (
        f"{found['kind']} in {found['share']:.0%} of samples, median day {found['median']:.0f} "
        f"({found['low']:.0f} to {found['high']:.0f})"
    ).replace("%", " %")
