"""The load of departments: how busy machines and staff are, how long patients wait, who is under way when."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import ABOVE, axis, layout
from dashboards.files.clinic_folder import ClinicFolder
from scenarios.report.colours import plan_colour

_LONGEST_WAIT_DAYS = 120
_WEEK = 7


def use_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Share of opening hours in which each linac and each kind of staff is busy, and in which linacs are down.

    Args:
        clinics: the departments, in the order of their colours.
    """
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
    return {"data": traces, "layout": _layout("", "of opening hours, %", barmode="stack")}


def wait_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Share of started patients who had begun within so many days of arrival.

    Args:
        clinics: the departments, in the order of their colours.
    """
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
    made = _layout("days from arrival to the first fraction", "patients who had begun, %")
    made["yaxis"]["range"] = [0, 102]
    return {"data": traces, "layout": made}


def load_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """Patients who wait and patients under treatment, day by day.

    Args:
        clinics: the departments, in the order of their colours.
    """
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
    return {"data": traces, "layout": _layout("days", "patients", hovermode="x unified")}


def late_figure(clinics: list[ClinicFolder]) -> dict[str, Any]:
    """New plans during treatment by the week in which they were asked for, and those that were late.

    Args:
        clinics: the departments, in the order of their colours.
    """
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
    return {"data": traces, "layout": _layout("week", "new plans asked for", barmode="stack")}


def _layout(x: str, y: str, **more: Any) -> dict[str, Any]:
    return layout(
        (56, 12, 30, 40),
        legend=ABOVE,
        xaxis=axis(x),
        yaxis=axis(y, rangemode="tozero"),
        showlegend=True,
        **more,
    )
