"""Cohort: survival by arm, effects patient by patient, and who benefits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import OVER, about, chooser, draws, figure, notice, report_link, saves, tabs
from dashboards.faults import words_of
from dashboards.figures.forest import forest_figure
from dashboards.figures.study import effect_figure, survival_figure
from dashboards.files.entry import Entry
from dashboards.files.library import Library, newest
from dashboards.names import plan_labels, readable
from dashboards.parts.page import Desk, Page
from dashboards.parts.patient_card import patient_card, patient_figure, patient_outcomes
from dashboards.tables.long import LONGEST, long_table, number, words
from dashboards.tables.study import difference_table, judged_by
from scenarios.study.parts import Study
from twin.errors import InputError

_ENDPOINTS = {
    "overall_survival": "Overall survival",
    "progression_free_survival": "Progression-free survival",
    "local_control": "Local control",
}
_COLUMNS = [
    words("patient", "Patient", cellRenderer="rtPick", filter=True, flex=1.5, minWidth=128),
    number("gtv_cm3", "Tumour, cm\u00b3", minWidth=72),
    words("stage", "Stage", minWidth=58),
    words("histology", "Histology", flex=1.7, minWidth=84),
    number("age_years", "Age, years", 0, minWidth=54),
    words("sex", "Sex", minWidth=62),
    number("ecog", "ECOG", 0, minWidth=58),
    words("chemotherapy", "Chemotherapy", flex=1.3, minWidth=116),
]


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of a study.

    Args:
        library: the opened folder.
        query: `study`, else the newest.

    Raises:
        InputError: no such study, or a broken or unfinished one.
    """
    entries = library.studies()
    if not entries:
        command = "rt-twin cohort --n 1000 --plan 60/30 --plan 60/15 --out STUDY"
        text = "Simulate a cohort first, in a terminal:"
        return notice("No studies in this folder yet", text, command=command), None
    keys = [e.key for e in entries]

    def shown(key: str) -> tuple[Any, Any]:
        study = library.study(key)
        choice = chooser("study", keys, key, "Study")
        record = study.record
        facts = f"{record.cohort}; {' v '.join(plan_labels(study).values())}; {record.samples} samples each"
        entry = next(e for e in entries if e.key == key)
        return _page(study, entry), [choice, report_link(study=key), html.Span(facts, className="rt-facts")]

    return shown(query["study"]) if query.get("study") else newest(keys, shown)


def _page(study: Study, entry: Entry) -> Any:
    key = entry.key
    names = plan_labels(study)
    left = html.Section(
        [
            html.Div([html.H2("Survival", id="survival-title"), saves()], className="rt-titled"),
            html.Div(figure("survival", f"Survival, {key}"), className="rt-rest"),
        ],
        className="rt-card rt-graph-card",
    )
    effects = html.Div(
        [
            html.P(id="effect-words", className="rt-words"),
            html.Div(figure("effects", f"Individual effects, {key}", click="picked"), className="rt-rest"),
        ],
        className="rt-graph-card",
    )
    heads = [
        ("effects", "Who benefits"),
        ("contrasts", "Differences"),
        ("patients", "Patients"),
        ("forest", "Subgroups"),
    ]
    contents = [effects, difference_table(study, names), _listed(), figure("forest", f"Subgroups, {key}")]
    right = html.Section(tabs("cohort", heads, contents, saves()), className="rt-card")
    return html.Div(
        [
            html.H1("Cohort", className="rt-hidden"),
            dcc.Store(id="study-key", data=key),
            dcc.Store(id="survival-figure"),
            dcc.Store(id="effects-figure"),
            dcc.Store(id="forest-figure"),
            dcc.Store(id="picked"),
            dcc.Store(id="patient-volume-figure"),
            _drawer(key),
            _filters(study, names),
            html.Div([left, right], className="rt-bottom"),
        ],
        className="rt-cohort",
        **about("study", entry.key, entry.version, key),
    )


def _filters(study: Study, names: dict[str, str]) -> Any:
    """What is shown, and of whom."""
    patients = study.patients.filter(pl.col("fault").is_null())
    largest = round(float(patients["gtv_cm3"].cast(pl.Float64).max() or 1.0) + 1)  # type: ignore[arg-type]
    outcomes = study.contrasts["outcome"].unique(maintain_order=True).to_list()
    first = "overall_survival_2y" if "overall_survival_2y" in outcomes else outcomes[0] if outcomes else None
    reference = names[study.record.plans[0]]
    others = [{"value": s, "label": f"{label} v {reference}"} for s, label in list(names.items())[1:]]
    volume = html.Div(
        [
            html.Label("Tumour, cm\u00b3", className="rt-label"),
            dmc.RangeSlider(
                id="volume", min=0, max=largest, value=[0, largest], size="sm", w=150,
                marks=[{"value": v, "label": str(v)} for v in (0, largest)],
                thumbFromLabel="Smallest tumour", thumbToLabel="Largest tumour",
            ),
        ]
    )  # fmt: skip
    return html.Div(
        [
            _choice("endpoint", "Endpoint", [{"value": k, "label": v} for k, v in _ENDPOINTS.items()], 190),
            _choice(
                "outcome", "Effect on", [{"value": o, "label": readable(o)} for o in outcomes], 250, first
            ),
            _choice("effect-plan", "Plan and its reference", others, 150),
            _several("stage", patients),
            _several("histology", patients),
            volume,
        ],
        className="rt-filters",
    )


def _drawer(key: str) -> Any:
    """The place of one patient's card."""
    volume = html.Section(
        [
            html.Div([html.H2("Tumour volume"), saves()], className="rt-titled"),
            html.Div(figure("patient-volume", f"Tumour volume, {key}"), className="rt-rest"),
        ],
        className="rt-card rt-graph-card rt-patient-figure",
    )
    return dmc.Drawer(
        [html.Div(id="patient-card"), volume, html.Div(id="patient-outcomes")],
        id="patient-drawer",
        title="Patient",
        position="right",
        size=600,
        keepMounted=True,
        **OVER,
    )


def _choice(name: str, label: str, data: list[dict[str, str]], width: int, value: str | None = None) -> Any:
    chosen = value or (data[0]["value"] if data else None)
    return dmc.Select(id=name, label=label, data=data, value=chosen, allowDeselect=False, size="xs", w=width)


def _several(column: str, patients: pl.DataFrame) -> Any:
    values = sorted(patients[column].drop_nulls().unique().to_list())
    return dmc.MultiSelect(
        id=f"filter-{column}",
        label=column.capitalize(),
        data=values,
        value=[],
        placeholder="all",
        size="xs",
        w=170,
    )


def chosen_patients(
    study: Study, stages: list[str], histologies: list[str], volumes: list[float]
) -> pl.DataFrame:
    """The patients that the filters leave; an empty filter leaves all.

    Args:
        study: the study.
        stages: stages to keep.
        histologies: histologies to keep.
        volumes: smallest and largest tumour, cm3.
    """
    found = study.patients.filter(
        pl.col("fault").is_null() & pl.col("gtv_cm3").is_between(volumes[0], volumes[1])
    )
    for column, values in (("stage", stages), ("histology", histologies)):
        if values:
            found = found.filter(pl.col(column).is_in(values))
    return found


def _listed() -> Any:
    table = long_table("cohort-patients", "Patients", _COLUMNS, "No patient is left by these filters.")
    return html.Div(
        [table, html.Div([html.Span(id="cohort-count"), saves("csv")], className="rt-note rt-titled")],
        className="rt-tabled",
    )


def listed(patients: pl.DataFrame) -> tuple[list[dict[str, Any]], str]:
    """Patients as rows of the table, and how many there are.

    Args:
        patients: all that the filters leave.
    """
    more = f", the first {LONGEST} listed" if len(patients) > LONGEST else ""
    rows = patients.select(column["field"] for column in _COLUMNS).head(LONGEST).to_dicts()
    return rows, f"{len(patients)} patients{more}."


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    _register_filters(app, desk.library)
    _register_patient(app, desk.library)
    draws(app, "survival", "effects", "forest", "patient-volume")
    app.clientside_callback(
        ClientsideFunction("rt", "openStudy"),
        Output("url", "search", allow_duplicate=True),
        Input("study", "value"),
        State("study-key", "data"),
        prevent_initial_call=True,
    )


def _register_filters(app: Dash, library: Library) -> None:
    """Figures and the list follow the filters."""
    chosen = [Input(name, "value") for name in ("filter-stage", "filter-histology", "volume")]

    @app.callback(
        Output("survival-figure", "data"),
        Output("survival-title", "children"),
        Output("effects-figure", "data"),
        Output("effect-words", "children"),
        Input("study-key", "data"),
        Input("endpoint", "value"),
        Input("outcome", "value"),
        Input("effect-plan", "value"),
        *chosen,
    )
    def show(key, endpoint, outcome, plan, stages, histologies, volumes):
        study = library.study(key)
        names = plan_labels(study)
        patients = chosen_patients(study, stages or [], histologies or [], volumes)
        total = len(study.patients)
        if patients.is_empty():
            return None, "No patient is left by these filters", None, ""
        try:
            curves = survival_figure(study, names, endpoint, patients)
            title = f"{_ENDPOINTS[endpoint]}, {len(patients)} of {total} patients, each under every plan"
        except InputError as error:
            curves, title = None, words_of(error)
        effects, words = effect_figure(study, names, plan, outcome, patients)
        return curves, title, effects, words

    @app.callback(
        Output("forest-figure", "data"),
        Input("study-key", "data"),
        Input("outcome", "value"),
        Input("effect-plan", "value"),
    )
    def subgroups(key, outcome, plan):
        study = library.study(key)
        return forest_figure(study, plan_labels(study), plan, outcome)

    @app.callback(
        Output("cohort-patients", "rowData"),
        Output("cohort-count", "children"),
        Input("tabs-cohort", "value"),
        *chosen,
        State("study-key", "data"),
        prevent_initial_call=True,
    )
    def list_patients(tab, stages, histologies, volumes, key):
        if tab != "patients":
            return no_update, no_update
        return listed(chosen_patients(library.study(key), stages or [], histologies or [], volumes))


def _register_patient(app: Dash, library: Library) -> None:
    """A click on a patient opens his card."""

    @app.callback(
        Output("patient-card", "children"),
        Output("patient-volume-figure", "data"),
        Output("patient-outcomes", "children"),
        Output("patient-drawer", "opened"),
        Input("picked", "data"),
        State("study-key", "data"),
        prevent_initial_call=True,
    )
    def open_patient(patient, key):
        if not patient:
            return (no_update,) * 4
        study, who = library.study(key), str(patient)
        names = plan_labels(study)
        card = patient_card(study, names, who, library.twin_named(who))
        return (
            card,
            patient_figure(study, names, who),
            patient_outcomes(study, names, who, judged_by(study)),
            True,
        )


PAGE = Page("Cohort", 4, layout, register)
