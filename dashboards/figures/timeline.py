"""A patient's timeline: what was acquired, delivered and observed, and what a simulated course expects."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.failures import failure_traces, latest_day
from dashboards.figures.style import ABOVE, DIGITS, GREY, axis, band, layout
from dashboards.files.run_folder import RunFolder
from dashboards.files.twin_folder import TwinFolder
from dashboards.names import interval_name
from scenarios.report.colours import plan_colour

_ROWS = (
    "scans",
    "fractions",
    "drugs",
    "decisions",
    "observations",
    "local failure",
    "regional failure",
    "distant failure",
)
SPANS = (("course", "Course"), ("run", "Follow-up"), ("failures", "Failures"))
_KINDS = {"imaging": "scans", "fraction": "fractions", "chemotherapy": "drugs", "immunotherapy": "drugs"}
_SYMBOLS = {
    "scans": "square",
    "fractions": "line-ns",
    "drugs": "triangle-up",
    "decisions": "diamond",
    "observations": "circle",
}
_ROW_SHARE = 0.105  # of the height, for one row of events


def timeline_figure(
    subject: TwinFolder, run: RunFolder | None = None, slug: str | None = None, span: str = "run"
) -> dict[str, Any]:
    """What happened to a patient on one axis: filled marks; and what a scenario expects: open marks and a band.

    Args:
        subject: the patient.
        run: a run of the patient, or None.
        slug: of the scenario in it.
        span: how far the axis goes: "course", "run" (all that was simulated day by day) or "failures".
    """
    traces = _happened(subject)
    rows = ["scans", "fractions", "observations"]
    last = max([subject.twin.now_days, *(s.time_days for s in subject.twin.scans), 14.0])
    if run is not None and slug is not None:
        index = [plan.slug for plan in run.record.plans].index(slug)
        expected = _expected(run, slug, plan_colour(index), subject.twin.now_days)
        expected += failure_traces(run, slug, plan_colour(index))
        traces += expected + _forecast(run, slug, plan_colour(index))
        rows = [row for row in _ROWS if row in {*rows, *(t["name"].split(",")[0] for t in expected)}]
        simulated = {
            "course": 1.1 * run.record.plans[index].end_days,
            "run": run.record.days,
            "failures": max(run.record.days, latest_day(run, slug)),
        }
        last = max(last, simulated[span])
    forecast = run is not None or any(o.kind == "gtv_cm3" for o in subject.twin.observations)
    share = _ROW_SHARE * len(rows) if forecast else 1.0
    made = layout(
        (100, 16, 26, 36),
        legend=ABOVE,
        xaxis=axis("days from day 0", 4, range=[-0.01 * last - 1, last * 1.02]),
        yaxis={
            "categoryarray": rows[::-1],
            "categoryorder": "array",
            "dtick": 1,
            "range": [-0.6, len(rows) - 0.4],
            "domain": [0, share - 0.04 if forecast else 1],
        },
        meta="days",
        uirevision=f"{subject.entry.version} {span}",
    )
    if forecast:
        traces += _volumes(subject)
        made["yaxis2"] = axis("cm\u00b3", None, domain=[share, 1], rangemode="tozero", nticks=4)
    if not subject.twin.in_silico and run is None:
        del made["annotations"]  # nothing here is simulated
    return {"data": traces, "layout": made}


def _happened(subject: TwinFolder) -> list[dict[str, Any]]:
    twin = subject.twin
    found = {
        "scans": [(s.time_days, f"{s.name} ({s.volume.modality})") for s in twin.scans],
        "fractions": [(f.time_days, f"{f.dose_gy:g} Gy delivered") for f in twin.fractions],
        "observations": [(o.time_days, f"{o.kind} {o.value:g}") for o in twin.observations],
    }
    colours = {"scans": "#0b7285", "fractions": "#9c4a00", "observations": GREY}
    return [_marks(row, events, colours[row], simulated=False) for row, events in found.items()]


def _marks(row: str, events: list[tuple[float, str]], colour: str, *, simulated: bool) -> dict[str, Any]:
    symbol = _SYMBOLS[row]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [day for day, _ in events] or [None],
        "y": [row] * max(1, len(events)),
        "text": [text for _, text in events],
        "marker": {
            "symbol": f"{symbol}-open" if simulated or symbol == "line-ns" else symbol,
            "size": 9,
            "color": colour,
            "opacity": 0.9 if simulated else 1.0,
            "line": {"width": 1.2 if simulated else 2.4, "color": colour},
        },
        "name": f"{row}, {'simulated' if simulated else 'as they were'}",
        "showlegend": False,
        "hovertemplate": "%{text}, day %{x:.1f}<extra></extra>",
    }


def _expected(run: RunFolder, slug: str, colour: str, now_days: float) -> list[dict[str, Any]]:
    """The simulated events and decisions of a scenario, in the rows of the events that they will be."""
    events = run.imaged("events").filter((pl.col("plan") == slug) & ~pl.col("delivered"))
    found: dict[str, list[tuple[float, str]]] = {}
    for day, kind, dose_gy in events.select("day", "kind", "dose_gy").iter_rows():
        if kind in _KINDS and day > now_days - 1e-6:
            words = f"{dose_gy:g} Gy" if kind == "fraction" else kind
            found.setdefault(_KINDS[kind], []).append((day, f"{words}, simulated"))
    made = run.imaged("decisions").filter(pl.col("plan") == slug)
    for day, decision, reason in made.select("day", "decision", "reason").iter_rows():
        found.setdefault("decisions", []).append((day, f"{decision}: {reason}, simulated"))
    return [_marks(row, events, colour, simulated=True) for row, events in found.items()]


def _forecast(run: RunFolder, slug: str, colour: str) -> list[dict[str, Any]]:
    """The band of the volume, and the one from before the observations where the twin has learned from some."""
    name = interval_name(run.record.level, run.record.samples)
    label = next(plan.label for plan in run.record.plans if plan.slug == slug)
    traces: list[dict[str, Any]] = []
    for table, shade, dash, words in (
        ("prior_bands", GREY, "dot", f"{label}, before the observations"),
        ("bands", colour, "dash", f"{label}, simulated: median and {name}"),
    ):
        rows = run.table(table).filter(pl.col("plan") == slug)
        if rows.is_empty():
            continue
        if table == "bands":
            traces += _drawn(run, slug, shade)
        days = {"x": rows["day"].to_list(), "yaxis": "y2", "legendgroup": table}
        common = {"type": "scatter", "mode": "lines", **days}
        low, middle, high = (rows[c].round(DIGITS).to_list() for c in ("low", "median", "high"))
        traces += [
            *band(common, low, high, shade, 0.16, words),
            {
                **common,
                "y": middle,
                "name": words,
                "line": {"width": 2, "color": shade, "dash": dash},
                "hovertemplate": "%{y:.1f} cm\u00b3 on day %{x:.0f}",
            },
        ]
    return traces


def _drawn(run: RunFolder, slug: str, colour: str) -> list[dict[str, Any]]:
    """The interval of the volume as it would be drawn: what observations are to be compared with."""
    table = run.table("drawn_bands").filter(pl.col("plan") == slug)
    if table.is_empty():
        return []
    last = "posterior" if "posterior" in table["belief"] else "prior"
    rows = table.filter(pl.col("belief") == last).with_columns(pl.col("low", "high").round(DIGITS))
    line = {
        "type": "scatter", "mode": "lines", "x": rows["day"].to_list(), "yaxis": "y2", "legendgroup": "drawn",
        "line": {"width": 1, "color": colour, "dash": "dot"}, "hoverinfo": "skip",
    }  # fmt: skip
    name = f"as it would be drawn: {interval_name(run.record.level, run.record.samples)}"
    return [
        {**line, "y": rows["low"].to_list(), "name": name, "showlegend": False},
        {**line, "y": rows["high"].to_list(), "name": name},
    ]


def _volumes(subject: TwinFolder) -> list[dict[str, Any]]:
    """The tumour as it was measured: filled, and unlike anything simulated."""
    seen = [o for o in subject.twin.observations if o.kind == "gtv_cm3"]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [0.0, *(o.time_days for o in seen)],
            "y": [round(subject.twin.gtv_cm3, 2), *(o.value for o in seen)],
            "yaxis": "y2",
            "name": "observed",
            "marker": {
                "symbol": "circle",
                "size": 9,
                "color": GREY,
                "line": {"width": 1.5, "color": "#212529"},
            },
            "hovertemplate": "%{y:.1f} cm\u00b3 on day %{x:.1f}",
        }
    ]
