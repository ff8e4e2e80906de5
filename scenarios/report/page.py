"""`report.html`: one self-contained page of a comparison."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report.colours import faint, plan_colour
from scenarios.report.picture import slice_png
from scenarios.report.tables import moved_section, recist_section, score_section

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from scenarios.records.run import Comparison, PlanRecord

_TODAY, _DAY_0 = (255, 60, 60), (64, 200, 255)
_MARGIN_MM = 45.0
_NOTES = {
    "approximate": "Dose is approximate: computed from the prescription, not by a planning system.",
    "estimated": "Organs marked estimated were drawn by this software from the CT.",
    "unknown": "Unknown: an organ could not be found, or the clinical record lacks what the model needs.",
}


def write_report(run: Comparison, path: Path) -> None:
    """Write the report of a comparison.

    Args:
        run: the comparison with its images.
        path: the HTML file; self-contained, opens without a network.
    """
    record = run.record
    template = Template((files("scenarios.report") / "assets" / "report.html").read_text(encoding="utf-8"))
    used = set(run.outcomes["status"].drop_nulls().to_list())
    notes = [text for status, text in _NOTES.items() if status in used] + list(record.notes)
    who = "in-silico patient" if record.patient.in_silico else "patient"
    html = template.substitute(
        simulated=escape(SIMULATED),
        title=escape(f"{record.patient.id}: {', '.join(p.label for p in record.plans)}"),
        subtitle=escape(
            f"{who} {record.patient.id}, GTV {record.patient.gtv_cm3:.1f} cm3 on day 0; {record.samples} samples "
            f"of the {record.belief}, seed {record.seed}, {record.days:g} days"
        ),
        context="".join(_context(p) for p in record.plans),
        table=_outcome_table(run),
        trajectories=_html(trajectory_figure(run), plotlyjs=True),
        dvh=_html(dvh_figure(run)) if len(run.dvh) else "",
        images=_image_section(run),
        contrasts=_contrast_table(run) + _decision_table(run) + score_section(run) + recist_section(run),
        notes="".join(f"<li>{escape(text)}</li>" for text in notes),
        belief=_belief_note(run) + moved_section(run),
        versions=escape(", ".join(f"{k} {v}" for k, v in record.versions.items())),
        request=escape(record.request),
    )
    path.write_text(html, encoding="utf-8")


def trajectory_figure(run: Comparison) -> go.Figure:
    """Median tumour volume and its band for each plan, in cm3 over days."""
    import plotly.graph_objects as go

    figure = go.Figure()
    name = f"{run.record.level:.0%} interval, n = {run.record.samples}"
    for i, plan in enumerate(run.record.plans):
        band = run.bands.filter(pl.col("plan") == plan.slug)
        colour, day = plan_colour(i), band["day"].to_list()
        figure.add_scatter(
            x=day + day[::-1],
            y=band["upper"].to_list() + band["lower"].to_list()[::-1],
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
        for column, dash in (("lower", "dot"), ("median", "dash"), ("upper", "dot")):
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
        for column in ("lower", "upper") if len(rows) else ():
            figure.add_scatter(
                x=rows["day"].to_list(), y=rows[column].to_list(), mode="lines",
                line={"color": "#b06a00", "width": 1, "dash": dash}, legendgroup=f"drawn {belief}",
                name=f"{run.record.plans[0].label}, as drawn: {belief} with contour error, {run.record.level:.0%}",
                showlegend=column == "lower", visible=True if seen and belief == "posterior" else "legendonly",
            )  # fmt: skip
    if seen:
        figure.add_scatter(
            x=[o.time_days for o in seen], y=[o.value for o in seen], mode="markers", name="observed",
            marker={"color": "black", "symbol": "circle-open", "size": 10},
        )  # fmt: skip
    figure.update_layout(xaxis_title="days from day 0", yaxis_title="tumour volume, cm3 (simulated)")
    figure.update_yaxes(rangemode="tozero")
    return figure


def dvh_figure(run: Comparison) -> go.Figure:
    """Cumulative DVH of the targets and organs: a colour for each plan, a dash for each structure."""
    import plotly.graph_objects as go

    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    figure = go.Figure()
    plans = {p.slug: (i, p.label) for i, p in enumerate(run.record.plans)}
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
    figure.update_layout(xaxis_title="dose, Gy (approximate)", yaxis_title="volume, %")
    return figure


def _html(figure: go.Figure, plotlyjs: bool = False) -> str:
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
    config = {
        "displaylogo": False,
        "responsive": True,
        "showSendToCloud": False,  # nothing of a patient leaves the page
        "toImageButtonOptions": {"format": "svg"},
    }
    return figure.to_html(full_html=False, include_plotlyjs=plotlyjs, config=config)


def _context(plan: PlanRecord) -> str:
    if not plan.context:
        return ""
    reasons = "; ".join(plan.context)
    return (
        f'<p class="outside"><b>{escape(plan.label)} is outside the context of use:</b> {escape(reasons)}</p>'
    )


def _outcome_table(run: Comparison) -> str:
    plans = run.record.plans
    head = "".join(
        f'<th style="border-bottom:3px solid {plan_colour(i)}">{escape(p.label)}{" *" if p.context else ""}</th>'
        for i, p in enumerate(plans)
    )
    rows = []
    for (outcome, unit), group in run.outcomes.group_by("outcome", "unit", maintain_order=True):
        cells = "".join(_outcome_cell(group.filter(pl.col("plan") == p.slug), unit) for p in plans)
        rows.append(f"<tr><td>{escape(OUTCOMES.get(outcome, outcome))}</td>{cells}</tr>")
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


def _outcome_cell(row: pl.DataFrame, unit: str) -> str:
    if row.is_empty():
        return "<td>-</td>"
    status, note = row["status"][0], row["note"][0]
    if row["mean"][0] is None:
        return f'<td class="unknown" title="{escape(note or "")}">unknown</td>'
    scale, sign = (100.0, " %") if unit in ("probability", "fraction") else (1.0, f" {unit}")
    middle, low, high = (scale * row[c][0] for c in ("mean", "low", "high"))
    mark = "" if status == "ok" else f' <i title="{escape(note or status)}">{escape(status)}</i>'
    return f"<td>{middle:.1f}{sign} <small>[{low:.1f}, {high:.1f}]</small>{mark}</td>"


def _contrast_table(run: Comparison) -> str:
    if run.contrasts.is_empty():
        return ""
    labels = {p.slug: p.label for p in run.record.plans}
    rows = []
    for row in run.contrasts.iter_rows(named=True):
        scale, unit = (100.0, "points") if row["unit"] in ("probability", "fraction") else (1.0, row["unit"])
        middle, low, high = (scale * row[c] for c in ("mean", "low", "high"))
        rows.append(
            f"<tr><td>{escape(OUTCOMES.get(row['outcome'], row['outcome']))}</td>"
            f"<td>{escape(labels[row['plan']])} - {escape(labels[row['reference']])}</td>"
            f"<td>{middle:+.1f} {unit} <small>[{low:+.1f}, {high:+.1f}]</small></td></tr>"
        )
    return (
        "<h2>Differences, patient by patient</h2><p>Paired: both plans meet the same tumour in each sample.</p>"
        f"<table><tr><th>outcome</th><th>plans</th><th>difference</th></tr>{''.join(rows)}</table>"
    )


def _decision_table(run: Comparison) -> str:
    """What the policies decided, over all samples; every single decision is in decisions.parquet."""
    changes = run.decisions.filter(pl.col("decision") != "continue")
    if run.decisions.is_empty():
        return ""
    labels = {p.slug: p.label for p in run.record.plans}
    asked = run.decisions.group_by("plan").len("asked")
    taken = changes.group_by("plan", "decision", maintain_order=True).agg(
        pl.len().alias("times"),
        pl.col("sample").n_unique().alias("samples"),
        pl.col("approved").sum().alias("approved"),
        pl.col("day").median().alias("day"),
        (pl.col("final_mean_lung_gy") - pl.col("forecast_mean_lung_gy")).median().alias("lung"),
    )
    rows = "".join(
        f"<tr><td>{escape(labels[r['plan']])}</td><td>{escape(r['decision'])}</td><td>{r['times']} of {r['asked']}</td>"
        f"<td>{r['samples']} of {run.record.samples}</td><td>{r['approved']}</td><td>{r['day']:.0f}</td>"
        f"<td>{r['lung']:+.2f} Gy</td></tr>"
        for r in taken.join(asked, on="plan", maintain_order="left").iter_rows(named=True)
    )
    heads = (
        "plan",
        "decision",
        "times asked",
        "samples",
        "approved",
        "median day",
        "mean lung dose, after - forecast",
    )
    head = "".join(f"<th>{h}</th>" for h in heads)
    return f"<h2>Decisions of the policies</h2><table><tr>{head}</tr>{rows}</table>"


def _belief_note(run: Comparison) -> str:
    """Each parameter's belief; after observations also what it was before, and what they did not inform."""
    if run.learned.is_empty():
        cells = []
        for name in (c for c in run.samples.columns if c != "sample"):
            low, middle, high = (run.samples[name].quantile(q, "linear") or 0.0 for q in (0.1, 0.5, 0.9))
            cells.append(f"<tr><td>{escape(name)}</td><td>{_range(middle, low, high)}</td></tr>")
        return f"<table><tr><th>parameter</th><th>prior, median [80 %]</th></tr>{''.join(cells)}</table>"
    rows = "".join(
        f"<tr><td>{escape(r['parameter'])}</td>"
        f"<td>{_range(r['prior_median'], r['prior_lower'], r['prior_upper'])}</td>"
        f"<td>{_range(r['median'], r['lower'], r['upper'])}</td>"
        f"<td>{r['ratio']:.2f}{'' if r['informed'] else ' <i>not informed by these scans</i>'}</td></tr>"
        for r in run.learned.iter_rows(named=True)
    )
    heads = ("parameter", "prior, median [80 %]", "posterior", "spread, posterior / prior")
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"


def _range(middle: float, low: float, high: float) -> str:
    return f"{middle:.4g} <small>[{low:.4g}, {high:.4g}]</small>"


def _image_section(run: Comparison) -> str:
    """A row of pictures for each plan through the tumour's centre; the slider moves them through time together."""
    record = run.record
    days = sorted({i.day for i in record.images if i.kind == "ct" and i.sample == 0})
    if not days:
        return ""
    panels = []
    for i, plan in enumerate(record.plans):
        mine = [x.day for x in record.images if x.kind == "ct" and x.sample == 0 and x.plan == plan.slug]
        pictures = [_baseline_picture(run)]
        for day in days:
            nearest = max((d for d in mine if d <= day), default=None)
            if nearest is not None:
                pictures.append(_followup_picture(run, plan, nearest) if nearest == day else pictures[-1])
            else:
                pictures.append(pictures[0])
        stack = "".join(
            f'<img src="{p}" alt="{escape(plan.label)}" data-step="{k}"{"" if k == 0 else " hidden"}>'
            for k, p in enumerate(pictures)
        )
        mark = " *" if plan.context else ""
        panels.append(
            f'<figure><figcaption style="border-color:{plan_colour(i)}">{escape(plan.label)}{mark}'
            f"</figcaption>{stack}</figure>"
        )
    makers = sorted({i.generator for i in record.images if i.kind == "ct"})
    labels = ",".join(["0 (acquired)", *(f"{d:.0f}" for d in days)])
    return (
        "<h2>Follow-up CT, sample 0</h2><p>Axial slice through the tumour, lung window 1500/-600. "
        f"Red: tumour that day; blue: tumour on day 0. Generator: {escape(', '.join(makers))}.</p>"
        f'<label>day <output id="day">0 (acquired)</output> <input id="time" type="range" min="0" max="{len(days)}" '
        f'value="0" data-days="{escape(labels)}"></label><div class="viewers">{"".join(panels)}</div>'
    )


def _view(run: Comparison) -> tuple[int, slice, slice]:
    """Axial index through the tumour's centre, and the rows and columns around it."""
    contours = run.twin.contours
    mask = contours.gtv()
    z, y, x = (round(c) for c in np.argwhere(mask).mean(axis=0).tolist())
    _, dy, dx = contours.geometry.spacing_mm
    half = np.sqrt(mask.any(axis=0).sum() * dy * dx / np.pi) + _MARGIN_MM
    rows = slice(max(0, y - int(half / dy)), y + int(half / dy))
    columns = slice(max(0, x - int(half / dx)), x + int(half / dx))
    return z, rows, columns


def _baseline_picture(run: Comparison) -> str:
    z, rows, columns = _view(run)
    gtv = run.twin.contours.gtv()[z, rows, columns]
    hu = run.twin.baseline.volume.array[z, rows, columns]
    words = "simulated patient, day 0" if run.twin.in_silico else "acquired, day 0"
    return slice_png(hu, [(gtv, _DAY_0)], aspect=_aspect(run), words=words)


def _followup_picture(run: Comparison, plan: PlanRecord, day: float) -> str:
    z, rows, columns = _view(run)
    contours = run.twin.contours
    scan, gtv = run.image(plan.slug, day, "ct"), run.image(plan.slug, day, "gtv")
    assert scan is not None and gtv is not None
    hu = run.twin.baseline.volume.array[z].copy()
    mask = np.zeros(hu.shape, dtype=bool)
    box = contours.geometry.box_of(scan.geometry)
    if box[0].start <= z < box[0].stop:
        hu[box[1], box[2]] = scan.array[z - box[0].start]
        mask[box[1], box[2]] = gtv.array[z - box[0].start] > 0
    outlines = [(contours.gtv()[z, rows, columns], _DAY_0), (mask[rows, columns], _TODAY)]
    maker = next(
        i.generator
        for i in run.record.images
        if (i.plan, i.kind, i.sample) == (plan.slug, "ct", 0) and abs(i.day - day) < 1e-6
    )
    words = f"SIMULATED, day {day:.0f}, {maker}"
    return slice_png(hu[rows, columns], outlines, aspect=_aspect(run), words=words)


def _aspect(run: Comparison) -> float:
    _, dy, dx = run.twin.contours.geometry.spacing_mm
    return dy / dx
