"""Policies side by side: what they changed, when, and what came of it for organs and tumour."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import ABOVE, SHARES, axis, layout, stamp
from dashboards.files.run_folder import RunFolder
from dashboards.names import readable
from scenarios.records.schema import KINDS
from scenarios.report import methods
from scenarios.report.colours import plan_colour

SHOWN = {  # in two lines each, so that they do not touch in a narrow window
    "mean_lung_dose": "<b>Lung</b><br>mean, ",
    "mean_heart_dose": "<b>Heart</b><br>mean, ",
    "mean_oesophagus_dose": "<b>Oesophagus</b><br>mean, ",
    "tumour_control": "<b>Tumour control</b><br>",
    "pneumonitis": "<b>Pneumonitis</b><br>",
    "oesophagitis": "<b>Oesophagitis</b><br>",
}
_PER_ROW = 3
_PATTERNS = {"escalate": "/", "boost": "x", "de-escalate": "\\", "stop": "+"}


def changes(run: RunFolder) -> pl.DataFrame:
    """The decisions that changed something and were approved.

    Args:
        run: the run.
    """
    return run.table("decisions").filter((pl.col("decision") != "continue") & pl.col("approved"))


def change_counts(run: RunFolder, slug: str) -> tuple[float, float]:
    """Mean number of changes in a sample, and the share of samples with at least one.

    Args:
        run: the run.
        slug: of the plan.
    """
    mine = changes(run).filter(pl.col("plan") == slug)
    samples = run.record.samples
    return len(mine) / samples, mine["sample"].n_unique() / samples if len(mine) else 0.0


def change_figure(run: RunFolder) -> dict[str, Any]:
    """Share of samples in which a policy changed the plan, by the day of the scan: a colour for each scenario.

    Args:
        run: the run.
    """
    made = changes(run).with_columns(day=pl.col("day").round(1))
    days = sorted(run.table("decisions")["day"].round(1).unique().to_list())
    traces: list[dict[str, Any]] = []
    for i, plan in enumerate(run.record.plans):
        mine = made.filter(pl.col("plan") == plan.slug)
        actions = sorted(mine["decision"].unique().to_list()) or ["replan"]
        for action in actions:
            counts = dict(
                mine.filter(pl.col("decision") == action)
                .group_by("day")
                .agg(pl.col("sample").n_unique())
                .iter_rows()
            )
            traces.append(
                {
                    "type": "bar",
                    "x": [f"day {day:.0f}" for day in days],
                    "y": [round(100 * counts.get(day, 0) / run.record.samples, 2) for day in days],
                    "name": plan.label if action == "replan" else f"{plan.label}: {action}",
                    "offsetgroup": plan.slug,
                    "marker": {
                        "color": plan_colour(i),
                        "pattern": {"shape": _PATTERNS.get(action, ""), "size": 5},
                    },
                    "hovertemplate": f"{action}: %{{y:.1f}} % of {run.record.samples} samples",
                }
            )
    return {
        "data": traces,
        "layout": layout(
            (56, 12, 30, 40),
            barmode="stack",
            hovermode="x unified",
            legend=ABOVE,
            xaxis=axis("scan during treatment", type="category"),
            yaxis=axis("samples with a change, %", rangemode="tozero"),
            uirevision=run.entry.version,
        ),
    }


def outcome_figure(run: RunFolder, *, paired: bool) -> dict[str, Any]:
    """Doses to organs, control and complications of every scenario, each with its interval, in panels of their own.

    Args:
        run: the run.
        paired: differences to the first scenario under common random numbers, in place of the values.
    """
    table = run.table("contrasts" if paired else "outcomes").filter(pl.col("mean").is_not_null())
    if paired and len(table):
        table = table.filter(pl.col("reference") == run.table("contrasts")["reference"][0])
    plans = list(enumerate(run.record.plans))[1 if paired else 0 :]
    shown = [o for o in SHOWN if o in table["outcome"]]
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    notes: list[dict[str, Any]] = []
    for n, outcome in enumerate(shown):
        suffix, unit = "" if n == 0 else str(n + 1), ""
        x_domain, y_domain = _domains(n, -(-len(shown) // _PER_ROW))
        for i, plan in plans:
            row = table.filter((pl.col("outcome") == outcome) & (pl.col("plan") == plan.slug))
            if not row.is_empty():
                unit = _unit(row["unit"][0], paired)
                traces.append(_mark(row, unit, methods.label(plan, run.record.plans), plan_colour(i), suffix))
        axes |= _axes(
            suffix,
            x_domain,
            y_domain,
            paired,
            n % _PER_ROW == 0,
            [methods.label(p, run.record.plans) for _, p in plans],
        )
        notes.append(_heading(SHOWN[outcome] + unit, x_domain[0], y_domain[1]))
    reference = f"; each minus {run.record.plans[0].label}" if paired else ""
    words = f"{100 * run.record.level:g} % intervals: {_kinds(table)}{reference}"
    at_foot = {"x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "yshift": -40}
    foot = {**_paper(words, 1, 0), "xanchor": "right", "yanchor": "top", "yshift": -20}
    made = layout((20, 12, 28, 62), **axes, uirevision=run.entry.version)
    return {"data": traces, "layout": {**made, "annotations": [*notes, stamp(**at_foot), foot]}}


def _kinds(table: pl.DataFrame) -> str:
    """What the intervals that are shown are of."""
    used = table.filter(pl.col("outcome").is_in(list(SHOWN)))["kind"].drop_nulls().unique()
    return ", ".join(words for kind, words in KINDS.items() if kind in used)


def _domains(n: int, rows: int) -> tuple[list[float], list[float]]:
    """Where the panel of a number lies, in shares of the figure's width and height."""
    left, top = (n % _PER_ROW) / _PER_ROW, 1 - (n // _PER_ROW) / rows
    return [left + 0.015, left + 1 / _PER_ROW - 0.025], [top - 1 / rows + 0.2 / rows, top - 0.34 / rows]


def _unit(unit: str, paired: bool) -> str:
    if unit not in SHARES:
        return unit
    return "points" if paired else "%"


def _mark(row: pl.DataFrame, unit: str, plan: str, colour: str, suffix: str) -> dict[str, Any]:
    """The mean of one outcome under one plan, and its interval."""
    scale = 100.0 if row["unit"][0] in SHARES else 1.0
    middle, low, high = (round(scale * row[c][0], 4) for c in ("mean", "low", "high"))
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [middle],
        "y": [plan],
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - middle],
            "arrayminus": [middle - low],
            "color": colour,
            "thickness": 2,
            "width": 5,
        },
        "marker": {"size": 10, "color": colour},
        "name": f"{readable(row['outcome'][0])}: {plan}",
        "text": [f"{low:.4g} to {high:.4g} {unit}"],
        "hovertemplate": f"%{{x:.4g}} ({low:.4g} to {high:.4g}) {unit}<extra>{plan}</extra>",
        "showlegend": False,
    }


def _axes(
    suffix: str, x_domain: list[float], y_domain: list[float], paired: bool, first: bool, plans: list[str]
) -> dict[str, Any]:
    """The axes of one panel; the plans are named beside the first of a row."""
    return {
        f"xaxis{suffix}": {
            "domain": x_domain,
            "anchor": f"y{suffix}",
            "zeroline": paired,
            "nticks": 5,
            "tickfont": {"size": 10},
        },
        f"yaxis{suffix}": {
            "domain": y_domain,
            "anchor": f"x{suffix}",
            "showticklabels": first,
            "automargin": True,
            "categoryorder": "array",
            "categoryarray": plans[::-1],
            "range": [-0.6, len(plans) - 0.4],
        },
    }


def _heading(text: str, x: float, y: float) -> dict[str, Any]:
    return {**_paper(text, x, y + 0.005), "xanchor": "left", "yanchor": "bottom", "align": "left"}


def _paper(text: str, x: float, y: float) -> dict[str, Any]:
    return {
        "text": text, "xref": "paper", "yref": "paper", "x": x, "y": y, "showarrow": False, "font": {"size": 11},
    }  # fmt: skip
