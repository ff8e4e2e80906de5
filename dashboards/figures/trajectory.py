"""Tumour volume of all plans over time."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import ABOVE, DIGITS, GREY, axis, band, layout
from dashboards.files.run_folder import RunFolder
from dashboards.names import interval_name
from scenarios.records.run import PlanRecord
from scenarios.report.colours import plan_colour

_FRACTION_ROW = 0.035  # share of the figure's height for one plan's fractions


def trajectory_figure(run: RunFolder) -> dict[str, Any]:
    """Tumour volume of all plans over time: medians, named bands, the imaged sample, and the fractions given.

    Args:
        run: the run.

    Returns:
        A plotly figure as a dict; volumes in cm3, time in days from day 0.
    """
    plans = run.record.plans
    traces = [trace for i in range(len(plans)) for trace in _plan(run, i)]
    floor = _FRACTION_ROW * len(plans) + 0.02
    under = {
        "domain": [0, floor - 0.02],
        "range": [len(plans) - 0.5, -0.5],
        "visible": False,
        "fixedrange": True,
    }
    return {
        "data": traces + _legend(interval_name(run.record.level, run.record.samples)) + _observed(run),
        "layout": layout(
            (50, 12, 26, 40),
            hovermode="x unified",
            legend=ABOVE,
            xaxis=axis("days from day 0", range=[0, run.record.days], anchor="y2" if plans else "y"),
            yaxis=axis("tumour volume, cm\u00b3", rangemode="tozero", domain=[floor, 1]),
            yaxis2=under,
            meta="days",  # over time: the browser marks the day that the viewers show
            uirevision=run.entry.version,
        ),
    }


def _plan(run: RunFolder, index: int) -> list[dict[str, Any]]:
    """The band, the median, the imaged sample and the fractions of one plan."""
    plan, colour = run.record.plans[index], plan_colour(index)
    mine = pl.col("plan") == plan.slug
    bands = run.table("bands").filter(mine).with_columns(pl.col("low", "median", "high").round(DIGITS))
    imaged = pl.coalesce("field_gtv_cm3", "gtv_cm3")  # the curve that the images follow
    sample = (
        run.table("trajectory")
        .filter(mine & (pl.col("sample") == run.shown_sample))
        .with_columns(imaged.alias("imaged"))
    )
    common = {"type": "scatter", "mode": "lines", "legendgroup": plan.slug}
    label = plan.label + (" \u26a0 outside" if plan.context else "")
    over = {**common, "x": bands["day"].to_list()}
    low, high = band(over, bands["low"].to_list(), bands["high"].to_list(), colour)
    high["name"] = f"{label}: {interval_name(run.record.level, run.record.samples)}"
    width = 2.0 + 1.5 * (
        len(run.record.plans) - 1 - index
    )  # coinciding curves show as nested lines, not as one
    return [
        low,
        high,
        {
            **over,
            "y": bands["median"].to_list(),
            "line": {"width": width, "color": colour},
            "name": label,
            "customdata": bands.select("low", "high").rows(),
            "hovertemplate": "%{y:.1f} (%{customdata[0]:.1f} to %{customdata[1]:.1f}) cm\u00b3",
        },
        {
            **common,
            "x": sample["day"].to_list(),
            "y": sample["imaged"].round(DIGITS).to_list(),
            "line": {"width": 1.4, "color": colour, "dash": "dot"},
            "name": f"{label}: sample {run.shown_sample} (imaged)",
            "showlegend": False,
            "hoverinfo": "skip",
        },
        _fractions(run, plan, label, colour, index),
    ]


def _legend(interval: str) -> list[dict[str, Any]]:
    """What the bands and dotted lines of every plan are, said once."""
    nothing = {"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"}
    square = {"symbol": "square", "size": 11, "color": "rgba(128,128,128,0.35)"}
    dotted = {"color": GREY, "width": 1.4, "dash": "dot"}
    return [
        {**nothing, "mode": "markers", "marker": square, "name": f"line: median, band: {interval}"},
        {**nothing, "mode": "lines", "line": dotted, "name": "one sample, as imaged"},
    ]


def _fractions(run: RunFolder, plan: PlanRecord, label: str, colour: str, row: int) -> dict[str, Any]:
    """A tick for each fraction, in a row of its own under the curves."""
    kind = pl.col("kind").str.to_lowercase()
    given = run.imaged("events").filter((pl.col("plan") == plan.slug) & (kind == "fraction"))
    return {
        "type": "scatter",
        "mode": "markers",
        "x": given["day"].to_list(),
        "y": [row] * len(given),
        "yaxis": "y2",
        "marker": {"symbol": "line-ns-open", "size": 7, "color": colour, "line": {"width": 1.2}},
        "customdata": given["dose_gy"].round(2).to_list(),
        "hoverinfo": "skip",
        "name": f"{label}: fractions",
        "showlegend": False,
    }


def _observed(run: RunFolder) -> list[dict[str, Any]]:
    """What was measured on the patient: open circles, unlike anything simulated."""
    seen = [o for o in run.twin.observations if o.kind == "gtv_cm3"]
    if not seen:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [o.time_days for o in seen],
            "y": [o.value for o in seen],
            "name": "observed",
            "marker": {"symbol": "circle-open", "size": 10, "color": GREY, "line": {"width": 2.5}},
        }
    ]
