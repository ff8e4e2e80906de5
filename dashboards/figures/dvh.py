"""Cumulative dose-volume histograms of the planned doses."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.constraint_marks import constraint_traces
from dashboards.figures.style import CORNER, axis, layout
from dashboards.files.run_folder import RunFolder
from scenarios.report import methods
from scenarios.report.colours import plan_colour

_POINTS = 300  # of a curve; more cannot be seen
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def dvh_figure(run: RunFolder, structures: list[str] | None = None) -> dict[str, Any]:
    """Cumulative DVHs of the planned doses: a colour for each plan, a dash for each structure.

    Args:
        run: the run.
        structures: which to show; by default targets, lungs and heart.
    """
    table = run.table("dvh")
    shown = structures if structures is not None else default_structures(run)
    traces = []
    for n, structure in enumerate(shown):
        for i, plan in enumerate(run.record.plans):
            curve = table.filter((pl.col("plan") == plan.slug) & (pl.col("structure") == structure))
            if not curve.is_empty():
                name, dash = methods.label(plan, run.record.plans), _DASHES[n % len(_DASHES)]
                traces.append(_curve(curve, name, structure, plan_colour(i), dash))
    return {
        "data": traces + constraint_traces(run, shown),
        "layout": layout(
            (50, 12, 26, 40),
            at=CORNER,
            legend={"x": 1.01, "y": 1, "font": {"size": 11}},
            xaxis=axis(f"planned dose, Gy{_methods(run)}", rangemode="tozero"),
            yaxis=axis("volume, %", range=[0, 103]),
            uirevision=run.entry.version,
        ),
    }


def _curve(curve: pl.DataFrame, plan: str, structure: str, colour: str, dash: str) -> dict[str, Any]:
    curve = curve.gather_every(max(1, len(curve) // _POINTS))
    estimated = " (estimated)" if curve["estimated"][0] else ""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": curve["dose_gy"].round(3).to_list(),
        "y": (100 * curve["volume_fraction"]).round(3).to_list(),
        "name": f"{plan} {structure}{estimated}",
        "legendgroup": structure,
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertemplate": "%{y:.1f} % at %{x:.1f} Gy",
    }


def _methods(run: RunFolder) -> str:
    """The doses' method; nothing where plans differ in it, as each then says its own."""
    if methods.mixed(run.record.plans):
        return ""
    used = {plan.dose_method for plan in run.record.plans if plan.dose_method}
    return f" ({methods.words(used.pop())})" if used else ""


def default_structures(run: RunFolder) -> list[str]:
    """The structures whose DVH is shown first: targets, lungs and heart.

    Args:
        run: the run.
    """
    names = run.table("dvh")["structure"].unique(maintain_order=True).to_list()
    lungs = "Lungs-GTV" if "Lungs-GTV" in names else "Lung"
    first = [n for n in names if n.startswith(("GTVp", "PTV", lungs, "Heart"))]
    return first or names[:4]
