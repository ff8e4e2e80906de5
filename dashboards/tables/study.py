"""Differences between the plans of a study, over its patients."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import html

from dashboards.elements import interval_cell
from dashboards.names import readable
from dashboards.tables.outcomes import interval_words
from scenarios.report.intervals import kinds_in_words
from scenarios.study.parts import Study
from scenarios.study.summary import benefit_shares
from scenarios.validation.credibility import credibility

_EVERYBODY = 3  # of all stages and techniques: a cohort is not one patient under one plan


def judged_by(study: Study) -> str:
    """Name of the outcome model that a study's survival is from: one of expected values, or of shares of samples.

    Args:
        study: of this format or a former one.
    """
    control = study.scan("outcomes").filter(pl.col("outcome") == "tumour_control").select("kind").head(1)
    return "calibrated" if control.collect()["kind"].to_list() == ["expected"] else "standard"


def difference_table(study: Study, names: dict[str, str]) -> Any:
    """Mean paired differences over the patients, who is better off, and how far each outcome is believed.

    Args:
        study: the study.
        names: slug -> label of its plans.
    """
    rows, model = [], judged_by(study)
    wanted = ("plan", "outcome", "unit", "mean")
    found_better = benefit_shares(study.scan("effects").select(*wanted).collect())
    shares = {(r["plan"], r["outcome"]): r["better"] for r in found_better.iter_rows(named=True)}
    for row in study.contrasts.iter_rows(named=True):
        scale, unit = (100.0, "points") if row["unit"] in ("probability", "fraction") else (1.0, row["unit"])
        unit = unit.replace("cm3", "cm\u00b3")
        if row["mean"] is None:
            continue
        mean = f"{round(scale * row['mean'], 2) + 0.0:+.2f}".replace("-", "\u2212")
        found = credibility(row["outcome"], model)
        share = shares.get((row["plan"], row["outcome"]))
        better = "" if share is None else f"{100 * share:.0f} %"
        rows.append(
            html.Tr(
                [
                    html.Th([readable(row["outcome"]), html.Span(unit, className="rt-unit")], scope="row"),
                    html.Td(f"{names[row['plan']]}\u00a0\u2212\u00a0{names[row['reference']]}"),
                    interval_cell(mean, interval_words(row, scale, 2, "+")),
                    html.Td(better, className="rt-number"),
                    html.Td(found.grade(_EVERYBODY), title=found.words()),
                ]
            )
        )
    head = html.Tr(
        [
            html.Th(t, scope="col")
            for t in ("Outcome", "Plans", "Mean difference", "Better off", "Credibility")
        ]
    )
    said = " ".join(kinds_in_words(study.contrasts, study.record.level))
    note = (
        "Mean over patients; paired, patient by patient. Better off: share of patients whose expected value is better "
        f"by a smallest difference that counts (1 point, 0.5 Gy, 1 cm\u00b3). {said}"
    )
    scroll = html.Div(
        html.Table([html.Thead(head), html.Tbody(rows)], className="rt-table"),
        className="rt-scroll",
        tabIndex=0,
    )
    return html.Div([scroll, html.P(note, className="rt-note")], className="rt-tabled")
