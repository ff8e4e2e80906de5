"""The plans of a run held against published constraints, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from dashboards.parts import scroll_table
from dashboards.tables import plan_heads

if TYPE_CHECKING:
    from dashboards.subject import RunFolder
    from simulators.scorecard import Score

_SIGNS = {"pass": "\u2713", "fail": "\u2717", "estimated": "\u2020", "not applicable": "", "unknown": "?"}


def scores_of(run: RunFolder) -> dict[str, list[Score] | None]:
    """Slug -> the scores of a plan's whole course as simulated; None where the run ends before the course does.

    Args:
        run: the run.
    """
    from simulators.scorecard import scorecard

    found: dict[str, list[Score] | None] = {}
    for plan in run.record.plans:
        dosed = [
            f for f in run.frames if f.plan == plan.slug and "dose" in f.files and f.day >= plan.end_days
        ]
        if not dosed or plan.fractions == 0:
            found[plan.slug] = None
            continue
        dose = run.read(dosed[-1].files["dose"], "DOSE", "Gy")
        found[plan.slug] = scorecard(
            dose, run.twin.contours, prescription_gy=plan.total_gy, fractions=plan.fractions, approximate=True
        )
    return found


def scorecard_table(run: RunFolder) -> Any:
    """Constraint, goal, and for each plan the value and whether it keeps to it.

    Constraints that hold for none of the plans are left out.
    """
    scores = scores_of(run)
    lists = [found for found in scores.values() if found]
    if not lists:
        return html.P(
            "No course ends within the days of this run, so that no dose can be judged.", className="rt-note"
        )
    rows = []
    for n, first in enumerate(lists[0]):
        if all(found[n].verdict == "not applicable" for found in lists):
            continue
        cells = [
            _cell(found[n]) if found else html.Td("not finished", className="rt-number rt-faint")
            for found in scores.values()
        ]
        head = html.Th(
            [_signed(first.constraint.structure, first.constraint.goal), _protects(first)], scope="row"
        )
        rows.append(html.Tr([head, html.Td(first.set_name), *cells]))
    if not rows:
        return html.P("No constraint set holds for the fraction sizes of these plans.", className="rt-note")
    note = (
        "Of the dose accumulated over the whole course of sample 0; approximate: not from a planning system. "
        "\u2020 estimated: the organ was drawn by this software; ? unknown: there is no such organ."
    )
    heads = [html.Th("Constraint", scope="col"), html.Th("Set", scope="col"), *plan_heads(run)]
    return scroll_table(heads, rows, note)


def _cell(score: Score) -> Any:
    if score.value is None:
        return html.Td([_SIGNS[score.verdict], score.verdict], className="rt-number rt-faint")
    sign = _SIGNS["pass" if score.met else "fail"]
    words = "pass" if score.met else "fail"
    mark = "\u2020" if score.verdict == "estimated" else ""
    return html.Td(
        [
            html.Span(f"{score.value:.1f} {score.unit} ", className="rt-middle"),
            html.Span(
                f"{sign} {words}{mark}",
                className="rt-interval" if score.met else "rt-interval rt-failed-goal",
            ),
        ],
        className="rt-number",
    )


def _protects(score: Score) -> Any:
    """What a constraint protects from, in small print; its citation on hover."""
    c = score.constraint
    words = [c.endpoint]
    if c.grade:
        words.append(f"grade {_signed(c.grade)}")
    if c.rate_percent is not None:
        words.append(f"{c.rate_percent:g} % at the limit")
    return html.Span(", ".join(words), className="rt-interval", title=score.source)


def _signed(*words: str) -> str:
    return " ".join(words).replace("<=", "\u2264").replace(">=", "\u2265")
