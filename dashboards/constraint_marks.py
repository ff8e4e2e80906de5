"""Where published constraints stand on dose-volume histograms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboards.subject import RunFolder
    from simulators.constraints import Constraint

_V = re.compile(r"V(\d+(?:\.\d+)?)(Gy|%)")
_D = re.compile(r"D(\d+(?:\.\d+)?)%")


def place(constraint: Constraint, prescription_gy: float) -> tuple[float, float] | None:
    """The point of the histogram (Gy, % of the volume) that a constraint is about; None for one that has no point.

    Args:
        constraint: V20Gy and D95% are points; means and maxima lie on the dose axis; cm3 have no place here.
        prescription_gy: for constraints in % of it.

    Example:
        >>> from simulators.constraints import Constraint
        >>> place(Constraint(structure="Lungs-GTV", metric="V20Gy", limit=35, endpoint="pneumonitis"), 60.0)
        (20.0, 35.0)
        >>> place(Constraint(structure="Heart", metric="Dmean", limit=26, endpoint="pericarditis"), 60.0)
        (26.0, 0.0)
    """
    if found := _V.fullmatch(constraint.metric):
        dose = float(found[1]) * (prescription_gy / 100 if found[2] == "%" else 1.0)
        return dose, constraint.limit
    if found := _D.fullmatch(constraint.metric):
        return constraint.limit, float(found[1])
    return (constraint.limit, 0.0) if constraint.metric in ("Dmean", "Dmax", "Dmin") else None


def constraint_traces(run: RunFolder, structures: list[str]) -> list[dict[str, Any]]:
    """A mark for each constraint that holds for the fraction size of at least one plan.

    Args:
        run: the run.
        structures: those whose histograms are shown.
    """
    from simulators.constraints import constraint_sets

    points: dict[tuple[str, str], tuple[float, float, str, bool]] = {}
    for plan in run.record.plans:
        if plan.fractions < 1:
            continue
        for group in constraint_sets():
            for c in group.constraints:
                at = place(c, plan.total_gy)
                holds = group.holds_for(c, plan.total_gy / plan.fractions, plan.fractions)
                if c.structure in structures and at is not None and holds:
                    words = f"{c.structure} {c.goal}: {c.endpoint} ({group.name})"
                    points[c.structure, c.goal] = (
                        *at,
                        words.replace("<=", "\u2264").replace(">=", "\u2265"),
                        c.at_least,
                    )
    if not points:
        return []
    marks = list(points.values())
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [m[0] for m in marks],
            "y": [m[1] for m in marks],
            "text": [m[2] for m in marks],
            "name": "constraint",
            "marker": {
                "symbol": ["triangle-up" if m[3] else "triangle-down" for m in marks],
                "size": 11,
                "color": "#868e96",
                "line": {"width": 1.5, "color": "#212529"},
            },
            "cliponaxis": False,
            "hovertemplate": "%{text}<extra></extra>",
        }
    ]
