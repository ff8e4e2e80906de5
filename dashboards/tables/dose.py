"""Statistics of the planned doses: a row for each structure and plan."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.elements import scroll_table
from dashboards.files.run_folder import RunFolder
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.dose_statistics import NOTE

_COLUMNS = (
    ("volume_cm3", "Volume, cm\u00b3"),
    ("mean_gy", "Mean, Gy"),
    ("d98_gy", "D98, Gy"),
    ("d95_gy", "D95, Gy"),
    ("d50_gy", "D50, Gy"),
    ("d2_gy", "D2, Gy"),
    ("v5_percent", "V5, %"),
    ("v20_percent", "V20, %"),
    ("v30_percent", "V30, %"),
    ("v95_percent", "V95 %, %"),
)


def dose_table(run: RunFolder) -> Any:
    """The statistics as a table; each plan says by which method its dose was calculated.

    Args:
        run: the run.
    """
    labels = {
        p.slug: (p.label, methods.words(p.dose_method or ""), plan_colour(i))
        for i, p in enumerate(run.record.plans)
    }
    rows = [
        html.Tr(
            [_structure(row), _plan(*labels[row["plan"]]), *(_number(row[column]) for column, _ in _COLUMNS)]
        )
        for row in run.dose_statistics.iter_rows(named=True)
    ]
    heads = [html.Th(words, scope="col", className="rt-number") for _, words in _COLUMNS]
    first = [html.Th("Structure", scope="col"), html.Th("Plan", scope="col")]
    return scroll_table([*first, *heads], rows, " ".join([NOTE, *methods.notes(run.record.plans)]))


def _structure(row: dict[str, Any]) -> Any:
    drawn = [html.Span("estimated", className="rt-tag")] if row["estimated"] else []
    return html.Th([row["structure"], *drawn], scope="row")


def _plan(label: str, method: str, colour: str) -> Any:
    swatch = html.Span(className="rt-swatch", style={"background": colour})
    return html.Td([swatch, label, html.Span(method, className="rt-interval")])


def _number(value: float | None) -> Any:
    if value is None:
        return html.Td("\u2013", className="rt-number rt-faint")
    return html.Td(f"{value:.1f}", className="rt-number")
