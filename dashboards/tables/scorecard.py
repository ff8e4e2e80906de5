"""The plans of a run held against published constraints, as a table."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html

from dashboards.elements import scroll_table
from dashboards.files.run_folder import RunFolder
from dashboards.tables.outcomes import plan_heads
from scenarios.report import methods
from scenarios.report.constraints import KEYS, Rung, ladder, rung_words, shown_constraints

_JUDGED = ("pass", "fail", "estimated")
_NO_TABLE = "This run was made before scorecards were part of a run; run the comparison again to have one."


def scorecard_table(run: RunFolder) -> Any:
    """Constraint, goal, and for each plan the value, whether it keeps to it, and in which share of the samples.

    Constraints that hold for none of the plans are left out.

    Args:
        run: the run.
    """
    table = run.table("scorecard")
    if table.is_empty():
        return html.P(_NO_TABLE, className="rt-note")
    volumes = {s.name: s.cm3 for s in run.twin.contours}
    table = shown_constraints(table, run.table("dvh"), run.record.plans, volumes)
    if table.is_empty():
        return html.P("No constraint set holds for the fraction sizes of these plans.", className="rt-note")
    rows = []
    for _, group in table.group_by(*KEYS, maintain_order=True):
        rungs = ladder(group)
        for _, goal in [(None, group)] if rungs else group.group_by("goal", "endpoint", maintain_order=True):
            first = goal.row(0, named=True)
            cells = [_cell(goal.filter(pl.col("plan") == plan.slug), rungs) for plan in run.record.plans]
            rows.append(html.Tr([_goal(first, rungs), *cells]))
    heads = [html.Th("Constraint and its set", scope="col"), *plan_heads(run)]
    return scroll_table(heads, rows, " ".join([_note(table), *methods.notes(run.record.plans)]))


def _note(table: pl.DataFrame) -> str:
    level, n = table["level"][0], table["n"][0]
    words = (
        f"First the dose as planned; as delivered: {100 * level:g} % predictive interval and the share that passes, "
        f"over {n} samples of set-up errors and of the dose's own error. Levels with rates are a ladder, not goals."
    )
    if table["alpha_beta_gy"].is_not_null().any():
        words += (
            " EQD2: the plan's schedule is not the goal's, so that its dose is compared in fractions of 2 Gy."
        )
    if "estimated" in table["verdict"].to_list():
        words += " \u2020 estimated: the organ was drawn by this software."
    return words


def _goal(first: dict[str, Any], rungs: tuple[Rung, ...]) -> Any:
    """A goal, or the ladder of levels that a set names, and whose it is."""
    if not rungs:
        words = [_signed(first["structure"], first["goal"]), _protects(first)]
    else:
        levels = " / ".join(f"{rung.limit:g}" for rung in rungs)
        rates = " / ".join(f"{rung.rate_percent:g}" for rung in rungs)
        name = f"{first['structure']} {first['metric']}: {levels} {first['unit']}"
        small = f"{first['set']}: {first['endpoint']}, {rates} % at these levels"
        words = [name, html.Span(small, className="rt-interval")]
    return html.Th(words, scope="row", title=first["source"])


def _cell(found: pl.DataFrame, rungs: tuple[Rung, ...] = ()) -> Any:
    if found.is_empty():
        return html.Td("not applicable", className="rt-number rt-faint")
    score = found.row(0, named=True)
    if score["verdict"] not in _JUDGED or score["value"] is None:
        words = "no such organ" if score["verdict"] == "unknown" else score["verdict"]
        return html.Td(words, className="rt-number rt-faint")
    met, mark = score["met"], "\u2020" if score["verdict"] == "estimated" else ""
    parts: list[Any] = [html.Span(f"{score['value']:.1f} {score['unit']} ", className="rt-middle")]
    if rungs:
        parts.append(html.Span(rung_words(score["value"], rungs, score["unit"]) + mark))
    else:
        sign = ("\u2713 pass" if met else "\u2717 fail") + mark
        parts.append(html.Span(sign, className="rt-met" if met else "rt-failed-goal"))
    if score["alpha_beta_gy"] is not None:
        eqd2 = f"EQD2, \u03b1/\u03b2 {score['alpha_beta_gy']:g} Gy, as planned"
        parts.append(html.Span(eqd2, className="rt-interval"))
    elif rungs:
        parts.append(
            html.Span(f"as delivered {score['low']:.1f} to {score['high']:.1f}", className="rt-interval")
        )
    elif score["share_passing"] is not None:
        share = 100 * score["share_passing"]
        bar = html.Span(className="rt-share", style={"--share": f"{share:.0f}%"}, **{"aria-hidden": "true"})  # type: ignore[arg-type]
        parts.append(
            html.Span(f"as delivered {score['low']:.1f} to {score['high']:.1f}", className="rt-interval")
        )
        parts.append(html.Span([f"passes in {share:.0f} % ", bar], className="rt-interval"))
    return html.Td(parts, className="rt-number")


def _protects(score: dict[str, Any]) -> Any:
    """Whose constraint it is and what it protects from, in small print."""
    words = [f"{score['set']}: {score['endpoint']}"]
    if score["grade"]:
        words.append(f"grade {_signed(score['grade'])}")
    if score["rate_percent"] is not None:
        words.append(f"{score['rate_percent']:g} % at the limit")
    return html.Span(", ".join(words), className="rt-interval")


def _signed(*words: str) -> str:
    return " ".join(words).replace("<=", "\u2264").replace(">=", "\u2265")
