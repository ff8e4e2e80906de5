"""Figures of a study: survival by arm with numbers at risk, and individual effects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from dashboards.figures.run import FONT, MODEBAR, TITLE, stamp
from dashboards.tables.outcomes import readable
from scenarios.report.colours import faint, plan_colour

if TYPE_CHECKING:
    from scenarios.study.parts import Study

_YEAR_DAYS = 365.25
_LEVEL = 0.95
_BARS = 600  # more cannot be told apart on a screen


def survival_figure(
    study: Study, names: dict[str, str], endpoint: str, patients: pl.DataFrame
) -> dict[str, Any]:
    """Kaplan-Meier curves of all arms with named intervals, and the numbers at risk below.

    Args:
        study: the study.
        names: slug -> label.
        endpoint: one of `scenarios.study.survival.ENDPOINTS`.
        patients: who is counted.

    Raises:
        InputError: survival is unknown for all of them.
    """
    from scenarios.study.survival import FOLLOW_UP_DAYS, kaplan_meier, times

    lives = study.lives.join(patients.select("patient"), on="patient", how="semi")
    days = np.linspace(0, FOLLOW_UP_DAYS, 181)
    curves = kaplan_meier(times(lives, endpoint), days, _LEVEL)
    years = [round(y * _YEAR_DAYS, 2) for y in range(6)]
    traces: list[dict[str, Any]] = []
    rows = len(names)
    for i, (slug, label) in enumerate(names.items()):
        curve = curves.filter(pl.col("plan") == slug)
        year = (curve["day"] / _YEAR_DAYS).round(3).to_list()
        colour = plan_colour(i)
        step = {"type": "scatter", "mode": "lines", "x": year, "legendgroup": slug}
        edge = {**step, "line": {"width": 0, "shape": "hv"}, "hoverinfo": "skip", "showlegend": False}
        at_risk = [int(curve["at_risk"][int(np.argmin(np.abs(days - day)))]) for day in years]
        traces += [
            {**edge, "y": (100 * curve["low"]).round(2).to_list()},
            {
                **edge,
                "y": (100 * curve["high"]).round(2).to_list(),
                "fill": "tonexty",
                "fillcolor": faint(colour, 0.14),
            },
            {
                **step,
                "y": (100 * curve["survival"]).round(2).to_list(),
                "line": {"width": 2.2, "shape": "hv", "color": colour},
                "name": label,
                "hovertemplate": "%{y:.1f} %",
            },
            {
                "type": "scatter",
                "mode": "text",
                "x": list(range(6)),
                "y": [i] * 6,
                "yaxis": "y2",
                "text": [str(n) for n in at_risk],
                "textfont": {"color": colour, "size": 11},
                "hoverinfo": "skip",
                "showlegend": False,
            },
        ]
    floor = 0.06 * rows + 0.12
    interval = {"type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip"}
    grey = {"symbol": "square", "size": 11, "color": "rgba(128,128,128,0.35)"}
    name = f"band: {100 * _LEVEL:g} % interval, n = {len(patients)}"
    traces.append({**interval, "marker": grey, "name": name})
    return {
        "data": traces,
        "layout": {
            **_common(),
            "hovermode": "x unified",
            "xaxis": {
                "title": {
                    "text": "years from day 0, the first day of treatment",
                    "font": TITLE,
                    "standoff": 6,
                },
                "range": [-0.15, 5.15],
                "anchor": "y2",
            },
            "yaxis": {
                "title": {"text": f"{endpoint.replace('_', ' ')}, %", "font": TITLE},
                "range": [0, 102],
                "domain": [floor, 1],
            },
            "yaxis2": {
                "domain": [0, floor - 0.08],
                "range": [rows - 0.5, -0.5],
                "tickmode": "array",
                "tickvals": list(range(rows)),
                "ticktext": list(names.values()),
                "showgrid": False,
                "zeroline": False,
                "title": {"text": "at risk", "font": TITLE},
            },
        },
    }


def effect_figure(
    study: Study, names: dict[str, str], plan: str | None, outcome: str | None, patients: pl.DataFrame
) -> tuple[dict[str, Any] | None, str]:
    """A waterfall of individual effects, and what it says in words.

    Args:
        study: the study.
        names: slug -> label.
        plan: slug of the plan that is set against the first.
        outcome: which effect.
        patients: who is counted.
    """
    if plan is None or outcome is None:
        return None, "A study of one plan has no differences."
    found = (
        study.scan("effects")
        .filter((pl.col("plan") == plan) & (pl.col("outcome") == outcome) & pl.col("mean").is_not_null())
        .collect()
        .join(patients.select("patient"), on="patient", how="semi")
        .sort("mean")
    )
    if found.is_empty():
        return None, "This effect is unknown for these patients."
    percent = found["unit"][0] in ("probability", "fraction")
    scale, unit = (100.0, "points") if percent else (1.0, found["unit"][0].replace("cm3", "cm\u00b3"))
    values = scale * found["mean"].to_numpy()
    mean, (low, high) = float(values.mean()), np.quantile(values, (0.1, 0.9))
    favoured = float((found["better"] > found["worse"]).to_numpy().mean())
    words = (
        f"{readable(outcome)}, {names[plan]} \u2212 {names[found['reference'][0]]}: mean {mean:+.1f} {unit}, "
        f"80 % of patients {low:+.1f} to {high:+.1f}; better off in more samples than not: {100 * favoured:.0f} % of "
        f"{len(found)} patients."
    ).replace("-", "\u2212")
    shown = found.gather_every(max(1, len(found) // _BARS))
    index = list(names).index(plan)
    better = (shown["better"] > shown["worse"]).to_list()
    colours = [plan_colour(index) if good else plan_colour(0) for good in better]
    bars = {
        "type": "bar",
        "x": list(range(len(shown))),
        "y": (scale * shown["mean"]).round(3).to_list(),
        "customdata": shown["patient"].to_list(),
        "marker": {"color": colours, "line": {"width": 0}},
        "hovertemplate": "%{customdata}: %{y:+.2f} " + unit + "<extra></extra>",
        "showlegend": False,
    }
    legend = [
        {
            "type": "bar",
            "x": [None],
            "y": [None],
            "marker": {"color": plan_colour(i)},
            "name": f"better with {label}",
        }
        for i, label in ((index, names[plan]), (0, names[found["reference"][0]]))
    ]
    layout = {
        **_common(),
        "bargap": 0,
        "xaxis": {
            "title": {"text": "patients, sorted", "font": TITLE, "standoff": 6},
            "showticklabels": False,
        },
        "yaxis": {"title": {"text": f"difference, {unit}", "font": TITLE}, "zeroline": True},
    }
    return {"data": [bars, *legend], "layout": layout}, words


def _common() -> dict[str, Any]:
    return {
        "margin": {"l": 66, "r": 14, "t": 30, "b": 40},
        "font": FONT,
        "modebar": MODEBAR,
        "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "font": {"size": 11}},
        "annotations": [stamp()],
    }
