"""Outcomes and their differences as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import html

from dashboards.elements import interval_cell, named, scroll_table
from dashboards.figures.style import SHARES
from dashboards.files.run_folder import RunFolder
from dashboards.names import readable
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.evidence import HEADS, found_by_trials, grade_of
from scenarios.report.intervals import enough_samples, kinds_in_words

_MARKS = {"approximate": "\u2248", "estimated": "\u2020", "unknown": "?"}
_LEGEND = {
    "approximate": "\u2248 approximate: from a dose that this software computed, not a planning system",
    "estimated": "\u2020 estimated: the organ was drawn by this software, not by a person",
}


_GRADED = "Credibility: on hover, what was fitted, what was tested, and how it did."


def outcome_table(run: RunFolder) -> Any:
    """All outcomes, a column for each plan; plans outside their context of use are marked in their heads.

    Args:
        run: the run.
    """
    frame, graded = run.table("outcomes"), run.table("credibility")
    mixed = methods.mixed(run.record.plans)
    rows = []
    for (outcome, unit), group in frame.group_by("outcome", "unit", maintain_order=True):
        cells = [
            value_cell(group.filter(pl.col("plan") == plan.slug), str(unit), mixed)
            for plan in run.record.plans
        ]
        grade, words = grade_of(graded, str(outcome))
        cells.append(html.Td(grade, title=words))
        rows.append(html.Tr([row_head(str(outcome), str(unit)), *cells]))
    used = [f"{text}." for status, text in _LEGEND.items() if status in frame["status"].to_list()]
    note = [*kinds_in_words(frame, run.record.level), enough_samples(frame), *used]
    note += methods.notes(run.record.plans)
    heads = [html.Th("Outcome", scope="col"), *plan_heads(run), html.Th("Credibility", scope="col")]
    return scroll_table(heads, rows, " ".join(filter(None, [*note, _GRADED])))


def trial_table(run: RunFolder) -> Any:
    """What trials with the run's schedules found.

    Args:
        run: the run.
    """
    labels = {plan.slug: plan.label for plan in run.record.plans}
    looks = ["rt-number" if head in ("found", "n") else "" for head in HEADS]
    heads = [
        html.Th(h[0].upper() + h[1:], scope="col", className=c) for h, c in zip(HEADS, looks, strict=True)
    ]
    rows = [
        html.Tr([html.Td(cell, className=c) for cell, c in zip(row, looks, strict=True)])
        for row in found_by_trials(run.table("trials"), labels)
    ]
    note = "Arms with the same doses and patients of like stage, with the printed 95 % interval. Used to: fit or test."
    return scroll_table(heads, rows, note)


def contrast_table(run: RunFolder) -> Any:
    """Paired differences to the reference plan under common random numbers.

    Args:
        run: the run.
    """
    frame = run.table("contrasts")
    labels = {plan.slug: plan.label for plan in run.record.plans}
    pairs = frame.select("plan", "reference").unique(maintain_order=True).rows()
    heads = [
        html.Th(f"{labels.get(a, a)} \u2212 {labels.get(b, b)}", scope="col", className="rt-number")
        for a, b in pairs
    ]
    rows = []
    for (outcome, unit), group in frame.group_by("outcome", "unit", maintain_order=True):
        cells = [
            _difference(group.filter((pl.col("plan") == a) & (pl.col("reference") == b)), str(unit))
            for a, b in pairs
        ]
        rows.append(html.Tr([row_head(str(outcome), str(unit), "points"), *cells]))
    paired = (
        "Paired: in each sample both plans meet the same tumour, so that a difference is the plan's alone."
    )
    note = " ".join([paired, *kinds_in_words(frame, run.record.level)])
    return scroll_table([html.Th("Difference", scope="col"), *heads], rows, note)


def plan_heads(run: RunFolder) -> list[Any]:
    """A head for each plan's column, marked where it lies outside its context of use.

    Args:
        run: the run.
    """
    heads = []
    for i, plan in enumerate(run.record.plans):
        label: list[Any] = [
            html.Span(className="rt-swatch", style={"background": plan_colour(i)}),
            plan.label,
        ]
        if words := methods.head(plan, run.record.plans):
            label.append(html.Span(words, className="rt-interval"))
        if plan.context:
            label.append(context_mark(plan.context))
        heads.append(html.Th(label, scope="col", className="rt-number"))
    return heads


def context_mark(reasons: tuple[str, ...]) -> Any:
    """The mark of a plan outside its context of use, with the reasons on hover and for screen readers.

    Args:
        reasons: why it lies outside, each a sentence part.
    """
    text = "Outside the context of use: " + "; ".join(reasons)
    return dmc.Tooltip(
        html.Span("\u26a0 outside", className="rt-outside", tabIndex=0, **named(text)),
        label=text,
        multiline=True,
        w=320,
        withArrow=True,
    )


def value_cell(row: pl.DataFrame, unit: str, mixed: bool = False) -> Any:
    """An outcome's value with its interval and its marks.

    Args:
        row: the outcome's row of the table `outcomes`, or none.
        unit: its unit.
        mixed: plans differ in the method of their doses, which is said under the interval.
    """
    if row.is_empty():
        return html.Td("not applicable", className="rt-number rt-faint")
    status, note = row["status"][0], row["note"][0] or ""
    if row["mean"][0] is None:
        return html.Td("unknown", className="rt-number rt-faint", title=note)
    scale = 100.0 if unit in SHARES else 1.0
    middle, *ends = (scale * row[c][0] for c in ("mean", "low", "high"))
    digits = _digits(max(abs(middle), abs(ends[1])))
    mark = f"\u202f{_MARKS[status]}" if status in _MARKS else ""
    under = interval_words(row.row(0, named=True), scale, digits)
    if mixed and row["dose_method"][0]:
        under += f"\n{row['dose_method'][0]}"
    return interval_cell(f"{middle:.{digits}f}{mark}", under, note)


def interval_words(row: Mapping[str, Any], scale: float, digits: int, sign: str = "") -> str:
    """What stands under a value: its interval, or in the place of a Monte Carlo one that error.

    Args:
        row: of `outcomes` or `contrasts`.
        scale: of the numbers.
        digits: of them after the point.
        sign: "+" where positive ones have one.
    """
    if row["kind"] == "monte-carlo":
        return "" if row["error"] is None else f"\u00b1 {scale * row['error']:.{digits}f}"
    ends = (format(round(scale * row[c], digits) + 0.0, f"{sign}.{digits}f") for c in ("low", "high"))
    return " to ".join(ends).replace("-", "\u2212")


def _difference(row: pl.DataFrame, unit: str) -> Any:
    if row.is_empty() or row["mean"][0] is None:
        return html.Td("unknown", className="rt-number rt-faint")
    scale = 100.0 if unit in SHARES else 1.0
    middle, low, high = (scale * row[c][0] for c in ("mean", "low", "high"))
    digits = _digits(max(abs(low), abs(high)))
    shown = f"{round(middle, digits) + 0.0:+.{digits}f}".replace("-", "\u2212")
    under = interval_words(row.row(0, named=True), scale, digits, "+")
    return interval_cell(shown, under + methods.difference(row["dose_method"][0]))


def row_head(outcome: str, unit: str, shares: str = "%") -> Any:
    """The head of an outcome's row: its name and its unit.

    Args:
        outcome: its name in the tables.
        unit: its unit.
        shares: how probabilities and fractions are counted.
    """
    shown = shares if unit in SHARES else unit.replace("cm3", "cm\u00b3")
    return html.Th([readable(outcome), html.Span(shown, className="rt-unit")], scope="row")


def _digits(largest: float) -> int:
    return 0 if largest >= 1000 else 1 if largest >= 1 else 2
