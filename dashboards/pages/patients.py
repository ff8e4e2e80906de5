"""Patients: what lies in the opened folder, and how more comes into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from dashboards.elements import data, drop, named
from dashboards.faults import words_of
from dashboards.files.library import Library
from dashboards.files.uploads import free_name, new_path
from dashboards.links import link
from dashboards.parts import change_card
from dashboards.parts.page import Desk, Page
from dashboards.tables.folder import folder_tables
from twin import InputError
from twin.inputs.bounds import check
from twin.inputs.quantities import InSilicoCm3, Seed

_STORES = ("upload-scan", "upload-mask", "upload-clinical")


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of the opened folder; its address asks for nothing more.

    Args:
        library: the opened folder.
        query: of the page's address.
    """
    left = html.Div(
        [
            html.H1("Patients and comparisons", className="rt-hidden"),
            dmc.TextInput(
                id="search",
                placeholder="Search patients and runs",
                size="sm",
                **named("Search patients and runs"),
            ),
            *change_card.card(library, html.Div(folder_tables(library), id="lists")),
        ]
    )
    right = html.Div([_import_card(), _phantom_card()], className="rt-side")
    return html.Div([left, right], className="rt-patients"), None


def _import_card() -> Any:
    return html.Section(
        [
            html.H2("Import a patient"),
            html.P(
                "DICOM files, their folder or a zip, a NIfTI or an NRRD. Names and hospital numbers stay out of it."
            ),
            *drop("upload-scan", "Drop a folder or files here, or press Enter to choose files", many="yes"),
            html.Button("Choose a folder", className="rt-csv", type="button", **data(folder="upload-scan")),
            *drop("upload-mask", "Tumour mask on the same grid (NIfTI, NRRD)", small=True),
            *drop("upload-clinical", "Clinical record (optional)", small=True),
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


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    _register_import(app, desk)
    _register_phantom(app, desk)
    change_card.register(app, desk)

    @app.callback(
        Output("lists", "children"),
        *(Output(store, "data") for store in _STORES),
        Input("jobs-poll", "disabled"),
        *(State(store, "data") for store in _STORES),
        prevent_initial_call=True,
    )
    def list_again(ended, *sent):
        """What a job has made appears when it ends; files that it has used are asked for anew, others stay."""
        if not ended or not ctx.triggered:
            return no_update, *(no_update for _ in sent)
        used = [bool(file) and not desk.uploads.holds(file["token"]) for file in sent]
        return folder_tables(desk.library), *(None if gone else no_update for gone in used)

    for store in _STORES:
        app.clientside_callback(ClientsideFunction("rt", "emptied"), Input(store, "data"))
    app.clientside_callback(
        ClientsideFunction("rt", "search"),
        Output("search", "name"),
        Input("search", "value"),
        prevent_initial_call=True,
    )


def _register_import(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("import-error", "children"),
        Input("import", "n_clicks"),
        *(State(store, "data") for store in _STORES),
        State("import-gtv", "value"),
        State("import-name", "value"),
        prevent_initial_call=True,
    )
    def start_import(clicks, scan, mask, clinical, gtv, name):
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            if not scan:
                raise InputError("choose a file first")
            source = desk.uploads.path(scan["token"])
            out = new_path(desk.library.root, name or free_name(desk.library.root), ".twin")
            arguments = ["import", str(source), str(out)]
            tokens = [scan["token"]]
            for option, sent in (("--mask", mask), ("--clinical", clinical)):
                if sent:
                    arguments += [option, str(desk.uploads.path(sent["token"]))]
                    tokens.append(sent["token"])
            for structure in filter(None, ((gtv or "").split(","))):
                arguments.append(f"--gtv={structure.strip()}")
            job = desk.jobs.start(
                f"Import {out.name}", arguments, opens=link("/twin", twin=out.name),
                after=lambda done: desk.uploads.forget(*tokens) if done else None,
            )  # fmt: skip
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""


def _register_phantom(app: Dash, desk: Desk) -> None:
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
            seed = check(Seed, seed, "the seed")
            gtv_cm3 = check(InSilicoCm3, gtv_cm3, "the tumour's volume in cm\u00b3")
            out = new_path(desk.library.root, name or f"in-silico-{seed}", ".twin")
            numbers = ["--seed", str(seed), "--gtv-cm3", str(gtv_cm3)]
            arguments = ["phantom", str(out), *numbers, "--site", str(site), *(["--nodes"] if nodes else [])]
            job = desk.jobs.start(f"Make {out.name}", arguments, opens=link("/twin", twin=out.name))
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""


PAGE = Page("Patients", 1, layout, register)
