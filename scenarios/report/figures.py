"""Figures of a run: tumour volumes over time, dose-volume histograms, outcomes and failures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scenarios.records.run import Run
from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report import methods
from scenarios.report.colours import faint, plan_colour

if TYPE_CHECKING:
    import plotly.graph_objects as go


def trajectory_figure(run: Run) -> go.Figure:
    """Median tumour volume and its band for each plan, in cm3 over days."""
    import plotly.graph_objects as go

    figure = go.Figure()
    name = f"{100 * run.record.level:g} % predictive interval"
    for i, plan in enumerate(run.record.plans):
        band = run.bands.filter(pl.col("plan") == plan.slug)
        colour, day = plan_colour(i), band["day"].to_list()
        figure.add_scatter(
            x=day + day[::-1],
            y=band["high"].to_list() + band["low"].to_list()[::-1],
            fill="toself",
            fillcolor=faint(colour),
            line={"width": 0},
            hoverinfo="skip",
            name=f"{plan.label}, {name}",
            legendgroup=plan.slug,
        )
        figure.add_scatter(
            x=day, y=band["median"].to_list(), line={"color": colour, "width": 2.5},
            name=f"{plan.label}, median", legendgroup=plan.slug,
        )  # fmt: skip
        figure.add_scatter(
            x=[plan.end_days], y=[float(np.interp(plan.end_days, day, band["median"]))], mode="markers",
            marker={"color": colour, "symbol": "diamond", "size": 9}, name=f"{plan.label}, end of treatment",
            legendgroup=plan.slug, showlegend=False,
        )  # fmt: skip
    for plan in run.record.plans[:1]:  # before treatment differs, the prior's forecast is one curve
        before = run.prior_bands.filter(pl.col("plan") == plan.slug)
        for column, dash in (("low", "dot"), ("median", "dash"), ("high", "dot")):
            if before.is_empty():
                break
            figure.add_scatter(
                x=before["day"].to_list(), y=before[column].to_list(), mode="lines",
                line={"color": "#777", "width": 1.2, "dash": dash}, legendgroup="prior",
                name=f"{plan.label}, before the observations ({column})", showlegend=column == "median",
            )  # fmt: skip
    seen = [o for o in run.twin.observations if o.kind == "gtv_cm3"]
    for belief, dash in (("posterior", "dashdot"), ("prior", "longdash")):
        rows = run.drawn_bands.filter(
            (pl.col("belief") == belief) & (pl.col("plan") == run.record.plans[0].slug)
        )
        for column in ("low", "high") if len(rows) else ():
            figure.add_scatter(
                x=rows["day"].to_list(), y=rows[column].to_list(), mode="lines",
                line={"color": "#b06a00", "width": 1, "dash": dash}, legendgroup=f"drawn {belief}",
                name=f"{run.record.plans[0].label}, as drawn: {belief} with contour error, {run.record.level:.0%}",
                showlegend=column == "low", visible=True if seen and belief == "posterior" else "legendonly",
            )  # fmt: skip
    if seen:
        figure.add_scatter(
            x=[o.time_days for o in seen], y=[o.value for o in seen], mode="markers", name="observed",
            marker={"color": "black", "symbol": "circle-open", "size": 10},
        )  # fmt: skip
    figure.update_layout(xaxis_title="days from day 0", yaxis_title="tumour volume, cm3 (simulated)")
    figure.update_yaxes(rangemode="tozero")
    return figure


def outcome_figure(run: Run) -> go.Figure:
    """Probabilities of each plan with their intervals, or where there is none their Monte Carlo error."""
    import plotly.graph_objects as go

    figure = go.Figure()
    shown = run.outcomes.filter((pl.col("unit") == "probability") & pl.col("mean").is_not_null())
    names = shown["outcome"].unique(maintain_order=True).to_list()
    step = 0.8 / max(1, len(run.record.plans))
    for i, plan in enumerate(run.record.plans):
        rows = shown.filter(pl.col("plan") == plan.slug)
        few = pl.col("kind") == "monte-carlo"
        low = pl.when(few).then(pl.col("mean") - pl.col("error").fill_null(0.0)).otherwise(pl.col("low"))
        high = pl.when(few).then(pl.col("mean") + pl.col("error").fill_null(0.0)).otherwise(pl.col("high"))
        ends = rows.select(
            "mean", below=(pl.col("mean") - low).clip(0), above=(high - pl.col("mean")).clip(0)
        )
        places = [names.index(name) + (i + 0.5) * step - 0.4 for name in rows["outcome"]]
        figure.add_scatter(
            x=(100 * ends["mean"]).to_list(), y=places, mode="markers", name=plan.label,
            marker={"color": plan_colour(i), "size": 8},
            error_x={"array": (100 * ends["above"]).to_list(), "arrayminus": (100 * ends["below"]).to_list()},
        )  # fmt: skip
    figure.update_layout(xaxis_title="probability, %")
    words = [OUTCOMES.get(name, name) for name in names]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=words, autorange="reversed")
    return figure


def failure_figure(run: Run) -> go.Figure:
    """Cumulative incidence of failure in each place before death, over days from day 0: shares of samples."""
    import plotly.graph_objects as go

    figure = go.Figure()
    dashes = ("solid", "dash", "dot", "dashdot")
    for i, plan in enumerate(run.record.plans):
        mine = run.failures.filter(pl.col("plan") == plan.slug)
        for kind, dash in zip(run.failures["kind"].unique(maintain_order=True), dashes, strict=False):
            days = np.sort(mine.filter(pl.col("kind") == kind)["day"].drop_nulls().to_numpy())
            share = 100 * np.arange(len(days) + 1) / run.record.samples
            figure.add_scatter(
                x=[0.0, *days.tolist()], y=share.tolist(), mode="lines", name=f"{plan.label}, {kind}",
                line={"shape": "hv", "color": plan_colour(i), "dash": dash},
            )  # fmt: skip
    figure.update_layout(xaxis_title="days from day 0", yaxis_title="failed, % of samples")
    return figure


def styled(figure: go.Figure) -> go.Figure:
    """The figure in the report's style, marked as simulated.

    Args:
        figure: any; it is changed.
    """
    figure.update_layout(
        template="plotly_white", height=440, margin={"l": 60, "r": 20, "t": 20, "b": 50},
        font={"family": "system-ui, sans-serif", "size": 13}, hovermode="x unified",
    )  # fmt: skip
    figure.add_annotation(
        text=SIMULATED,
        xref="paper",
        yref="paper",
        x=0.5,
        y=1.0,
        showarrow=False,
        font={"color": "#a33", "size": 11},
    )
    return figure


def dvh_figure(run: Run) -> go.Figure:
    """Cumulative DVH of the targets and organs: a colour for each plan, a dash for each structure."""
    import plotly.graph_objects as go

    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    figure = go.Figure()
    every = run.record.plans
    plans = {p.slug: (i, methods.label(p, every)) for i, p in enumerate(every)}
    shown = run.dvh["structure"].unique(maintain_order=True).to_list()
    for (slug, structure), curve in run.dvh.group_by("plan", "structure", maintain_order=True):
        i, label = plans[slug]
        estimated = " (estimated)" if curve["estimated"][0] else ""
        figure.add_scatter(
            x=curve["dose_gy"].to_list(), y=(100 * curve["volume_fraction"]).to_list(),
            line={"color": plan_colour(i), "dash": dashes[shown.index(structure) % len(dashes)]},
            name=f"{label} {structure}{estimated}",
            visible=True if structure.startswith(("GTV", "Lung", "Heart", "PTV")) else "legendonly",
        )  # fmt: skip
    figure.update_layout(xaxis_title="planned dose, Gy", yaxis_title="volume, %")
    return figure
