"""Where published constraints stand on dose-volume histograms."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from dashboards.figures.style import GREY
from dashboards.files.run_folder import RunFolder

_V = re.compile(r"V(\d+(?:\.\d+)?)(Gy|%)")
_D = re.compile(r"D(\d+(?:\.\d+)?)%")


def place(metric: str, limit: float, prescription_gy: float) -> tuple[float, float] | None:
    """The point of the histogram (Gy, % of the volume) that a constraint is about; None for one that has no point.

    Args:
        metric: V20Gy and D95% are points; means and maxima lie on the dose axis; cm3 have no place here.
        limit: in the metric's unit.
        prescription_gy: for constraints in % of it.

    Example:
        >>> place("V20Gy", 35.0, 60.0), place("Dmean", 26.0, 60.0), place("D0.35cc", 20.0, 60.0)
        ((20.0, 35.0), (26.0, 0.0), None)
    """
    if found := _V.fullmatch(metric):
        return float(found[1]) * (prescription_gy / 100 if found[2] == "%" else 1.0), limit
    if found := _D.fullmatch(metric):
        return limit, float(found[1])
    return (limit, 0.0) if metric in ("Dmean", "Dmax", "Dmin") else None


def constraint_traces(run: RunFolder, structures: list[str]) -> list[dict[str, Any]]:
    """A mark for each constraint that holds for the fractionation of at least one plan.

    Args:
        run: the run.
        structures: those whose histograms are shown.
    """
    table = run.table("scorecard").filter(
        (pl.col("verdict") != "not applicable") & pl.col("structure").is_in(structures)
    )
    gy = {plan.slug: plan.total_gy for plan in run.record.plans}
    points: dict[tuple[float, float, str], bool] = {}
    for row in table.iter_rows(named=True):
        at = place(row["metric"], row["limit"], gy[row["plan"]])
        if at is not None:
            words = f"{row['structure']} {row['goal']}: {row['endpoint']} ({row['set']})"
            points[*at, words.replace("<=", "\u2264").replace(">=", "\u2265")] = ">=" in row["goal"]
    if not points:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [x for x, _, _ in points],
            "y": [y for _, y, _ in points],
            "text": [words for _, _, words in points],
            "name": "constraint",
            "marker": {
                "symbol": ["triangle-up" if at_least else "triangle-down" for at_least in points.values()],
                "size": 11,
                "color": GREY,
                "line": {"width": 1.5, "color": "#212529"},
            },
            "cliponaxis": False,
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]
