"""`report.html`: one self-contained page of a comparison."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import polars as pl

from scenarios.records.run import PlanRecord, Run
from scenarios.records.schema import OUTCOMES, SIMULATED
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.evidence import grade_of, trial_section
from scenarios.report.figures import dvh_figure, styled, trajectory_figure
from scenarios.report.images import image_section
from scenarios.report.intervals import enough_samples, kinds_in_words
from scenarios.report.tables import moved_section, recist_section, score_section

if TYPE_CHECKING:
    import plotly.graph_objects as go

_NOTES = {
    "approximate": "Dose is approximate: computed from the prescription, not by a planning system.",
    "estimated": "Organs marked estimated were drawn by this software from the CT.",
    "unknown": "Unknown: an organ could not be found, or the clinical record lacks what the model needs.",
}


_GRADED = (
    "Credibility, after ASME V&amp;V 40: the least of how much independent evidence there is, how well it was met, and "
    "how near its patients and techniques are; from the records of calibration and validation (docs/evidence.md)."
)


def write_report(run: Run, part: Path) -> None:
    """Write the report of a comparison.

    Args:
        run: the comparison with its images.
        part: the HTML file; self-contained, opens without a network.
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
        images=image_section(run),
        contrasts=_contrast_table(run)
        + trial_section(run)
        + _decision_table(run)
        + score_section(run)
        + recist_section(run),
        notes="".join(f"<li>{escape(text)}</li>" for text in notes),
        belief=_belief_note(run) + moved_section(run),
        versions=escape(", ".join(f"{k} {v}" for k, v in record.versions.items())),
        request=escape(record.request),
    )
    part.write_text(html, encoding="utf-8")


def _html(figure: go.Figure, plotlyjs: bool = False) -> str:
    config = {
        "displaylogo": False,
        "responsive": True,
        "showSendToCloud": False,  # nothing of a patient leaves the page
        "toImageButtonOptions": {"format": "svg"},
    }
    return styled(figure).to_html(full_html=False, include_plotlyjs=plotlyjs, config=config)


def _context(plan: PlanRecord) -> str:
    if not plan.context:
        return ""
    reasons = "; ".join(plan.context)
    return (
        f'<p class="outside"><b>{escape(plan.label)} is outside the context of use:</b> {escape(reasons)}</p>'
    )


def _outcome_table(run: Run) -> str:
    plans = run.record.plans
    head = "".join(
        f'<th style="border-bottom:3px solid {plan_colour(i)}">{escape(p.label)}{" *" if p.context else ""}'
        f"<br><small>{escape(methods.head(p, plans))}</small></th>"
        for i, p in enumerate(plans)
    )
    rows = []
    for (outcome, unit), group in run.outcomes.group_by("outcome", "unit", maintain_order=True):
        cells = "".join(
            _outcome_cell(group.filter(pl.col("plan") == p.slug), unit, methods.mixed(plans)) for p in plans
        )
        grade, words = grade_of(run.credibility, str(outcome))
        graded = f'<td title="{escape(words)}">{escape(grade)}</td>'
        rows.append(f"<tr><td>{escape(OUTCOMES.get(outcome, outcome))}</td>{cells}{graded}</tr>")
    said = [*kinds_in_words(run.outcomes, run.record.level), enough_samples(run.outcomes)]
    about = "<br>".join(escape(words) for words in said if words)
    head += "<th>credibility</th>"
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table><small>{about}<br>{_GRADED}</small>"


def _outcome_cell(row: pl.DataFrame, unit: str, mixed: bool) -> str:
    if row.is_empty():
        return "<td>-</td>"
    status, note = row["status"][0], row["note"][0]
    if row["mean"][0] is None:
        return f'<td class="unknown" title="{escape(note or "")}">unknown</td>'
    scale, sign = (100.0, " %") if unit in ("probability", "fraction") else (1.0, f" {unit}")
    mark = "" if status == "ok" else f' <i title="{escape(note or status)}">{escape(status)}</i>'
    if mixed and row["dose_method"][0]:
        mark += f" <small>by {escape(row['dose_method'][0])}</small>"
    interval = _interval(row.row(0, named=True), scale)
    return f'<td title="{escape(note or "")}">{scale * row["mean"][0]:.1f}{sign} {interval}{mark}</td>'


def _interval(row: dict[str, Any], scale: float, sign: str = "") -> str:
    """An interval, or where it would be the Monte Carlo error's that error."""
    if row["kind"] == "monte-carlo":
        return "" if row["error"] is None else f"<small>± {scale * row['error']:.1f}</small>"
    low, high = (format(scale * row[c], f"{sign}.1f") for c in ("low", "high"))
    return f"<small>[{low}, {high}]</small>"


def _contrast_table(run: Run) -> str:
    if run.contrasts.is_empty():
        return ""
    labels = {p.slug: p.label for p in run.record.plans}
    rows = []
    for row in run.contrasts.iter_rows(named=True):
        scale, unit = (100.0, "points") if row["unit"] in ("probability", "fraction") else (1.0, row["unit"])
        rows.append(
            f"<tr><td>{escape(OUTCOMES.get(row['outcome'], row['outcome']))}</td>"
            f"<td>{escape(labels[row['plan']])} - {escape(labels[row['reference']])}</td>"
            f"<td>{scale * row['mean']:+.1f} {unit} {_interval(row, scale, '+')}"
            f"<small>{escape(methods.difference(row['dose_method']))}</small></td></tr>"
        )
    return (
        "<h2>Differences, patient by patient</h2><p>Paired: both plans meet the same tumour in each sample.</p>"
        f"<table><tr><th>outcome</th><th>plans</th><th>difference</th></tr>{''.join(rows)}</table>"
    )


def _decision_table(run: Run) -> str:
    """What the policies decided, over all samples; every single decision is in decisions.parquet."""
    changes = run.decisions.filter(pl.col("decision") != "continue")
    if run.decisions.is_empty():
        return ""
    labels = {p.slug: methods.label(p, run.record.plans) for p in run.record.plans}
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


def _belief_note(run: Run) -> str:
    """Each parameter's belief; after observations also what it was before, and what they did not inform."""
    if run.learned.is_empty():
        cells = []
        for name in (c for c in run.samples.columns if c != "sample"):
            low, middle, high = (run.samples[name].quantile(q, "linear") or 0.0 for q in (0.1, 0.5, 0.9))
            cells.append(f"<tr><td>{escape(name)}</td><td>{_range(middle, low, high)}</td></tr>")
        return f"<table><tr><th>parameter</th><th>prior, median [80 %]</th></tr>{''.join(cells)}</table>"
    rows = "".join(
        f"<tr><td>{escape(r['parameter'])}</td>"
        f"<td>{_range(r['prior_median'], r['prior_low'], r['prior_high'])}</td>"
        f"<td>{_range(r['median'], r['low'], r['high'])}</td>"
        f"<td>{r['ratio']:.2f}{'' if r['informed'] else ' <i>not informed by these scans</i>'}</td></tr>"
        for r in run.learned.iter_rows(named=True)
    )
    heads = ("parameter", "prior, median [80 %]", "posterior", "spread, posterior / prior")
    return f"<table><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"


def _range(middle: float, low: float, high: float) -> str:
    return f"{middle:.4g} <small>[{low:.4g}, {high:.4g}]</small>"
