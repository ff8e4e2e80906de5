"""Adaptive: policies side by side, their decisions as rows, and the load of the clinic that carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import dash_mantine_components as dmc
import polars as pl
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import about, chooser, draws, figure, named, notice, saves, scroll_table, tabs
from dashboards.faults import words_of
from dashboards.figures.clinic import late_figure, load_figure, use_figure, wait_figure
from dashboards.figures.policy import change_counts, change_figure, outcome_figure
from dashboards.files.library import Library, newest
from dashboards.files.run_folder import RunFolder
from dashboards.links import link
from dashboards.parts.page import Desk, Page
from dashboards.tables.clinic import summary_table
from dashboards.tables.long import LONGEST, long_table, number, words
from dashboards.tables.outcomes import plan_heads, row_head, value_cell
from scenarios.report import methods
from scenarios.report.colours import plan_colour
from scenarios.report.evidence import grade_of
from scenarios.report.intervals import kinds_in_words
from twin.errors import InputError
from twin.inputs.bounds import check
from twin.inputs.quantities import SampleNumber

_OUTCOMES = (
    "mean_lung_dose",
    "lung_v20",
    "mean_heart_dose",
    "mean_oesophagus_dose",
    "oesophagus_v60",
    "tumour_control",
    "local_control_2y",
    "pneumonitis",
    "oesophagitis",
    "overall_survival_2y",
)
_DECISIONS = [
    words("plan", "Scenario", cellRenderer="rtPlan", flex=1.6),
    number("sample", "Sample", 0, missing="all", maxWidth=110),
    number("day", "Day", maxWidth=100),
    words("decision", "Decision", filter=True, flex=1.4, cellClass="rt-middle"),
    words("reason", "Why", filter=True, flex=3),
    number("gtv_cm3", "Tumour seen, cm\u00b3", missing="unknown"),
    number("shift_mm", "Shift seen, mm", missing="unknown"),
    number("forecast_mean_lung_gy", "Mean lung dose forecast, Gy", missing="unknown", flex=1.2),
    number("final_mean_lung_gy", "Mean lung dose in the end, Gy", missing="unknown", flex=1.2),
]
_MOST_CLINICS = 4
_FIGURES = ("policy-doses", "policy-effects", "policy-changes")
_CLINIC_FIGURES = ("clinic-use", "clinic-waits", "clinic-load", "clinic-late")


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of a run with policies, and of departments.

    Args:
        library: the opened folder.
        query: `run`, else the newest with a policy; `clinic`, the department shown first, else the newest.

    Raises:
        InputError: no such run or department, or a broken one.
    """
    key, clinic = query.get("run"), query.get("clinic")
    runs = adaptive_runs(library)
    clinics = [entry.key for entry in library.clinics()]
    if not runs and not clinics and key is None and clinic is None:
        return _nothing(), None
    key, policies = _policies_of(library, runs) if key is None else (key, _policies(library, key))
    offered = sorted({*runs, *([key] if key else [])})
    choice = chooser("adaptive-run", offered, key, "Run", placeholder="no run with a policy")
    heads = [("policies", "Policies"), ("clinic", "Clinic load")]
    if clinic:
        library.clinic(clinic)  # one that is not there is said at once
    shown = [clinic] if clinic else [name for name in clinics if _sound(library, name)][:_MOST_CLINICS]
    contents = [policies, _clinics(clinics, shown)]
    page = html.Div(
        [
            html.H1("Adaptive radiotherapy", className="rt-hidden"),
            dcc.Store(id="adaptive-key", data=key),
            tabs("adaptive", heads, contents, first="clinic" if clinic or not key else "policies"),
        ],
        className="rt-adaptive",
        **(_of(library, key) if key else {}),
    )
    return page, [choice]


def adaptive_runs(library: Library) -> list[str]:
    """Keys of the runs in which a policy decides, the newest first; runs that cannot be read are left out.

    Args:
        library: the opened folder.
    """
    found = []
    for entry in library.runs():
        record = library.record(entry)
        if record is not None and any(plan.scenario.get("policy") for plan in record.plans):
            found.append(entry.key)
    return found


def _nothing() -> Any:
    text = (
        "Compare the same plan under different policies, and simulate the department that carries them out:"
    )
    go = ("Set up a comparison with policies", "/new")
    return notice(
        "No policies and no clinic in this folder yet", text, command="rt-twin clinic --out CLINIC", go=go
    )


def _of(library: Library, key: str) -> dict[str, Any]:
    run = library.run(key)
    return about("run", run.entry.key, run.entry.version, run.record.patient.id)


def _sound(library: Library, clinic: str) -> bool:
    with suppress(InputError):
        return bool(library.clinic(clinic).run)
    return False


def _policies_of(library: Library, runs: list[str]) -> tuple[str | None, Any]:
    """The newest run with a policy that can be shown: its key, and what is shown of it; or why none can be."""
    if not runs:
        return None, _policies(library, None)
    try:
        return newest(runs, lambda key: (key, _policies(library, key)))
    except InputError as error:
        return None, html.P(words_of(error), className="rt-error-text")


def _policies(library: Library, key: str | None) -> Any:
    if key is None:
        words: list[Any] = [
            "No run of this folder has a policy. ",
            dcc.Link("Set one up", href=link("/new")),
            ".",
        ]
        return html.P(words, className="rt-note")
    run = library.run(key)
    patient = run.record.patient.id
    graphs = [
        figure("policy-doses", f"Doses and outcomes by policy, {patient}"),
        figure("policy-effects", f"Differences between policies, {patient}"),
        figure("policy-changes", f"Changes of the plan by policy, {patient}"),
    ]
    heads = [("doses", "Doses and control"), ("effects", "Differences"), ("changes", "When the plan changed")]
    stores = [
        dcc.Store(id="policy-doses-figure", data=outcome_figure(run, paired=False)),
        dcc.Store(id="policy-effects-figure", data=outcome_figure(run, paired=True)),
        dcc.Store(id="policy-changes-figure", data=change_figure(run)),
    ]
    top = html.Div(
        [
            html.Section(tabs("policy-figures", heads, graphs, saves()), className="rt-card"),
            _titled("Policies side by side", html.Div(policy_table(run), className="rt-rest")),
        ],
        className="rt-bottom",
    )  # fmt: skip
    return html.Div([*stores, top, _decisions(run)], className="rt-policies")


def _titled(title: str, body: Any) -> Any:
    return html.Section([html.H2(title, className="rt-card-title"), body], className="rt-card")


def policy_table(run: RunFolder) -> Any:
    """What each policy did and what came of it, a column for each scenario.

    Args:
        run: the run.
    """
    rows = [_count_row("Changes of the plan, mean a sample", run, 0, 1.0, "{:.2f}", "")]
    rows.append(_count_row("Samples with a change", run, 1, 100.0, "{:.0f}", "%"))
    outcomes, mixed = run.table("outcomes"), methods.mixed(run.record.plans)
    graded = run.table("credibility")
    for outcome in _OUTCOMES:
        found = outcomes.filter(pl.col("outcome") == outcome)
        if found["mean"].drop_nulls().is_empty():
            continue
        unit = str(found["unit"][0])
        cells = [
            value_cell(found.filter(pl.col("plan") == plan.slug), unit, mixed) for plan in run.record.plans
        ]
        grade, said = grade_of(graded, outcome)
        rows.append(html.Tr([row_head(outcome, unit), *cells, html.Td(grade, title=said)]))
    note = "Under every policy the patient meets the same tumour, the same shifts and the same measurement errors."
    shown = outcomes.filter(pl.col("outcome").is_in(_OUTCOMES))
    note = " ".join([note, *kinds_in_words(shown, run.record.level)])
    heads = [html.Th("Measure", scope="col"), *plan_heads(run), html.Th("Credibility", scope="col")]
    return scroll_table(heads, rows, note)


def _count_row(words: str, run: RunFolder, which: int, scale: float, shape: str, unit: str) -> Any:
    cells = []
    for plan in run.record.plans:
        value = change_counts(run, plan.slug)[which]
        cells.append(
            html.Td(html.Span(shape.format(scale * value), className="rt-middle"), className="rt-number")
        )
    return html.Tr([html.Th([words, html.Span(unit, className="rt-unit")], scope="row"), *cells, html.Td("")])


def _decisions(run: RunFolder) -> Any:
    plans = [{"value": plan.slug, "label": plan.label} for plan in run.record.plans]
    bar = html.Div(
        [
            html.H2("Decisions", className="rt-card-title"),
            dmc.Select(
                id="decisions-plan", data=plans, placeholder="all scenarios", clearable=True, size="xs", w=220,
                **named("Scenario whose decisions are listed"),
            ),
            dmc.NumberInput(
                id="decisions-sample", placeholder="all samples", min=0, max=run.record.samples - 1, size="xs", w=120,
                **named("Sample whose decisions are listed"),
            ),
            dmc.Switch(id="decisions-changes", label="Changes only", checked=True, size="xs"),
            html.Span(id="decisions-count", className="rt-faint"),
            html.Div(className="rt-grow"),
            html.A(
                "decisions.csv", href=link("/data/table/decisions.csv", key=run.entry.key), className="rt-csv"
            ),
        ],
        className="rt-decision-bar",
    )  # fmt: skip
    table = long_table("decisions", "Decisions", _DECISIONS, "No decision of this kind.")
    return html.Section([bar, table], className="rt-card")


def decision_rows(
    run: RunFolder, plan: str | None, sample: int | None, changes_only: bool
) -> tuple[list[dict[str, Any]], str]:
    """The decisions of a run as rows of the table, and how many there are.

    Args:
        run: the run.
        plan: slug of the only scenario to list, or None.
        sample: the only sample to list, or None.
        changes_only: leave out decisions to go on as planned.
    """
    table = run.table("decisions")
    if plan:
        table = table.filter(pl.col("plan") == plan)
    if sample is not None:
        table = table.filter(pl.col("sample") == sample)
    if changes_only:
        table = table.filter(pl.col("decision") != "continue")
    every = run.record.plans
    plans = {p.slug: {"plan": methods.label(p, every), "colour": plan_colour(i)} for i, p in enumerate(every)}
    rows = []
    for row in table.sort("plan", "sample", "day").head(LONGEST).iter_rows(named=True):
        decision = row["decision"] + (f" {row['fractions']:+d} fractions" if row["fractions"] else "")
        said = decision + ("" if row["approved"] else " (not approved)")
        rows.append({**row, **plans[row["plan"]], "decision": said})
    more = f", the first {LONGEST} listed" if len(table) > LONGEST else ""
    return rows, f"{len(table)} decisions{more}"


def _clinics(keys: list[str], shown: list[str]) -> Any:
    if not keys:
        words: list[Any] = [
            "No department in this folder yet. Simulate one: ",
            html.Code("rt-twin clinic --out CLINIC"),
        ]
        return html.P(words, className="rt-note")
    choice = dmc.MultiSelect(
        id="clinics", data=keys, value=shown, maxValues=_MOST_CLINICS, size="xs", className="rt-choose",
        **named("Departments that are shown"),
    )  # fmt: skip
    heads = [("load", "Patients"), ("waits", "Waiting"), ("use", "Machines and staff"), ("late", "New plans")]
    graphs = [
        figure("clinic-load", "Patients waiting and under treatment"),
        figure("clinic-waits", "Waiting for the first fraction"),
        figure("clinic-use", "Use of machines and staff"),
        figure("clinic-late", "New plans during treatment"),
    ]
    left = html.Section(tabs("clinic-figures", heads, graphs, saves()), className="rt-card")
    right = _titled("Departments side by side", html.Div(id="clinic-summary", className="rt-rest"))
    stores = [dcc.Store(id=f"{name}-figure") for name in _CLINIC_FIGURES]
    return html.Div([*stores, choice, html.Div([left, right], className="rt-bottom")], className="rt-clinics")


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    library = desk.library

    @app.callback(
        Output("decisions", "rowData"),
        Output("decisions-count", "children"),
        Input("decisions-plan", "value"),
        Input("decisions-sample", "value"),
        Input("decisions-changes", "checked"),
        State("adaptive-key", "data"),
    )
    def decide(plan, sample, changes_only, key):
        wanted = None if sample in (None, "") else check(SampleNumber, sample, "the sample")
        return decision_rows(library.run(key), plan, wanted, bool(changes_only))

    @app.callback(
        *(Output(f"{name}-figure", "data") for name in _CLINIC_FIGURES),
        Output("clinic-summary", "children"),
        Input("clinics", "value"),
    )
    def load(keys):
        clinics = [library.clinic(key) for key in (keys or [])[:_MOST_CLINICS]]
        if not clinics:
            return (None,) * len(_CLINIC_FIGURES) + (no_update,)
        made = (use_figure(clinics), wait_figure(clinics), load_figure(clinics), late_figure(clinics))
        return *made, summary_table(clinics)

    draws(app, *_FIGURES, *_CLINIC_FIGURES)
    app.clientside_callback(
        ClientsideFunction("rt", "openAdaptive"),
        Output("url", "search", allow_duplicate=True),
        Input("adaptive-run", "value"),
        State("adaptive-key", "data"),
        prevent_initial_call=True,
    )


PAGE = Page("Adaptive", 5, layout, register)
