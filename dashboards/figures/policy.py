"""Policies side by side: what they changed, when, and what came of it for organs and tumour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dashboards.figures.run import FONT, MODEBAR, TITLE, interval_name, stamp
from dashboards.tables.outcomes import readable
from scenarios.report.colours import plan_colour

if TYPE_CHECKING:
    from dashboards.viewer.subject import RunFolder

SHOWN = {
    "mean_lung_dose": "Lung mean",
    "mean_heart_dose": "Heart mean",
    "mean_oesophagus_dose": "Oesophagus mean",
    "tumour_control": "Tumour control",
    "pneumonitis": "Pneumonitis",
    "oesophagitis": "Oesophagitis",
}
_PER_ROW = 3
_PATTERNS = {"escalate": "/", "boost": "x", "de-escalate": "\\", "stop": "+"}
_SHARES = ("probability", "fraction")


def changes(run: RunFolder) -> pl.DataFrame:
    """The decisions that changed something and were approved."""
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
    """Share of samples in which a policy changed the plan, by the day of the scan: a colour for each scenario."""
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
        "layout": {
            "margin": {"l": 56, "r": 12, "t": 30, "b": 40},
            "font": FONT,
            "modebar": MODEBAR,
            "barmode": "stack",
            "hovermode": "x unified",
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
            "xaxis": {
                "title": {"text": "scan during treatment", "standoff": 6, "font": TITLE},
                "type": "category",
            },
            "yaxis": {
                "title": {"text": "samples with a change, %", "standoff": 6, "font": TITLE},
                "rangemode": "tozero",
            },
            "annotations": [stamp()],
            "uirevision": run.entry.version,
        },
    }


def outcome_figure(run: RunFolder, *, paired: bool) -> dict[str, Any]:
    """Doses to organs, control and complications of every scenario, each with its interval, in panels of their own.

    Args:
        run: the run.
        paired: differences to the first scenario under common random numbers, in place of the values.
    """
    table = run.table("contrasts" if paired else "outcomes")
    shown = [o for o in SHOWN if len(table.filter((pl.col("outcome") == o) & pl.col("mean").is_not_null()))]
    if paired and len(table):
        table = table.filter(pl.col("reference") == table["reference"][0])
    first = 1 if paired else 0
    plans = list(enumerate(run.record.plans))[first:]
    rows = -(-len(shown) // _PER_ROW)
    traces: list[dict[str, Any]] = []
    layout: dict[str, Any] = {}
    notes: list[dict[str, Any]] = []
    for n, outcome in enumerate(shown):
        axis = "" if n == 0 else str(n + 1)
        left, top = (n % _PER_ROW) / _PER_ROW, 1 - (n // _PER_ROW) / rows
        x_domain = [left + 0.015, left + 1 / _PER_ROW - 0.025]
        y_domain = [top - 1 / rows + 0.16 / rows, top - 0.2 / rows]
        unit = ""
        for i, plan in plans:
            row = table.filter((pl.col("outcome") == outcome) & (pl.col("plan") == plan.slug))
            if row.is_empty() or row["mean"][0] is None:
                continue
            share = row["unit"][0] in _SHARES
            scale = 100.0 if share else 1.0
            unit = ("points" if paired else "%") if share else row["unit"][0]
            middle, low, high = (round(scale * row[c][0], 4) for c in ("mean", "low", "high"))
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [middle],
                    "y": [plan.label],
                    "xaxis": f"x{axis}",
                    "yaxis": f"y{axis}",
                    "error_x": {
                        "type": "data", "symmetric": False, "array": [high - middle], "arrayminus": [middle - low],
                        "color": plan_colour(i), "thickness": 2, "width": 5,
                    },
                    "marker": {"size": 10, "color": plan_colour(i)},
                    "name": f"{readable(outcome)}: {plan.label}",
                    "text": [f"{low:.4g} to {high:.4g} {unit}"],
                    "hovertemplate": f"%{{x:.4g}} ({low:.4g} to {high:.4g}) {unit}<extra>{plan.label}</extra>",
                    "showlegend": False,
                }
            )  # fmt: skip
        layout[f"xaxis{axis}"] = {
            "domain": x_domain, "anchor": f"y{axis}", "zeroline": paired, "nticks": 5, "tickfont": {"size": 10},
        }  # fmt: skip
        layout[f"yaxis{axis}"] = {
            "domain": y_domain, "anchor": f"x{axis}", "showticklabels": n % _PER_ROW == 0, "automargin": True,
            "categoryorder": "array", "categoryarray": [plan.label for _, plan in reversed(plans)],
            "range": [-0.6, len(plans) - 0.4],
        }  # fmt: skip
        notes.append(
            {
                "text": f"<b>{SHOWN[outcome]}</b>, {unit}", "xref": "paper", "yref": "paper", "showarrow": False,
                "x": x_domain[0], "y": y_domain[1] + 0.005, "xanchor": "left", "yanchor": "bottom",
                "font": {"size": 11},
            }
        )  # fmt: skip
    words = interval_name(run.record.level, run.record.samples)
    mark = {
        **stamp(),
        "x": 0,
        "y": 0,
        "xanchor": "left",
        "yanchor": "top",
        "yshift": -40,
    }
    legend = {
        "text": f"mean and its {words}" + (f"; each minus {run.record.plans[0].label}" if paired else ""),
        "xref": "paper", "yref": "paper", "x": 1, "y": 0, "xanchor": "right", "yanchor": "top", "yshift": -20,
        "showarrow": False, "font": {"size": 11},
    }  # fmt: skip
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 20, "r": 12, "t": 28, "b": 62},
            "font": FONT,
            "modebar": MODEBAR,
            **layout,
            "annotations": [*notes, mark, legend],
            "uirevision": run.entry.version,
        },
    }
