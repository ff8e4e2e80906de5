"""The summaries of departments side by side."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html

from dashboards.elements import scroll_table
from dashboards.files.clinic_folder import ClinicFolder
from scenarios.report.colours import plan_colour


def summary_table(clinics: list[ClinicFolder]) -> Any:
    """The summary of each department in a column of its own.

    Args:
        clinics: the departments, in the order of their colours.
    """
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
