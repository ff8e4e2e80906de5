"""Tables of the report: constraints, measured tumours, and what moved the forecast."""

from __future__ import annotations

from html import escape
from typing import Any

import polars as pl

from scenarios.records.run import Run
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.picks import standing, whose


def score_section(run: Run) -> str:
    """Every constraint that holds for one of the plans: goal, and for each plan value, verdict and share of samples."""
    plans = run.record.plans
    cards = run.scorecard
    if cards.is_empty():
        return ""
    keys = ["set", "structure", "goal"]
    spoken = cards.filter(pl.col("verdict") != "not applicable").select(keys).unique()
    held = cards.join(spoken, on=keys, how="semi", maintain_order="left")
    mute = [
        p.label for p in plans if set(cards.filter(pl.col("plan") == p.slug)["verdict"]) <= {"not applicable"}
    ]
    rows = []
    for (_, structure, goal), group in held.group_by(keys, maintain_order=True):
        first = group.row(0, named=True)
        grade = f", grade {first['grade']}" if first["grade"] else ""
        rate = "" if first["rate_percent"] is None else f", {first['rate_percent']:g} % at the limit"
        cells = "".join(_score_cell(group.filter(pl.col("plan") == p.slug)) for p in plans)
        rows.append(
            f'<tr><td title="{escape(first["source"])}">{escape(structure)} {escape(goal)}<br>'
            f"<small>{escape(first['endpoint'] + grade + rate)}; {escape(first['set'])}</small></td>{cells}</tr>"
        )
    head = "".join(
        f'<th style="border-bottom:3px solid {plan_colour(i)}">{escape(p.label)}'
        f"<br><small>{escape(methods.head(p, plans))}</small></th>"
        for i, p in enumerate(plans)
    )
    n, level = cards["n"][0], run.record.level
    about = (
        f"Value of the dose as planned, its {level:.0%} interval and the share of samples that keep to the goal, over "
        f"{n} samples of set-up errors (systematic 2 mm, random 2.5 mm), of the dose and of the organs' place. The "
        "verdict is that of the planned value; on an organ that this software drew it is estimated."
    )
    silent = (
        f"<p>No constraint set holds for the fractionation of {escape(', '.join(mute))}.</p>" if mute else ""
    )
    sources = sorted(set(held["source"]))
    return (
        f"<h2>Constraints</h2><p>{about}</p>{silent}<table><tr><th></th>{head}</tr>{''.join(rows)}</table>"
        f"<small>{'<br>'.join(escape(s) for s in sources)}</small>"
    )


def _score_cell(found: pl.DataFrame) -> str:
    if found.is_empty():
        return "<td>-</td>"
    row = found.row(0, named=True)
    if row["value"] is None:
        return f'<td class="unknown">{escape(row["verdict"])}</td>'
    words = "pass" if row["met"] else "fail"
    mark = " <i>estimated</i>" if row["verdict"] == "estimated" else ""
    return (
        f"<td>{row['value']:.1f} {row['unit']} <b>{words}</b>{mark}<br><small>[{row['low']:.1f}, {row['high']:.1f}], "
        f"{row['share_passing']:.0%} pass</small></td>"
    )


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
