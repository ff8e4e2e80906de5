"""Tables of the report: constraints, measured tumours, and what moved the forecast."""

from __future__ import annotations

from html import escape
from typing import Any

import polars as pl

from scenarios.records.run import Run
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.constraints import KEYS, Rung, ladder, rung_words, shown_constraints
from scenarios.report.picks import standing, whose


def score_section(run: Run) -> str:
    """Every constraint that holds for one of the plans: goal, and for each plan value, verdict and share of samples."""
    plans = run.record.plans
    cards = run.scorecard
    if cards.is_empty():
        return ""
    volumes = {s.name: s.cm3 for s in run.twin.contours}
    held = shown_constraints(cards, run.dvh, plans, volumes)
    mute = [p.label for p in plans if held.filter(pl.col("plan") == p.slug).is_empty()]
    rows = []
    for _, group in held.group_by(*KEYS, maintain_order=True):
        rungs = ladder(group)
        for _, goal in [(None, group)] if rungs else group.group_by("goal", "endpoint", maintain_order=True):
            cells = "".join(_score_cell(goal.filter(pl.col("plan") == p.slug), rungs) for p in plans)
            rows.append(f"<tr>{_goal_cell(goal.row(0, named=True), rungs)}{cells}</tr>")
    head = "".join(
        f'<th style="border-bottom:3px solid {plan_colour(i)}">{escape(p.label)}'
        f"<br><small>{escape(methods.head(p, plans))}</small></th>"
        for i, p in enumerate(plans)
    )
    n, level = cards["n"][0], run.record.level
    about = (
        f"First the dose as planned; as delivered, its {level:.0%} predictive interval and the share that keeps to it, "
        "over "
        f"{n} samples of set-up errors (systematic 2 mm, random 2.5 mm), of the dose and of the organs' place. The "
        "verdict is that of the planned value; on an organ that this software drew it is estimated. Levels with rates "
        "are a ladder, not goals. EQD2: of another schedule than the goal's, compared in fractions of 2 Gy."
    )
    silent = (
        f"<p>No constraint set holds for the fractionation of {escape(', '.join(mute))}.</p>" if mute else ""
    )
    sources = sorted(set(held["source"]))
    return (
        f"<h2>Constraints</h2><p>{about}</p>{silent}<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
        f"<small>{'<br>'.join(escape(s) for s in sources)}</small>"
    )


def _goal_cell(first: dict[str, Any], rungs: tuple[Rung, ...]) -> str:
    """A goal, or the levels of a ladder, and whose it is."""
    grade = f", grade {first['grade']}" if first["grade"] else ""
    rate = "" if first["rate_percent"] is None else f", {first['rate_percent']:g} % at the limit"
    goal = f"{first['structure']} {first['goal']}"
    if rungs:
        goal = f"{first['structure']} {first['metric']}: {' / '.join(f'{r.limit:g}' for r in rungs)} {first['unit']}"
        rate = f", {' / '.join(f'{r.rate_percent:g}' for r in rungs)} % at these levels"
    return (
        f'<td title="{escape(first["source"])}">{escape(goal)}<br>'
        f"<small>{escape(first['endpoint'] + grade + rate)}; {escape(first['set'])}</small></td>"
    )


def _score_cell(found: pl.DataFrame, rungs: tuple[Rung, ...]) -> str:
    if found.is_empty():
        return "<td>-</td>"
    row = found.row(0, named=True)
    if row["value"] is None:
        return f'<td class="unknown">{escape(row["verdict"])}</td>'
    words = "pass" if row["met"] else "fail"
    said = escape(rung_words(row["value"], rungs, row["unit"])) if rungs else f"<b>{words}</b>"
    mark = " <i>estimated</i>" if row["verdict"] == "estimated" else ""
    if row["alpha_beta_gy"] is not None:
        under = f"EQD2, alpha/beta {row['alpha_beta_gy']:g} Gy, as planned"
    else:
        under = f"as delivered [{row['low']:.1f}, {row['high']:.1f}]"
        under += "" if rungs else f", {row['share_passing']:.0%} pass"
    return f"<td>{row['value']:.1f} {row['unit']} {said}{mark}<br><small>{under}</small></td>"


def recist_section(run: Run) -> str:
    """Diameters and response of each imaged date, as RECIST 1.1 counts them; generated ones of the sample that
    is shown, with where it lies among all samples on that day."""
    sizes = run.recist.filter(pl.col("sample").is_null() | (pl.col("sample") == run.record.shown_sample))
    if sizes.is_empty():
        return ""
    labels = {p.slug: p.label for p in run.record.plans}
    rows = "".join(
        f"<tr><td>{escape(labels[r['plan']]) if r['plan'] else 'acquired'}</td><td>{r['day']:.0f}</td>"
        f"<td>{r['longest_mm']:.0f} mm</td><td>{r['perpendicular_mm']:.0f} mm</td><td>{r['lesions']}</td>"
        f"<td>{r['cm3']:.1f} cm3</td><td>{standing(run, r['plan'] or '', r['day']).strip(', ')}</td>"
        f"<td>{escape(r['response'])}</td></tr>"
        for r in sizes.iter_rows(named=True)
    )
    heads = (
        "scan",
        "day",
        "sum of longest diameters",
        "largest, perpendicular",
        "lesions",
        "volume",
        "among all samples",
        "response",
    )
    head = "".join(f"<th>{h}</th>" for h in heads)
    return (
        "<h2>Measured on each scan</h2><p>RECIST 1.1 of all GTVs: the longest axial diameters of the lesions and of "
        "fragments of one are added; progression counts from the smallest sum so far. Scans after day 0 are simulated "
        f"({escape(whose(run))}). Scar and tumour are told apart here, as they cannot be on a real CT.</p>"
        f"<table><tr>{head}</tr>{rows}</table>"
    )


def moved_section(run: Run) -> str:
    """The forecast of one day before any observation and after each, of the true volume and as it would be drawn."""
    if run.moved.is_empty():
        return ""
    mine = run.moved.filter(pl.col("plan") == run.moved["plan"][0])
    label = next(p.label for p in run.record.plans if p.slug == mine["plan"][0])
    rows = "".join(_moved_row(r) for r in mine.iter_rows(named=True))
    heads = (
        "after",
        "true volume, median [80 %]",
        "moved by",
        "as drawn, median [80 %]",
        "effective samples",
    )
    return (
        f"<h3>What moved the forecast</h3><p>Tumour volume on day {mine['forecast_day'][0]:.0f} under {escape(label)}, "
        "cm3, before any observation and after each. The forecast as drawn adds the contour error.</p>"
        f"<table><tr>{''.join(f'<th>{h}</th>' for h in heads)}</tr>{rows}</table>"
    )


def _moved_row(r: dict[str, Any]) -> str:
    name = "nothing: the prior"
    if r["day"] is not None:
        unit = "cm3" if r["kind"] == "gtv_cm3" else "SUVmax"
        name = f"day {r['day']:.0f}: {r['value']:.1f} {unit}"
    low = " <i>low</i>" if r["ess"] < 0.5 * r["n"] else ""
    step = "" if r["moved_cm3"] is None else f"{r['moved_cm3']:+.1f}"
    return (
        f"<tr><td>{escape(name)}</td><td>{r['median']:.1f} <small>[{r['low']:.1f}, {r['high']:.1f}]</small></td>"
        f"<td>{step}</td>"
        f"<td>{r['drawn_median']:.1f} <small>[{r['drawn_low']:.1f}, {r['drawn_high']:.1f}]</small></td>"
        f"<td>{r['ess']:.0f} of {r['n']}{low}</td></tr>"
    )
