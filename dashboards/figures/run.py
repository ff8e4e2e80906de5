"""Figures as plotly JSON; their theme is laid over in the browser (assets/charts.js)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from dashboards.figures.constraint_marks import constraint_traces
from scenarios.records.schema import SIMULATED
from scenarios.report.colours import faint, plan_colour

if TYPE_CHECKING:
    from dashboards.viewer.subject import RunFolder

FONT = {"size": 11.5, "family": 'Inter, "Segoe UI", "DejaVu Sans", system-ui, sans-serif'}
TITLE = {"size": 11.5}
MODEBAR = {"bgcolor": "rgba(0,0,0,0)", "color": "rgba(128,128,128,0.5)", "activecolor": "#0b7285"}
DIGITS = 2  # of cm3; more cannot be seen, and the figure is sent whole
_DVH_POINTS = 300  # of a curve; more cannot be seen
_FRACTION_ROW = 0.035  # share of the figure's height for one plan's fractions


def interval_name(level: float, samples: int) -> str:
    """How an interval is named wherever one is shown.

    Example:
        >>> interval_name(0.8, 200)
        '80 % interval, n = 200'
    """
    return f"{100 * level:g} % interval, n = {samples}"


def trajectory_figure(run: RunFolder) -> dict[str, Any]:
    """Tumour volume of all plans over time: medians, named bands, the imaged sample, and the fractions given.

    Args:
        run: the run.

    Returns:
        A plotly figure as a dict; volumes in cm3, time in days from day 0.
    """
    bands, events = run.table("bands"), of_the_imaged(run.table("events"))
    imaged = run.table("trajectory").filter(pl.col("sample") == 0)
    name = interval_name(run.record.level, run.record.samples)
    traces: list[dict[str, Any]] = []
    plans = run.record.plans
    for i, plan in enumerate(plans):
        band = bands.filter(pl.col("plan") == plan.slug)
        sample = imaged.filter(pl.col("plan") == plan.slug)
        common = {"type": "scatter", "mode": "lines", "legendgroup": plan.slug}
        band = band.with_columns(pl.col("lower", "median", "upper").round(DIGITS))
        day, colour = band["day"].to_list(), plan_colour(i)
        label = plan.label + (" \u26a0 outside" if plan.context else "")
        edge = {"x": day, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
        filled = {"fill": "tonexty", "fillcolor": faint(colour, 0.14), "name": f"{label}: {name}"}
        width = 2.0 + 1.5 * (len(plans) - 1 - i)  # curves that coincide show as nested lines, not as one
        traces += [
            {**common, **edge, "y": band["lower"].to_list()},
            {**common, **edge, "y": band["upper"].to_list(), **filled},
            {
                **common,
                "x": day,
                "y": band["median"].to_list(),
                "line": {"width": width, "color": colour},
                "name": label,
                "customdata": band.select("lower", "upper").rows(),
                "hovertemplate": "%{y:.1f} (%{customdata[0]:.1f} to %{customdata[1]:.1f}) cm\u00b3",
            },
            {
                **common,
                "x": sample["day"].to_list(),
                "y": sample["gtv_cm3"].round(DIGITS).to_list(),
                "line": {"width": 1.4, "color": colour, "dash": "dot"},
                "name": f"{label}: sample 0 (imaged)",
                "showlegend": False,
                "hoverinfo": "skip",
            },
            _fraction_trace(events, plan.slug, label, colour, i),
        ]
    floor = _FRACTION_ROW * len(plans) + 0.02
    return {
        "data": traces + _legend(name) + _observed(run),
        "layout": {
            "margin": {"l": 50, "r": 12, "t": 26, "b": 40},
            "font": FONT,
            "hovermode": "x unified",
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
            "modebar": MODEBAR,
            "xaxis": {
                "title": {"text": "days from day 0", "standoff": 6, "font": TITLE},
                "range": [0, run.record.days],
                "anchor": "y2" if plans else "y",
            },
            "yaxis": {
                "title": {"text": "tumour volume, cm\u00b3", "standoff": 6, "font": TITLE},
                "rangemode": "tozero",
                "domain": [floor, 1],
            },
            "yaxis2": {
                "domain": [0, floor - 0.02],
                "range": [len(plans) - 0.5, -0.5],
                "visible": False,
                "fixedrange": True,
            },
            "annotations": [stamp()],
            "meta": "days",  # over time: the browser marks the day that the viewers show
            "uirevision": run.entry.version,
        },
    }


def dvh_figure(run: RunFolder, structures: list[str] | None = None) -> dict[str, Any]:
    """Cumulative DVHs of the planned doses: a colour for each plan, a dash for each structure.

    Args:
        run: the run.
        structures: which to show; by default targets, lungs and heart.
    """
    table = run.table("dvh")
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    shown = structures if structures is not None else default_structures(run)
    traces = []
    for n, structure in enumerate(shown):
        for i, plan in enumerate(run.record.plans):
            curve = table.filter((pl.col("plan") == plan.slug) & (pl.col("structure") == structure))
            if curve.is_empty():
                continue
            curve = curve.gather_every(max(1, len(curve) // _DVH_POINTS))
            estimated = " (estimated)" if curve["estimated"][0] else ""
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": curve["dose_gy"].round(3).to_list(),
                    "y": (100 * curve["volume_fraction"]).round(3).to_list(),
                    "name": f"{plan.label} {structure}{estimated}",
                    "legendgroup": structure,
                    "line": {"color": plan_colour(i), "width": 2, "dash": dashes[n % len(dashes)]},
                    "hovertemplate": "%{y:.1f} % at %{x:.1f} Gy",
                }
            )
    traces += constraint_traces(run, shown)
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 50, "r": 12, "t": 26, "b": 40},
            "font": FONT,
            "legend": {"x": 1.01, "y": 1, "font": {"size": 11}},
            "modebar": MODEBAR,
            "xaxis": {
                "title": {"text": "planned dose, Gy", "standoff": 6, "font": TITLE},
                "rangemode": "tozero",
            },
            "yaxis": {"title": {"text": "volume, %", "standoff": 6, "font": TITLE}, "range": [0, 103]},
            "annotations": [{**stamp(), "x": 0, "xanchor": "left", "yanchor": "bottom"}],
            "uirevision": run.entry.version,
        },
    }


def default_structures(run: RunFolder) -> list[str]:
    """The structures whose DVH is shown first: targets, lungs and heart."""
    names = run.table("dvh")["structure"].unique(maintain_order=True).to_list()
    lungs = "Lungs-GTV" if "Lungs-GTV" in names else "Lung"
    first = [n for n in names if n.startswith(("GTVp", "PTV", lungs, "Heart"))]
    return first or names[:4]


def course_figure(run: RunFolder) -> dict[str, Any]:
    """What happens when under each plan: delivered events filled, simulated ones open, and decisions.

    Args:
        run: the run.
    """
    events, decisions = of_the_imaged(run.table("events")), of_the_imaged(run.table("decisions"))
    symbols = {"fraction": "line-ns", "imaging": "square", "chemotherapy": "triangle-up", "course_end": "x"}
    rows = {"fraction": "fractions", "imaging": "images", "course_end": "fractions"}
    traces: list[dict[str, Any]] = []
    for i, plan in enumerate(run.record.plans):
        mine = events.filter(pl.col("plan") == plan.slug)
        for (kind, delivered), part in mine.group_by("kind", "delivered", maintain_order=True):
            symbol = symbols.get(str(kind), "star")
            dose = [f"{gy:g} Gy" if gy else "" for gy in part["dose_gy"].round(2).to_list()]
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": part["day"].to_list(),
                    "y": [f"{plan.label} {rows.get(str(kind), kind)}"] * len(part),
                    "text": dose,
                    "name": f"{plan.label} {kind}, {'delivered' if delivered else 'simulated'}",
                    "marker": {
                        "symbol": symbol if delivered else f"{symbol}-open",
                        "size": 10,
                        "color": plan_colour(i),
                        "line": {"width": 1.6, "color": plan_colour(i)},
                    },
                    "hovertemplate": f"{str(kind).replace('_', ' ')}, day %{{x:.2f}} %{{text}}",
                    "showlegend": False,
                }
            )
        made = decisions.filter(pl.col("plan") == plan.slug).unique(["day", "decision"], maintain_order=True)
        if len(made):
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": made["day"].to_list(),
                    "y": [f"{plan.label} decisions"] * len(made),
                    "text": [f"{d}: {r}" for d, r in made.select("decision", "reason").rows()],
                    "marker": {
                        "symbol": "diamond-open",
                        "size": 10,
                        "color": plan_colour(i),
                        "line": {"width": 2},
                    },
                    "hovertemplate": "day %{x:.1f} %{text}<extra></extra>",
                    "showlegend": False,
                }
            )
    last = max([plan.end_days for plan in run.record.plans] + [7.0])
    return {
        "data": traces,
        "layout": {
            "margin": {"l": 120, "r": 12, "t": 26, "b": 40},
            "font": FONT,
            "modebar": MODEBAR,
            "xaxis": {
                "title": {"text": "days from day 0", "standoff": 6, "font": TITLE},
                "range": [-1, last * 1.08],
            },
            "yaxis": {"autorange": "reversed", "automargin": True, "dtick": 1},
            "annotations": [{**stamp(), "x": 0, "xanchor": "left", "yanchor": "bottom"}],
            "meta": "days",
            "uirevision": run.entry.version,
        },
    }


def _legend(interval: str) -> list[dict[str, Any]]:
    """What the bands and dotted lines of every plan are, said once."""
    nothing = {"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip"}
    square = {"symbol": "square", "size": 11, "color": "rgba(128,128,128,0.35)"}
    dotted = {"color": "#868e96", "width": 1.4, "dash": "dot"}
    return [
        {**nothing, "mode": "markers", "marker": square, "name": f"line: median, band: {interval}"},
        {**nothing, "mode": "lines", "line": dotted, "name": "sample 0, as imaged"},
    ]


def _fraction_trace(events: pl.DataFrame, slug: str, label: str, colour: str, row: int) -> dict[str, Any]:
    """A tick for each fraction, in a row of its own under the curves."""
    given = events.filter((pl.col("plan") == slug) & (pl.col("kind").str.to_lowercase() == "fraction"))
    return {
        "type": "scatter",
        "mode": "markers",
        "x": given["day"].to_list(),
        "y": [row] * len(given),
        "yaxis": "y2",
        "marker": {"symbol": "line-ns-open", "size": 7, "color": colour, "line": {"width": 1.2}},
        "customdata": given["dose_gy"].round(2).to_list(),
        "hoverinfo": "skip",
        "name": f"{label}: fractions",
        "showlegend": False,
    }


def _observed(run: RunFolder) -> list[dict[str, Any]]:
    """What was measured on the patient: open circles, unlike anything simulated."""
    seen = [o for o in run.twin.observations if o.kind == "gtv_cm3"]
    if not seen:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [o.time_days for o in seen],
            "y": [o.value for o in seen],
            "name": "observed",
            "marker": {"symbol": "circle-open", "size": 10, "color": "#868e96", "line": {"width": 2.5}},
        }
    ]


def of_the_imaged(table: pl.DataFrame) -> pl.DataFrame:
    """The rows that all samples share, and those of sample 0, whose images are shown."""
    return table.filter(pl.col("sample").is_null() | (pl.col("sample") == 0))


def stamp() -> dict[str, Any]:
    """The mark that every figure carries, also when it is saved."""
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
    }
