"""One patient of a study: the clinical record, what each plan would do, and the way to the twin."""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import dcc, html

from dashboards.figures.style import ABOVE, axis, band, layout
from dashboards.files.entry import Entry
from dashboards.links import link
from dashboards.names import interval_name
from dashboards.tables.outcomes import row_head, value_cell
from scenarios.report.colours import plan_colour
from scenarios.report.intervals import enough_samples, kinds_in_words
from scenarios.study.parts import Study
from scenarios.study.summary import with_benefit
from scenarios.validation.credibility import credibility

_EVERYBODY = 3  # of all stages and techniques: a cohort is not one patient under one plan
_FACTS = (
    ("gtv_cm3", "Tumour", "cm\u00b3"),
    ("site", "Site", ""),
    ("stage", "Stage", ""),
    ("histology", "Histology", ""),
    ("age_years", "Age", "years"),
    ("sex", "Sex", ""),
    ("ecog", "ECOG", ""),
    ("smoking", "Smoking", ""),
    ("comorbidity", "Comorbidity", ""),
    ("chemotherapy", "Chemotherapy", ""),
)


def patient_card(study: Study, names: dict[str, str], patient: str, twin: Entry | None) -> Any:
    """The record of a patient, and the way to the twin.

    Args:
        study: the study.
        names: slug -> label of its plans.
        patient: the id.
        twin: where the twin lies in the opened folder, or None.
    """
    found = study.patients.filter(pl.col("patient") == patient)
    if found.is_empty():
        return html.P(f"There is no patient {patient} in this study.", className="rt-error-text")
    record = found.row(0, named=True)
    facts = [
        html.Tr([html.Th(label, scope="row"), html.Td(_shown(record[c], unit))]) for c, label, unit in _FACTS
    ]
    way: Any = html.Span("There is no twin of this patient in the folder.", className="rt-faint")
    if twin is not None:
        way = dcc.Link("Open the twin", href=link("/twin", twin=twin.key), className="rt-button rt-strong")
    return html.Div(
        [
            html.Div([html.Strong(patient), way], className="rt-patient-head"),
            html.Table(html.Tbody(facts), className="rt-table rt-tight rt-two"),
        ]
    )


def patient_outcomes(study: Study, names: dict[str, str], patient: str, model: str) -> Any:
    """What each plan would do to a patient: every outcome with its interval, a column for each plan.

    Args:
        study: the study.
        names: slug -> label of its plans.
        patient: the id.
        model: name of the study's outcome model, whose credibility stands beside.
    """
    table = study.scan("outcomes").filter(pl.col("patient") == patient).collect()
    table = table.with_columns(note=pl.lit(""))
    effects = study.scan("effects").filter(pl.col("patient") == patient).collect()
    said = {(r["plan"], r["outcome"]): r["benefit"] for r in with_benefit(effects).iter_rows(named=True)}
    rows = []
    for (outcome, unit), group in table.group_by("outcome", "unit", maintain_order=True):
        cells = [value_cell(group.filter(pl.col("plan") == slug), str(unit)) for slug in names]
        better = [said[slug, str(outcome)] for slug in list(names)[1:] if (slug, str(outcome)) in said]
        grade = credibility(str(outcome), model)
        cells += [html.Td(", ".join(better)), html.Td(grade.grade(_EVERYBODY), title=grade.words())]
        rows.append(html.Tr([row_head(str(outcome), str(unit)), *cells]))
    heads = [html.Th("Outcome", scope="col")]
    for i, label in enumerate(names.values()):
        swatch = html.Span(className="rt-swatch", style={"background": plan_colour(i)})
        heads.append(html.Th([swatch, label], scope="col", className="rt-number"))
    plans = " and ".join(list(names.values())[1:])
    heads += [html.Th(f"{plans} is" if plans else "", scope="col"), html.Th("Credibility", scope="col")]
    words = " ".join([*kinds_in_words(table, study.record.level), enough_samples(table)])
    return html.Div(
        [
            html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)], className="rt-table"),
            html.P(words, className="rt-note"),
        ]
    )


def patient_figure(study: Study, names: dict[str, str], patient: str) -> dict[str, Any] | None:
    """The volumes of one patient's tumour under every plan: medians and bands; None where there are none.

    Args:
        study: the study.
        names: slug -> label of its plans.
        patient: the id.
    """
    table = study.scan("trajectory").filter(pl.col("patient") == patient).collect()
    if table.is_empty():
        return None
    traces: list[dict[str, Any]] = []
    named = interval_name(study.record.level, study.record.samples)
    for i, (slug, label) in enumerate(names.items()):
        mine = table.filter(pl.col("plan") == slug).sort("day")
        common = {"type": "scatter", "mode": "lines", "x": mine["day"].to_list(), "legendgroup": slug}
        low, middle, high = (mine[c].to_list() for c in ("low", "median", "high"))
        traces += [
            *band(common, low, high, plan_colour(i), name=f"{label}: {named}"),
            {
                **common,
                "y": middle,
                "name": label,
                "line": {"width": 2.0 + 1.2 * (len(names) - 1 - i), "color": plan_colour(i)},
                "hovertemplate": "%{y:.1f} cm\u00b3",
            },
        ]
    traces.append(
        {
            "type": "scatter", "mode": "markers", "x": [None], "y": [None], "hoverinfo": "skip",
            "marker": {"symbol": "square", "size": 11, "color": "rgba(128,128,128,0.35)"}, "name": f"band: {named}",
        }
    )  # fmt: skip
    return {
        "data": traces,
        "layout": layout(
            (50, 12, 28, 38),
            hovermode="x unified",
            legend=ABOVE,
            xaxis=axis("days from day 0"),
            yaxis=axis("tumour volume, cm\u00b3", None, rangemode="tozero"),
        ),
    }


def _shown(value: Any, unit: str) -> Any:
    if value is None:
        return html.Span("missing", className="rt-missing")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.1f} {unit}".strip() if isinstance(value, float) else f"{value} {unit}".strip()
