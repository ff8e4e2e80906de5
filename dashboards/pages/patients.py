"""Patients: what lies in the opened folder, and how more comes into it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboards.jobs import Jobs, Uploads, new_path
from dashboards.library import Entry, Library
from dashboards.links import link
from dashboards.parts import data, named
from scenarios.results import read_record
from twin import InputError, PatientTwin

_STORES = ("upload-scan", "upload-mask", "upload-clinical")


def layout(library: Library) -> tuple[Any, Any]:
    """The page of the opened folder."""
    left = html.Div(
        [
            html.H1("Patients and comparisons", className="rt-hidden"),
            dmc.TextInput(
                id="search",
                placeholder="Search patients and runs",
                size="sm",
                **named("Search patients and runs"),
            ),
            html.Div(_lists(library), id="lists"),
        ]
    )
    right = html.Div([_import_card(), _phantom_card()], className="rt-side")
    return html.Div([left, right], className="rt-patients"), None


def _lists(library: Library) -> list[Any]:
    """What lies in the folder, by kind."""
    kinds = (
        ("Patients", "twins", _twin_row, library.twins(), "No patients yet: import one or make one on the right."),
        ("Comparisons", "runs", _run_row, library.runs(), "No comparisons yet: choose Compare plans beside a patient."),
        ("Studies", "studies", _study_row, library.studies(), "No studies yet: rt-twin cohort makes one."),
        ("Departments", "clinics", _clinic_row, library.clinics(), "No departments yet: rt-twin clinic makes one."),
    )  # fmt: skip
    return [
        _section(title, name, [row(library, entry) for entry in entries], empty)
        for title, name, row, entries, empty in kinds
    ]


def _section(title: str, name: str, rows: list[Any], empty: str) -> Any:
    body = rows or [html.P(empty, className="rt-faint")]
    return html.Section([html.H2(title), html.Div(body, className="rt-rows", id=f"list-{name}")])


def _twin_facts(folder: Path) -> tuple[str, str, bool]:
    """Who a twin is, what is known of it in a line, and whether it is in silico."""
    twin = PatientTwin.load(folder)
    days = f"day {twin.now_days:g}" if twin.now_days else "before treatment"
    scans = f"{len(twin.scans)} scan{'s' * (len(twin.scans) != 1)}"
    tnm = " ".join(filter(None, (twin.clinical.t_stage, twin.clinical.n_stage, twin.clinical.m_stage)))
    words = (f"GTV {twin.gtv_cm3:.1f} cm\u00b3", scans, days, twin.clinical.histology, tnm)
    return twin.id, ", ".join(filter(None, words)), twin.in_silico


def _twin_row(library: Library, entry: Entry) -> Any:
    try:
        who, facts, in_silico = library.noted(entry, _twin_facts)
    except InputError as error:
        return _row(entry, "cannot be read", str(error), [], [])
    marks = [html.Span("in silico", className="rt-tag")] if in_silico else []
    actions = [
        dcc.Link("Open", href=link("/twin", twin=entry.key), className="rt-button"),
        dcc.Link("Compare plans", href=link("/new", twin=entry.key), className="rt-button rt-strong"),
    ]
    return _row(entry, who, facts, marks, actions)


def _run_row(library: Library, entry: Entry) -> Any:
    try:
        record = library.record(entry) or read_record(entry.path)  # the second says what is wrong
        plans = " v ".join(plan.label for plan in record.plans)
        facts = f"{plans}; {record.days:g} days, {record.samples} samples"
        marks = []
        if any(plan.context for plan in record.plans):
            marks.append(html.Span("\u26a0 a plan outside its context of use", className="rt-outside"))
        actions = [dcc.Link("Open", href=link("/compare", run=entry.key), className="rt-button rt-strong")]
        return _row(entry, record.patient.id, facts, marks, actions)
    except InputError as error:
        return _row(entry, "cannot be read", str(error), [], [])


def _study_row(library: Library, entry: Entry) -> Any:
    try:
        record = library.study(entry.key).record
        facts = f"{' v '.join(record.plans)}; {record.days:g} days, {record.samples} samples each"
        actions = [dcc.Link("Open", href=link("/cohort", study=entry.key), className="rt-button rt-strong")]
        return _row(entry, record.cohort, facts, [], actions)
    except InputError as error:
        return _row(entry, "cannot be read", str(error), [], [])


def _clinic_row(library: Library, entry: Entry) -> Any:
    try:
        run = library.clinic(entry.key).run
        facts = f"{run.clinic.linacs} linacs, {run.referrals.per_year:g} referrals a year, {run.days} days"
        actions = [
            dcc.Link("Open", href=link("/adaptive", clinic=entry.key), className="rt-button rt-strong")
        ]
        return _row(entry, "department", facts, [], actions)
    except InputError as error:
        return _row(entry, "cannot be read", str(error), [], [])


def _row(entry: Entry, who: str, facts: str, marks: list[Any], actions: list[Any]) -> Any:
    changed = datetime.fromtimestamp(entry.changed).strftime("%Y-%m-%d %H:%M")
    words = html.Div(
        [
            html.Div([html.Strong(entry.key), *marks]),
            html.Div(f"{who}: {facts}", className="rt-faint"),
        ]
    )
    row = [words, html.Span(changed, className="rt-when"), html.Div(actions, className="rt-actions")]
    return html.Div(row, className="rt-row", **data(words=f"{entry.key} {who} {facts}".lower()))


def _import_card() -> Any:
    return html.Section(
        [
            html.H2("Import a patient"),
            html.P(
                "DICOM files, their folder or a zip, a NIfTI or an NRRD. Names and hospital numbers stay out of it."
            ),
            *_drop("upload-scan", "Drop a folder or files here, or press Enter to choose files", many="yes"),
            html.Button("Choose a folder", className="rt-csv", type="button", **data(folder="upload-scan")),
            *_drop("upload-mask", "Tumour mask on the same grid (NIfTI, NRRD)", small=True),
            *_drop("upload-clinical", "Clinical record (optional)", small=True),
            dmc.TextInput(
                id="import-gtv",
                label="Name of the tumour's structure",
                placeholder="found by itself where it can be",
                size="xs",
            ),
            dmc.TextInput(
                id="import-name", label="Name of the patient here", placeholder="patient-1", size="xs"
            ),
            dmc.Button("Import", id="import", size="xs", mt=10),
            html.P(id="import-error", className="rt-error-text", role="alert"),
        ],
        className="rt-card rt-form",
    )


def _drop(store: str, words: str, small: bool = False, **more: str) -> list[Any]:
    """A place to drop a file (with many="yes" several, or a folder), and the store that names it once it is sent."""
    look = "rt-drop rt-small" if small else "rt-drop"
    return [
        html.Div(words, className=look, tabIndex=0, role="button", **data(store=store, **more)),
        dcc.Store(id=store),
    ]


def _phantom_card() -> Any:
    return html.Section(
        [
            html.H2("Make an in-silico patient"),
            dmc.Group(
                [
                    dmc.NumberInput(
                        id="phantom-gtv", label="Tumour, cm\u00b3", value=60, min=1, max=400, size="xs", w=94,
                    ),
                    dmc.NumberInput(id="phantom-seed", label="Seed", value=7, min=0, max=2**31, size="xs", w=82),
                    dmc.Select(
                        id="phantom-site", label="Site", data=["central", "peripheral"], value="central",
                        allowDeselect=False, size="xs", w=108,
                    ),
                ],
                gap="xs",
            ),
            dmc.Checkbox(id="phantom-nodes", label="Involved nodes", size="xs", mt=8),
            dmc.TextInput(id="phantom-name", label="Name here", placeholder="in-silico-7", size="xs", mt=4),
            dmc.Button("Make", id="phantom", size="xs", mt=10),
            html.P(id="phantom-error", className="rt-error-text", role="alert"),
        ],
        className="rt-card rt-form",
    )  # fmt: skip


def register(app: Dash, library: Library, jobs: Jobs, uploads: Uploads) -> None:
    """The page's callbacks."""

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("import-error", "children"),
        *(Output(store, "data") for store in _STORES),
        Input("import", "n_clicks"),
        *(State(store, "data") for store in _STORES),
        State("import-gtv", "value"),
        State("import-name", "value"),
        prevent_initial_call=True,
    )
    def start_import(clicks, scan, mask, clinical, gtv, name):
        kept = (no_update, no_update, no_update)
        if not clicks:  # the page was opened
            return no_update, no_update, *kept
        try:
            if not scan:
                raise InputError("choose a file first")
            source = uploads.path(scan["token"])
            out = new_path(library.root, name or source.name.split(".")[0], ".twin")
            arguments = ["import", str(source), str(out)]
            tokens = [scan["token"]]
            for option, sent in (("--mask", mask), ("--clinical", clinical)):
                if sent:
                    arguments += [option, str(uploads.path(sent["token"]))]
                    tokens.append(sent["token"])
            for structure in filter(None, ((gtv or "").split(","))):
                arguments.append(f"--gtv={structure.strip()}")
            job = jobs.start(
                f"Import {source.name}", arguments, opens=link("/twin", twin=out.name),
                after=lambda: uploads.forget(*tokens),
            )  # fmt: skip
        except InputError as error:
            return no_update, str(error), *kept
        return job.id, "", None, None, None  # the files are the job's now

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("phantom-error", "children"),
        Input("phantom", "n_clicks"),
        State("phantom-gtv", "value"),
        State("phantom-seed", "value"),
        State("phantom-site", "value"),
        State("phantom-nodes", "checked"),
        State("phantom-name", "value"),
        prevent_initial_call=True,
    )
    def make_phantom(clicks, gtv_cm3, seed, site, nodes, name):
        if not clicks:
            return no_update, no_update
        try:
            out = new_path(library.root, name or f"in-silico-{seed}", ".twin")
            arguments = [
                "phantom",
                str(out),
                "--seed",
                str(int(seed or 0)),
                "--gtv-cm3",
                str(float(gtv_cm3 or 60)),
            ]
            arguments += ["--site", str(site), *(["--nodes"] if nodes else [])]
            job = jobs.start(f"Make {out.name}", arguments, opens=link("/twin", twin=out.name))
        except InputError as error:
            return no_update, str(error)
        return job.id, ""

    @app.callback(
        Output("lists", "children"),
        Input("jobs-poll", "disabled"),
        prevent_initial_call=True,
    )
    def list_again(ended):
        """What a job has made appears when it ends."""
        return _lists(library) if ended and ctx.triggered else no_update

    for store in _STORES:
        app.clientside_callback(ClientsideFunction("rt", "emptied"), Input(store, "data"))
    app.clientside_callback(
        ClientsideFunction("rt", "search"),
        Output("search", "name"),
        Input("search", "value"),
        prevent_initial_call=True,
    )
