"""Figures of a study: survival by arm with numbers at risk, and individual effects."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from dashboards.figures.style import ABOVE, GREY, SHARES, axis, band, layout
from dashboards.names import readable
from scenarios.report.colours import plan_colour
from scenarios.study.parts import Study
from scenarios.study.summary import ALIKE, BETTER, WORSE, smallest_words, with_benefit
from scenarios.study.survival import FOLLOW_UP_DAYS, kaplan_meier, times

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
    lives = study.lives.join(patients.select("patient"), on="patient", how="semi")
    days = np.linspace(0, FOLLOW_UP_DAYS, 181)
    curves = kaplan_meier(times(lives, endpoint), days, _LEVEL)
    traces: list[dict[str, Any]] = []
    for i, (slug, label) in enumerate(names.items()):
        curve = curves.filter(pl.col("plan") == slug)
        traces += [*_curve(curve, slug, label, plan_colour(i)), _at_risk(curve, days, i)]
    floor = 0.06 * len(names) + 0.12
    return {
        "data": [*traces, _interval(len(patients))],
        "layout": _layout(
            hovermode="x unified",
            xaxis=axis("years from day 0, the first day of treatment", range=[-0.15, 5.15], anchor="y2"),
            yaxis=axis(f"{endpoint.replace('_', ' ')}, %", None, range=[0, 102], domain=[floor, 1]),
            yaxis2=axis(
                "at risk",
                None,
                domain=[0, floor - 0.08],
                range=[len(names) - 0.5, -0.5],
                tickmode="array",
                tickvals=list(range(len(names))),
                ticktext=list(names.values()),
                showgrid=False,
                zeroline=False,
            ),
        ),
    }


def _curve(curve: pl.DataFrame, slug: str, label: str, colour: str) -> list[dict[str, Any]]:
    """An arm's survival in %, and its interval."""
    years = (curve["day"] / _YEAR_DAYS).round(3).to_list()
    low, middle, high = ((100 * curve[c]).round(2).to_list() for c in ("low", "survival", "high"))
    step = {"type": "scatter", "mode": "lines", "x": years, "legendgroup": slug}
    return [
        *band({**step, "line": {"shape": "hv"}}, low, high, colour),
        {
            **step,
            "y": middle,
            "line": {"width": 2.2, "shape": "hv", "color": colour},
            "name": label,
            "hovertemplate": "%{y:.1f} %",
        },
    ]


def _at_risk(curve: pl.DataFrame, days: np.ndarray, row: int) -> dict[str, Any]:
    """Numbers at risk at the beginning of each year."""
    years = range(6)
    at = [int(np.argmin(np.abs(days - round(year * _YEAR_DAYS, 2)))) for year in years]
    return {
        "type": "scatter",
        "mode": "text",
        "x": list(years),
        "y": [row] * len(years),
        "yaxis": "y2",
        "text": [str(int(curve["at_risk"][i])) for i in at],
        "textfont": {"color": plan_colour(row), "size": 11},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _interval(n: int) -> dict[str, Any]:
    """What the bands are, said once."""
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [None],
        "y": [None],
        "hoverinfo": "skip",
        "marker": {"symbol": "square", "size": 11, "color": "rgba(128,128,128,0.35)"},
        "name": f"band: {100 * _LEVEL:g} % of the Monte Carlo error of {n} lives",
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
    rows = (
        study.scan("effects")
        .filter((pl.col("plan") == plan) & (pl.col("outcome") == outcome) & pl.col("mean").is_not_null())
        .collect()
    )
    found = with_benefit(rows.join(patients.select("patient"), on="patient", how="semi")).sort("mean")
    if found.is_empty():
        return None, "This effect is unknown for these patients."
    percent = found["unit"][0] in SHARES
    scale, unit = (100.0, "points") if percent else (1.0, found["unit"][0].replace("cm3", "cm\u00b3"))
    figure = {
        "data": _bars(found, names, plan, scale, unit),
        "layout": _layout(
            bargap=0,
            xaxis=axis("patients, sorted", showticklabels=False),
            yaxis=axis(f"difference, {unit}", None, zeroline=True),
        ),
    }
    return figure, _in_words(found, names, plan, outcome, scale, unit)


def _in_words(
    found: pl.DataFrame, names: dict[str, str], plan: str, outcome: str, scale: float, unit: str
) -> str:
    values = scale * found["mean"].to_numpy()
    mean, (low, high) = float(values.mean()), np.quantile(values, (0.1, 0.9))
    counts = {word: float((found["benefit"] == word).to_numpy().mean()) for word in (BETTER, WORSE, ALIKE)}
    share = {word: f"{100 * part:.0f} %" for word, part in counts.items()}
    least = smallest_words(found["unit"][0])
    return (
        f"{readable(outcome)}, {names[plan]} \u2212 {names[found['reference'][0]]}: mean {mean:+.1f} {unit}, "
        f"80 % of patients {low:+.1f} to {high:+.1f}. Of {len(found)} patients {share[BETTER]} are better off, "
        f"{share[WORSE]} worse off, by {least} or more of their expected value; {share[ALIKE]} alike."
    ).replace("-", "\u2212")


def _bars(
    found: pl.DataFrame, names: dict[str, str], plan: str, scale: float, unit: str
) -> list[dict[str, Any]]:
    """A bar for each patient in the colour of the plan that is better, and a legend of these colours."""
    shown = found.gather_every(max(1, len(found) // _BARS))
    index = list(names).index(plan)
    colour = {BETTER: plan_colour(index), WORSE: plan_colour(0), ALIKE: GREY}
    colours = [colour[word] for word in shown["benefit"]]
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
            "marker": {"color": colour[word]},
            "name": name,
        }
        for word, name in (
            (BETTER, f"better with {names[plan]}"),
            (WORSE, f"better with {names[found['reference'][0]]}"),
            (ALIKE, f"alike: less than {smallest_words(found['unit'][0])}"),
        )
    ]
    return [bars, *legend]


def _layout(**more: Any) -> dict[str, Any]:
    return layout((66, 14, 30, 40), legend=ABOVE, **more)
