"""Plots of a run, as the report has them: plotly figures, or the same drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from scenarios.records.run import Run
from scenarios.report.figures import dvh_figure, failure_figure, outcome_figure, styled, trajectory_figure
from twin import InputError

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from matplotlib.axes import Axes

By = Literal["plotly", "matplotlib"]
_LONG, _LONG_DOT = (0, (8, 3)), (0, (8, 3, 1, 3))
_DASHES = {
    "solid": "-",
    "dash": "--",
    "dot": ":",
    "dashdot": "-.",
    "longdash": _LONG,
    "longdashdot": _LONG_DOT,
}
_MARKERS = {"diamond": "D", "circle-open": "o", "circle": "o"}


@dataclass(frozen=True, eq=False)
class Plots:
    """What can be plotted of a run; each is a plotly figure, or with `by="matplotlib"` a matplotlib one.

    Args:
        run: the comparison.
    """

    run: Run

    def volumes(self, by: By = "plotly") -> Any:
        """Tumour volume over time: median and interval of each plan, and what was observed.

        Args:
            by: which library draws.
        """
        return _drawn(trajectory_figure(self.run), by)

    def dvh(self, by: By = "plotly") -> Any:
        """Cumulative dose-volume histograms of targets and organs.

        Args:
            by: which library draws.
        """
        return _drawn(dvh_figure(self.run), by)

    def outcomes(self, by: By = "plotly") -> Any:
        """Probabilities of control, survival and complications with their intervals.

        Args:
            by: which library draws.
        """
        return _drawn(outcome_figure(self.run), by)

    def failures(self, by: By = "plotly") -> Any:
        """Cumulative incidence of local, regional and distant failure, in samples.

        Args:
            by: which library draws.
        """
        return _drawn(failure_figure(self.run), by)


def _drawn(figure: go.Figure, by: By) -> Any:
    if by == "plotly":
        return styled(figure)
    if by == "matplotlib":
        return _by_matplotlib(styled(figure).to_dict())
    raise InputError(f"plots are drawn by plotly or matplotlib, not by {by!r}")


def _by_matplotlib(figure: Mapping[str, Any]) -> Any:
    """The same figure as matplotlib draws it: lines, filled bands, markers and intervals."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(7.5, 4.4), layout="constrained")
    axes = made.subplots()
    for trace in figure["data"]:
        if trace.get("visible", True) is True:
            _trace(axes, trace)
    layout = figure["layout"]
    for name, axis in (("xaxis", axes.xaxis), ("yaxis", axes.yaxis)):
        asked = layout.get(name, {})
        axis.set_label_text(asked.get("title", {}).get("text", ""))
        if "tickvals" in asked:
            axis.set_ticks(asked["tickvals"], asked["ticktext"])
        if asked.get("autorange") == "reversed":
            axis.set_inverted(True)
        if asked.get("rangemode") == "tozero" and name == "yaxis":
            axes.set_ylim(bottom=0.0)
    axes.set_title(" ".join(a["text"] for a in layout.get("annotations", ())), fontsize=8, color="#a33")
    axes.legend(fontsize=7, frameon=False)
    return made


def _trace(axes: Axes, trace: Mapping[str, Any]) -> None:
    line, marker = trace.get("line", {}), trace.get("marker", {})
    name = trace.get("name") if trace.get("showlegend", True) else None
    if trace.get("fill") == "toself":
        axes.fill(trace["x"], trace["y"], color=_colour(trace["fillcolor"]), linewidth=0, label=name)
        return
    drawn: dict[str, Any] = {"label": name, "linestyle": "none"}
    if trace.get("mode", "lines") == "lines":
        drawn |= {"color": line.get("color"), "linewidth": line.get("width", 1.5)}
        drawn |= {"linestyle": _DASHES[line.get("dash", "solid")]}
        drawn |= {"drawstyle": "steps-post"} if line.get("shape") == "hv" else {}
    else:
        symbol = marker.get("symbol", "circle")
        drawn |= {
            "marker": _MARKERS[symbol],
            "color": marker.get("color"),
            "markersize": 0.7 * marker.get("size", 8),
        }
        drawn |= {"fillstyle": "none"} if symbol.endswith("-open") else {}
    if error := trace.get("error_x"):
        axes.errorbar(trace["x"], trace["y"], xerr=[error["arrayminus"], error["array"]], **drawn)
    else:
        axes.plot(trace["x"], trace["y"], **drawn)


def _colour(css: str) -> Any:
    """A colour of CSS for matplotlib: rgba(r, g, b, a) as shares, all else as it is."""
    if not css.startswith("rgba"):
        return css
    *rgb, alpha = (float(word) for word in css[css.index("(") + 1 : -1].split(","))
    return (*(c / 255 for c in rgb), alpha)
