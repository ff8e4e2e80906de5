"""What all figures share; their theme is laid over in the browser (assets/charts.js)."""

from __future__ import annotations

from typing import Any

from scenarios.records.schema import SIMULATED
from scenarios.report.colours import faint

FONT = {"size": 11.5, "family": 'Inter, "Segoe UI", "DejaVu Sans", system-ui, sans-serif'}
MODEBAR = {"bgcolor": "rgba(0,0,0,0)", "color": "rgba(128,128,128,0.5)", "activecolor": "#0b7285"}
ABOVE = {
    "orientation": "h",
    "y": 1.0,
    "yanchor": "bottom",
    "x": 0,
    "font": {"size": 11},
}  # a legend over the figure
DIGITS = 2  # of cm3; more cannot be seen, and the figure is sent whole
GREY = "#868e96"  # of what was acquired or holds for all plans
SHARES = ("probability", "fraction")  # units that are shown in %
CORNER = {"x": 0, "xanchor": "left", "yanchor": "bottom"}  # of a stamp that would hide a curve at the right


def axis(text: str, standoff: int | None = 6, **more: Any) -> dict[str, Any]:
    """An axis with its title.

    Args:
        text: what it shows, with the unit.
        standoff: between the title and the axis, pixels; None for plotly's own.
        **more: further properties of the axis.
    """
    apart = {} if standoff is None else {"standoff": standoff}
    return {"title": {"text": text, **apart, "font": {"size": 11.5}}, **more}


def layout(
    margin: tuple[int, int, int, int], *, at: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A figure's layout, with the stamp that every figure carries.

    Args:
        margin: left, right, top and bottom, pixels.
        at: where the stamp stands, in place of the upper right corner.
        **more: further properties of the layout.
    """
    sides = dict(zip("lrtb", margin, strict=True))
    return {"margin": sides, "font": FONT, "modebar": MODEBAR, "annotations": [stamp(**at or {})], **more}


def band(
    common: dict[str, Any],
    low: list[float],
    high: list[float],
    colour: str,
    opacity: float = 0.14,
    name: str = "",
) -> list[dict[str, Any]]:
    """The two traces of an interval: its lower edge, and the upper one with the area between them.

    Args:
        common: properties of both, the days among them.
        low: lower ends.
        high: upper ends.
        colour: of the area, as hex.
        opacity: of the area.
        name: of the interval, for a saved figure.
    """
    edge = {
        **common,
        "line": {"width": 0, **common.get("line", {})},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    lower, upper = ({"name": f"{name}: {end}"} if name else {} for end in ("low", "high"))
    filled = {"fill": "tonexty", "fillcolor": faint(colour, opacity)}
    return [{**edge, "y": low, **lower}, {**edge, "y": high, **upper, **filled}]


def stamp(**place: Any) -> dict[str, Any]:
    """The mark that every figure carries, also when it is saved.

    Args:
        **place: where it stands, in place of the upper right corner.
    """
    return {
        "text": SIMULATED,
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 1,
        "xanchor": "right",
        "yanchor": "top",
        "showarrow": False,
        "bgcolor": "#ffb000",
        "font": {"size": 10, "color": "#1a1200"},
        "borderpad": 3,
        **place,
    }
