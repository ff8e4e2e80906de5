"""Forest plot of a study: the mean effect in each subgroup of its patients."""

from __future__ import annotations

from typing import Any

import polars as pl

from dashboards.figures.style import ABOVE, GREY, SHARES, axis, layout
from dashboards.names import readable
from scenarios.report.colours import plan_colour
from scenarios.study.parts import Study

_NAMES = {"age": "age, years", "gtv": "tumour, cm\u00b3", "ecog": "ECOG"}


def forest_figure(
    study: Study, names: dict[str, str], plan: str | None, outcome: str | None
) -> dict[str, Any] | None:
    """Mean difference to the reference plan, of all patients and in each subgroup, with its interval.

    Args:
        study: the study.
        names: slug -> label of its plans.
        plan: slug of the plan that is set against the first.
        outcome: which effect.

    Returns:
        A plotly figure as a dict, or None where nothing is known of this effect.
    """
    mine = (pl.col("plan") == plan) & (pl.col("outcome") == outcome)
    rows, whole = study.benefit.filter(mine), study.contrasts.filter(mine & pl.col("mean").is_not_null())
    if rows.is_empty() or whole.is_empty():
        return None
    unit = whole["unit"][0]
    scale, shown = (100.0, "points") if unit in SHARES else (1.0, unit.replace("cm3", "cm\u00b3"))
    labels = [
        f"{_NAMES.get(c, c)}: {group} ({n})" for c, group, n in rows.select("covariate", "group", "n").rows()
    ]
    level = 100 * rows["level"][0]
    mean = scale * whole["mean"][0]
    title = f"{readable(str(outcome))}, {names[str(plan)]} \u2212 {names[whole['reference'][0]]}, {shown}"
    points = {
        "type": "scatter", "mode": "markers", "x": (scale * rows["mean"]).round(3).to_list(), "y": labels,
        "error_x": {
            "type": "data", "symmetric": False, "thickness": 1.4, "width": 3,
            "array": (scale * (rows["high"] - rows["mean"])).round(3).to_list(),
            "arrayminus": (scale * (rows["mean"] - rows["low"])).round(3).to_list(),
        },
        "customdata": rows.select((pl.col("low", "high") * scale).round(2)).rows(),
        "marker": {"color": plan_colour(list(names).index(str(plan))), "size": 8, "symbol": "square"},
        "name": f"mean, {level:g} % interval of the mean by the spread of its patients",
        "hovertemplate": "%{x:+.2f} (%{customdata[0]:+.2f} to %{customdata[1]:+.2f})<extra></extra>",
    }  # fmt: skip
    everyone = f"all {whole['n'][0]} patients: {mean:+.1f}".replace("-", "\u2212")
    everybody = {
        "type": "scatter", "mode": "lines", "x": [mean, mean], "y": [labels[0], labels[-1]], "hoverinfo": "skip",
        "line": {"color": GREY, "dash": "dot", "width": 1.5}, "name": everyone,
    }  # fmt: skip
    return {
        "data": [points, everybody],
        "layout": layout(
            (180, 14, 44, 40),
            legend=ABOVE,
            xaxis=axis(title, zeroline=True),
            yaxis={"autorange": "reversed", "tickfont": {"size": 10}, "dtick": 1},
        ),
    }
