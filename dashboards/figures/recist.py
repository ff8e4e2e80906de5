"""RECIST diameters over time: what was acquired, and what each plan's generated images show."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import ABOVE, GREY, axis, layout
from dashboards.files.run_folder import RunFolder
from scenarios.report.colours import plan_colour

_SYMBOLS = {
    "baseline": "circle",
    "stable": "square-open",
    "partial": "triangle-down-open",
    "complete": "star-open",
    "progression": "x",
}
_RESPONSES = {"stable": "stable disease", "partial": "partial response", "complete": "complete response"}
_PARTIAL = 0.7  # of the baseline's sum: 30 % less (Eisenhauer 2009, Eur J Cancer 45:228)


def recist_figure(run: RunFolder) -> dict[str, Any] | None:
    """Sum of longest axial diameters on every imaged date, each with its response; None where nothing was drawn.

    Args:
        run: the run.
    """
    table = run.table("recist")
    if table.is_empty():
        return None
    acquired = table.filter(pl.col("plan").is_null()).sort("day")
    traces: list[dict[str, Any]] = []
    for i, plan in enumerate(run.record.plans):
        mine = table.filter((pl.col("plan") == plan.slug) & (pl.col("sample") == run.shown_sample)).sort(
            "day"
        )
        if mine.is_empty():
            continue
        past = acquired.filter(pl.col("day") < mine["day"][0]).tail(1)
        line = pl.concat([past, mine])
        traces.append(_line(line, plan.label, plan_colour(i), 2.0 + (len(run.record.plans) - 1 - i)))
    traces += [*_symbols(table), _acquired(acquired)]
    if len(acquired):
        traces.append(_partial(_PARTIAL * acquired["longest_mm"][0], run.record.days))
    return {
        "data": traces,
        "layout": layout(
            (50, 12, 26, 40),
            hovermode="x unified",
            legend=ABOVE,
            xaxis=axis("days from day 0", range=[-0.02 * run.record.days, run.record.days * 1.01]),
            yaxis=axis("sum of diameters, mm", rangemode="tozero"),
            meta="days",
            uirevision=run.entry.version,
        ),
    }


def _acquired(rows: pl.DataFrame) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": rows["day"].to_list(),
        "y": rows["longest_mm"].round(1).to_list(),
        "name": "acquired",
        "marker": {"symbol": "circle", "size": 10, "color": GREY, "line": {"width": 1.5, "color": "#212529"}},
        "hovertemplate": "acquired: %{y:.0f} mm",
    }


def _partial(limit_mm: float, days: float) -> dict[str, Any]:
    """The line at which a partial response begins."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [0, days],
        "y": [limit_mm, limit_mm],
        "line": {"color": GREY, "width": 1, "dash": "dot"},
        "hoverinfo": "skip",
        "name": "30 % less",
    }


def _symbols(table: pl.DataFrame) -> list[dict[str, Any]]:
    """What the marks mean, for each response that occurs."""
    grey = {"color": GREY, "size": 9, "line": {"width": 1.6}}
    nothing = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip"}
    seen = table.filter(pl.col("plan").is_not_null())["response"].unique().to_list()
    return [
        {**nothing, "marker": {**grey, "symbol": symbol}, "name": _RESPONSES.get(response, response)}
        for response, symbol in _SYMBOLS.items()
        if response in seen
    ]


def _line(rows: pl.DataFrame, label: str, colour: str, width: float) -> dict[str, Any]:
    responses = rows["response"].to_list()
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": rows["day"].to_list(),
        "y": rows["longest_mm"].round(1).to_list(),
        "text": [
            f"{response}, {across:.0f} mm across, {cm3:.1f} cm\u00b3"
            for response, across, cm3 in zip(responses, rows["perpendicular_mm"], rows["cm3"], strict=True)
        ],
        "line": {"color": colour, "width": width},
        "marker": {
            "symbol": [_SYMBOLS.get(r, "circle") for r in responses],
            "size": 9,
            "line": {"width": 1.6},
        },
        "name": f"{label}: as imaged",
        "hovertemplate": "%{y:.0f} mm, %{text}",
    }
