"""What happens when under each plan of a run."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import CORNER, axis, layout
from dashboards.files.run_folder import RunFolder
from scenarios.report.colours import plan_colour

_SYMBOLS = {"fraction": "line-ns", "imaging": "square", "chemotherapy": "triangle-up", "course_end": "x"}
_ROWS = {"fraction": "fractions", "imaging": "images", "course_end": "fractions"}


def course_figure(run: RunFolder) -> dict[str, Any]:
    """What happens when under each plan: delivered events filled, simulated ones open, and decisions.

    Args:
        run: the run.
    """
    events, decisions = run.imaged("events"), run.imaged("decisions")
    traces: list[dict[str, Any]] = []
    for i, plan in enumerate(run.record.plans):
        mine = events.filter(pl.col("plan") == plan.slug)
        for (kind, delivered), part in mine.group_by("kind", "delivered", maintain_order=True):
            traces.append(_events(part, str(kind), bool(delivered), plan.label, plan_colour(i)))
        made = decisions.filter(pl.col("plan") == plan.slug).unique(["day", "decision"], maintain_order=True)
        if len(made):
            traces.append(_decisions(made, plan.label, plan_colour(i)))
    last = max([plan.end_days for plan in run.record.plans] + [7.0])
    return {
        "data": traces,
        "layout": layout(
            (120, 12, 26, 40),
            at=CORNER,
            xaxis=axis("days from day 0", range=[-1, last * 1.08]),
            yaxis={"autorange": "reversed", "automargin": True, "dtick": 1},
            meta="days",
            uirevision=run.entry.version,
        ),
    }


def _events(part: pl.DataFrame, kind: str, delivered: bool, plan: str, colour: str) -> dict[str, Any]:
    symbol = _SYMBOLS.get(kind, "star")
    return {
        "type": "scatter",
        "mode": "markers",
        "x": part["day"].to_list(),
        "y": [f"{plan} {_ROWS.get(kind, kind)}"] * len(part),
        "text": [f"{gy:g} Gy" if gy else "" for gy in part["dose_gy"].round(2).to_list()],
        "name": f"{plan} {kind}, {'delivered' if delivered else 'simulated'}",
        "marker": {
            "symbol": symbol if delivered else f"{symbol}-open",
            "size": 10,
            "color": colour,
            "line": {"width": 1.6, "color": colour},
        },
        "hovertemplate": f"{kind.replace('_', ' ')}, day %{{x:.2f}} %{{text}}",
        "showlegend": False,
    }


def _decisions(made: pl.DataFrame, plan: str, colour: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": made["day"].to_list(),
        "y": [f"{plan} decisions"] * len(made),
        "text": [f"{d}: {r}" for d, r in made.select("decision", "reason").rows()],
        "marker": {"symbol": "diamond-open", "size": 10, "color": colour, "line": {"width": 2}},
        "hovertemplate": "day %{x:.1f} %{text}<extra></extra>",
        "showlegend": False,
    }
