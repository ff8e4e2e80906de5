"""Scanners: make a virtual scan of a patient's scan, and look at it beside its source and beside a real one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import about, card_text, chooser, named, notice
from dashboards.faults import words_of
from dashboards.files.library import Library, newest
from dashboards.files.scan_pair import APART, ScanPair, truth_of
from dashboards.files.twin_folder import TwinFolder
from dashboards.links import link
from dashboards.parts import scan_dose, scan_preview, scan_view
from dashboards.parts.page import Desk, Page
from dashboards.parts.scan_form import (
    OPTION,
    card_of,
    fields,
    hold_reads,
    options_of,
    scan_label,
    scanners_of,
)
from dashboards.parts.scan_preview import asked_of
from dashboards.viewer.view import View
from scenarios.engine.scanning import free_name, named_scan
from twin import InputError, Scan

_NOTHING = "This page makes virtual scans of a patient's scans: of another dose, modality or quality."


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The form for a patient, and one of his virtual scans.

    Args:
        library: the opened folder.
        query: `scan`, a key of `Library.scan_pair`; or `twin`, else the newest, and `made`, the name of a virtual scan,
            else the last one.

    Raises:
        InputError: no such patient or scan.
    """
    keys = [entry.key for entry in library.twins()]
    if not keys:
        return notice("No patients in this folder yet", _NOTHING, go=("Patients", "/patients")), None
    asked, made, truth = [*query.get("scan", "").split(APART), "", ""][:3]

    def shown(key: str) -> tuple[Any, Any]:
        subject = library.twin(key)
        name = made or query.get("made", "") or _last(subject)
        choice = chooser("scanners-twin", keys, key, "Patient")
        return _page(subject, name, truth if asked else None, View.of(query)), [choice]

    wanted = asked or query.get("twin")
    return shown(wanted) if wanted else newest(keys, shown)


def _last(subject: TwinFolder) -> str:
    made = [scan.name for scan in subject.twin.scans if scan.simulated is not None]
    return made[-1] if made else ""


def _page(subject: TwinFolder, made: str, truth: str | None, view: View) -> Any:
    entry, twin = subject.entry, subject.twin
    shown = [notice("No virtual scan of this patient yet", f"{_NOTHING} Choose one at the left.")]
    if made:
        against = truth_of(twin, named_scan(twin, made)) if truth is None else truth
        shown = scan_view.scan_view(subject, ScanPair(entry, twin, made, against), view)
    return html.Div(
        [
            dcc.Store(id="scanners-key", data=entry.key),
            dcc.Store(id="scan-asker", data=secrets.token_urlsafe(12)),
            html.Aside(
                _form(subject, made),
                className="rt-facts-column rt-form rt-scroll",
                tabIndex=0,
                **named("Scan"),
            ),
            html.Div(shown, className="rt-scan-main"),
        ],
        className="rt-twin",
        **about("twin", entry.key, entry.version, twin.id),
    )


def _form(subject: TwinFolder, made: str) -> list[Any]:
    twin = subject.twin
    scans = [{"value": s.name, "label": scan_label(s)} for s in twin.scans]
    how = named_scan(twin, made).simulated if made else None
    first = named_scan(twin, how.source) if how is not None else twin.baseline
    choices = _choices(scanners_of(first.volume.modality))
    names = [choice["value"] for choice in choices]
    scanner = how.scanner if how is not None else ""
    chosen = (
        next((n for n in names if n == scanner or n.startswith(f"{scanner}/")), names[0])
        if scanner
        else names[0]
    )
    earlier = [s for s in twin.scans if s.simulated is not None]
    return [
        html.H1("Virtual scan"),
        dmc.Select(
            id="scan-source",
            label="Scan of the patient",
            data=scans,
            value=first.name,
            allowDeselect=False,
            size="xs",
        ),
        dmc.Select(
            id="scan-scanner",
            label="Scanner",
            data=choices,
            value=chosen,
            allowDeselect=False,
            size="xs",
        ),
        html.Div(id="scan-options", className="rt-options"),
        dmc.Button("Make the scan", id="scan-run", size="xs", fullWidth=True),
        html.P(id="scan-error", className="rt-error-text", role="alert"),
        html.P(id="scan-far", className="rt-far", role="status"),
        html.Div(id="scan-preview", className="rt-preview", role="status", **named("Preview")),
        html.H2("Made so far"),
        html.Ul([html.Li(_link(subject, scan, made)) for scan in earlier], className="rt-list")
        if earlier
        else html.P("none yet", className="rt-missing"),
        html.Div(id="scan-card"),
    ]


def _link(subject: TwinFolder, scan: Scan, made: str) -> Any:
    if scan.name == made:
        return html.Strong(f"{scan.name}, shown")
    return dcc.Link(scan.name, href=link("/scanners", twin=subject.entry.key, made=scan.name))


def _choices(scanners: list[tuple[str, str]]) -> list[dict[str, str]]:
    listed = [{"value": name, "label": words} for name, words in scanners]
    return listed or [{"value": "", "label": "none reads this scan"}]


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    scan_view.register(app)
    scan_preview.register(app, desk)
    scan_dose.register(app, desk)
    _register_form(app, desk)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("scan-error", "children"),
        Input("scan-run", "n_clicks"),
        State({OPTION: ALL}, "value"),
        State("scan-scanner", "value"),
        State("scan-source", "value"),
        State("scanners-key", "data"),
        prevent_initial_call=True,
    )
    def run(clicks, _values, scanner, source, key):
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            subject = desk.library.twin(key)
            arguments = scan_arguments(subject, scanner, source, asked_of(scanner))
            made = free_name(subject.twin, scanner.partition("/")[0])
            opens = link("/scanners", twin=key, made=made)
            job = desk.jobs.start(f"{scanner} of {source}, {key}", arguments, opens=opens)
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""


def scan_arguments(subject: TwinFolder, scanner: str, source: str, options: Mapping[str, Any]) -> list[str]:
    """The arguments of `rt-twin scan`.

    Args:
        subject: the patient.
        scanner: by name.
        source: name of the scan.
        options: of the scanner, by name.

    Raises:
        InputError: no such scan, a scanner that does not read it, or an option that it does not have.
    """
    hold_reads(scanner, named_scan(subject.twin, source))
    options_of(scanner).of(scanner, options)
    told = [f"--option={name}={value}" for name, value in options.items()]
    return ["scan", str(subject.entry.path), f"--scanner={scanner}", f"--scan={source}", *told]


def _register_form(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output("scan-scanner", "data"),
        Output("scan-scanner", "value"),
        Input("scan-source", "value"),
        State("scan-scanner", "value"),
        State("scanners-key", "data"),
        prevent_initial_call=True,
    )
    def scanners(source, scanner, key):
        scan = named_scan(desk.library.twin(key).twin, source)
        choices = _choices(scanners_of(scan.volume.modality))
        kept = scanner in [choice["value"] for choice in choices]
        return choices, scanner if kept else choices[0]["value"]

    @app.callback(
        Output("scan-options", "children"),
        Output("scan-card", "children"),
        Input("scan-scanner", "value"),
        Input("scan-source", "value"),
    )
    def options(scanner, _source):
        if not scanner:
            return [], None
        card = card_of(scanner)
        text = card.text if card is not None else "*It has no card.*"
        shown = html.Details(
            [
                html.Summary("Its card"),
                card_text(text, "Card", "rt-card-beside"),
            ]
        )
        return fields(options_of(scanner)), shown

    app.clientside_callback(
        ClientsideFunction("rt", "openScan"),
        Output("url", "search", allow_duplicate=True),
        Input("scanners-twin", "value"),
        Input("scan-truth", "value", allow_optional=True),
        State("scanners-key", "data"),
        State("scan-manifest", "data", allow_optional=True),
        prevent_initial_call=True,
    )


PAGE = Page("Scanners", 3.5, layout, register)
