"""The load of departments: how busy machines and staff are, how long patients wait, who is under way when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
from dash import html

from dashboards.figures.run import FONT, MODEBAR, TITLE, stamp
from dashboards.parts.common import scroll_table
from scenarios.report.colours import plan_colour

if TYPE_CHECKING:
    from dashboards.files.library import ClinicFolder

_LONGEST_WAIT_DAYS = 120
_WEEK = 7


def use_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Share of opening hours in which each linac and each kind of staff is busy, and in which linacs are down."""
    traces: list[dict[str, Any]] = []
    for i, clinic in enumerate(clinics):
        table = clinic.table("resources")
        busy = (100 * table["utilisation"]).round(2).to_list()
        down = [
            round(100 * d / o, 2) if o else 0.0
            for d, o in table.select("down_hours", "open_hours").iter_rows()
        ]
        common = {"type": "bar", "x": table["resource"].to_list(), "offsetgroup": str(i)}
        traces.append(
            {
                **common,
                "y": busy,
                "name": clinic.entry.key,
                "marker": {"color": plan_colour(i)},
                "customdata": table["overtime_hours"].round(1).to_list(),
                "hovertemplate": "busy %{y:.1f} %, overtime %{customdata} h",
            }
        )
        if any(down):
            traces.append(
                {
                    **common,
                    "y": down,
                    "name": f"{clinic.entry.key}: down",
                    "marker": {
                        "color": plan_colour(i),
                        "opacity": 0.55,
                        "pattern": {"shape": "/", "size": 4},
                    },
                    "hovertemplate": "down %{y:.1f} %",
                }
            )
    return {"data": traces, "layout": {**_layout("", "of opening hours, %"), "barmode": "stack"}}


def wait_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Share of started patients who had begun within so many days of arrival."""
    traces = []
    for i, clinic in enumerate(clinics):
        waits = clinic.table("patients")["waited_days"].drop_nulls().sort()
        if waits.is_empty():
            continue
        shown = waits.filter(waits <= _LONGEST_WAIT_DAYS)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [0.0, *shown.round(2).to_list()],
                "y": [round(100 * n / len(waits), 2) for n in range(len(shown) + 1)],
                "line": {"color": plan_colour(i), "width": 2.2, "shape": "hv"},
                "name": f"{clinic.entry.key}, {len(waits)} patients",
                "hovertemplate": "%{y:.0f} % within %{x:.1f} days",
            }
        )
    layout = _layout("days from arrival to the first fraction", "patients who had begun, %")
    layout["yaxis"]["range"] = [0, 102]
    return {"data": traces, "layout": layout}


def load_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Patients who wait and patients under treatment, day by day."""
    traces = []
    for i, clinic in enumerate(clinics):
        patients = clinic.table("patients")
        last = int(clinic.run.days)
        days = list(range(0, last + 1, max(1, last // 400)))
        arrived, begun, ended = (
            patients[c].drop_nulls().sort() for c in ("arrival_day", "start_day", "end_day")
        )
        left = patients.filter(pl.col("start_day").is_null())["end_day"].drop_nulls().sort()  # never began
        count = {
            name: [int(series.search_sorted(day, side="right")) for day in days]
            for name, series in (("arrived", arrived), ("begun", begun), ("ended", ended), ("left", left))
        }
        waiting = [a - b - n for a, b, n in zip(count["arrived"], count["begun"], count["left"], strict=True)]
        treated = [b - (e - n) for b, e, n in zip(count["begun"], count["ended"], count["left"], strict=True)]
        for name, values, dash in (("under treatment", treated, "solid"), ("waiting", waiting, "dot")):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": days,
                    "y": values,
                    "line": {"color": plan_colour(i), "width": 2, "dash": dash},
                    "name": f"{clinic.entry.key}: {name}",
                    "hovertemplate": "%{y} patients",
                }
            )
    return {"data": traces, "layout": {**_layout("days", "patients"), "hovermode": "x unified"}}


def late_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """New plans during treatment by the week in which they were asked for, and those that were late."""
    traces = []
    for i, clinic in enumerate(clinics):
        table = clinic.table("replans").with_columns(
            week=(pl.col("asked_day") / _WEEK).floor().cast(pl.Int32)
        )
        for late, name in ((False, "in time"), (True, "late")):
            counts = table.filter(pl.col("late") == late).group_by("week").len().sort("week")
            traces.append(
                {
                    "type": "bar",
                    "x": counts["week"].to_list(),
                    "y": counts["len"].to_list(),
                    "offsetgroup": str(i),
                    "name": f"{clinic.entry.key}: {name}",
                    "marker": {
                        "color": plan_colour(i), "opacity": 1.0 if late else 0.45,
                        "pattern": {"shape": "x" if late else "", "size": 4},
                    },
                    "hovertemplate": f"%{{y}} {name}",
                }
            )  # fmt: skip
    return {"data": traces, "layout": {**_layout("week", "new plans asked for"), "barmode": "stack"}}


def summary_table(clinics: list[ClinicFolder]) -> Any:
    """The summary of each department in a column of its own."""
    tables = [clinic.table("summary") for clinic in clinics]
    heads = [html.Th("Measure", scope="col")]
    for i, clinic in enumerate(clinics):
        swatch = html.Span(className="rt-swatch", style={"background": plan_colour(i)})
        heads.append(html.Th([swatch, clinic.entry.key], scope="col", className="rt-number"))
    rows = []
    for metric, _, unit in tables[0].iter_rows():
        scale, shown = (
            (100.0, "%")
            if unit == "fraction"
            else (100.0, "points")
            if unit == "probability"
            else (1.0, unit)
        )
        cells = []
        for table in tables:
            found = table.filter(pl.col("metric") == metric)["value"].to_list()
            value = None if not found or found[0] is None else scale * found[0]
            cells.append(html.Td(_shown(value), className="rt-number"))
        head = [metric[0].upper() + metric[1:], html.Span(shown, className="rt-unit")]
        rows.append(html.Tr([html.Th(head, scope="row"), *cells]))
    spans = sorted({(clinic.run.warm_up_days, clinic.run.days) for clinic in clinics})
    words = "; ".join(f"days {first} to {last}" for first, last in spans)
    return scroll_table(
        heads, rows, f"{words[:1].upper()}{words[1:]}. Departments of one seed see the same patients."
    )


def _shown(value: float | None) -> str:
    if value is None:
        return "unknown"
    return (
        f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}".replace("-", "\u2212")
    )


def _layout(x: str, y: str) -> dict[str, Any]:
    return {
        "margin": {"l": 56, "r": 12, "t": 30, "b": 40},
        "font": FONT,
        "modebar": MODEBAR,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        "xaxis": {"title": {"text": x, "standoff": 6, "font": TITLE}},
        "yaxis": {"title": {"text": y, "standoff": 6, "font": TITLE}, "rangemode": "tozero"},
        "showlegend": True,
        "annotations": [stamp()],
    }
