"""How well readers told simulated from real volumes, over their confidence."""

from __future__ import annotations

from typing import Any

from dashboards.figures.style import GREY, axis, layout
from scenarios.readers import Results
from scenarios.report.colours import plan_colour


def roc_figure(results: Results) -> dict[str, Any]:
    """The characteristic of each reader and of all, over the line of chance.

    Args:
        results: of a reader study.
    """
    traces: list[dict[str, Any]] = [_line([0, 1], [0, 1], "chance", GREY, dash="dot")]
    for n, (name, curve) in enumerate(results.curves.items()):
        if curve is not None:
            words = f"{name}, area {curve.area:.2f}"
            colour, width = (GREY, 3.0) if name == "all" else (plan_colour(n - 1), 1.6)
            traces.append(
                _line(curve.false_positive.tolist(), curve.true_positive.tolist(), words, colour, width=width)
            )
    share: dict[str, Any] = {"range": [-0.02, 1.02], "tickformat": ".0%"}
    return {
        "data": traces,
        "layout": layout(
            (56, 12, 26, 44),
            xaxis=axis("real volumes called simulated", **share),
            yaxis=axis("simulated volumes called simulated", **share),
            legend={"x": 1, "xanchor": "right", "y": 0, "yanchor": "bottom", "font": {"size": 11}},
        ),
    }


def _line(x: list[float], y: list[float], name: str, colour: str, **line: Any) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "line": {"color": colour, **line},
    }  # fmt: skip
