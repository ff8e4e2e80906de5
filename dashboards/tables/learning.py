"""What a patient's observations taught, and how each of them moved the forecast, from a run's tables."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html

from dashboards.files.run_folder import RunFolder
from dashboards.tables.parameters import belief_head, belief_rows


def moved_table(run: RunFolder, slug: str) -> Any:
    """The forecast of a scenario before any observation and after each of them; None where there is none.

    Args:
        run: the run.
        slug: of the scenario.
    """
    table = run.table("moved").filter(pl.col("plan") == slug).sort("order")
    if table.is_empty():
        return None
    rows = []
    for row in table.iter_rows(named=True):
        unit = {"gtv_cm3": "cm\u00b3", "suv_max": "SUVmax", "suv_peak": "SUVpeak"}.get(row["kind"], "")
        seen = "before any" if row["day"] is None else f"day {row['day']:g}: {row['value']:.1f} {unit}"
        moved = "" if row["moved_cm3"] is None else f"{row['moved_cm3']:+.1f}".replace("-", "\u2212")
        interval = html.Span(f"{row['low']:.1f} to {row['high']:.1f}", className="rt-interval")
        forecast = html.Td(
            [html.Span(f"{row['median']:.1f}", className="rt-middle"), interval], className="rt-number"
        )
        cells = [
            forecast,
            html.Td(moved, className="rt-number"),
            html.Td(_control(row), className="rt-number"),
        ]
        rows.append(html.Tr([html.Th(seen, scope="row"), *cells]))
    day, level = table["forecast_day"][0], table["level"][0]
    heads = ("Observation", f"Day {day:g}, cm\u00b3", "Moved by", "Control (moved by)")
    head = html.Tr([html.Th(h, scope="col", className="rt-number" if n else "") for n, h in enumerate(heads)])
    note = (
        f"Median and {100 * level:g} % predictive interval of the tumour's volume; expected tumour control, which "
        "volumes and uptake move as far as they say something of radiosensitivity."
    )
    return html.Section(
        [
            html.H2("What moved the forecast"),
            html.P(note, className="rt-faint"),
            html.Table([html.Thead(head), html.Tbody(rows)], className="rt-table rt-belief"),
        ]
    )


def _control(row: dict[str, Any]) -> str:
    """Expected control and its change; empty for a run of an earlier release."""
    if row["control"] is None:
        return ""
    change = "" if row["moved_control"] is None else f" ({100 * row['moved_control']:+.1f})"
    return f"{100 * row['control']:.1f} %{change}".replace("-", "\u2212")


def learned_table(run: RunFolder) -> Any:
    """Prior and posterior of each parameter as a run found them; None where the patient was not observed.

    Args:
        run: the run.
    """
    table = run.table("learned")
    if table.is_empty():
        return None
    moved = [moved_table(run, plan.slug) for plan in run.record.plans[:1]]
    body = html.Table([belief_head(), html.Tbody(belief_rows(table.to_dicts()))], className="rt-table")
    words = f"Median and {100 * run.record.level:g} % interval. {' '.join(run.record.notes[:2])}"
    return html.Div(
        [html.P(words, className="rt-note"), body, *filter(None, moved)], className="rt-scroll", tabIndex=0
    )
