"""Readers: a reader's cases, one after the other; or, for whoever made a study, its results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update
from pydantic import ValidationError

from dashboards.access.rules import READING
from dashboards.access.visitor import current
from dashboards.elements import chooser, draws, named, notice, segments
from dashboards.faults import words_of
from dashboards.files.case_images import CaseImages, first_left
from dashboards.files.library import Library, newest
from dashboards.parts.page import Desk, Page
from dashboards.tables.readers import cards
from dashboards.viewer.controls import scan_control, toolbar, window_control
from dashboards.viewer.shown import Shown
from dashboards.viewer.view import View
from scenarios.readers import Answer, ReaderStudy, give
from twin.errors import InputError

_PLANES = ("axial", "coronal", "sagittal")
_VIEW = ("ctl-window", "ctl-colours", "ctl-scan")
_JUDGED = ("reading-verdict", "reading-confidence", "reading-quality")
_COLOURS = [("grey", "Grey"), ("inverse", "Inverse"), ("hot", "Hot"), ("plasma", "Plasma")]
_GRADES = {
    "reading-confidence": ("Confidence", ("guess", "", "", "", "certain")),
    "reading-quality": ("Quality of the image", ("useless", "", "", "", "excellent")),
}


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """A reader's next case; of a study in the opened folder its results.

    Args:
        library: the opened folder.
        query: `readers`, a study's key; else the newest.

    Raises:
        InputError: no such study, or a broken one.
    """
    if current().role == "reader":  # filled by the page's first callback, which knows where studies lie
        return html.Div([html.Div(id="reading-page"), dcc.Store(id="reading-begun", data=True)]), None
    keys = [entry.key for entry in library.reader_studies()]
    if not keys:
        return notice(
            "No reader study in this folder yet",
            "A study asks readers whether volumes are real or simulated, without saying which.",
            command="rt-twin reader-study make RUN TWIN ... --out STUDY --reader r1:resident",
        ), None

    def shown(key: str) -> tuple[Any, Any]:
        study = library.reader_study(key)
        page = html.Div(cards(study, key), className="rt-readers")
        return page, [chooser("readers", keys, key, "Reader study"), dcc.Store(id="readers-shown", data=key)]

    return shown(query["readers"]) if query.get("readers") else newest(keys, shown)


def _reading(study: ReaderStudy, reader: str) -> list[Any]:
    """The next case with its form, or that there is none left."""
    place = first_left(study, reader)
    if place is None:
        return [notice("All cases are read", "Thank you. Your answers are kept; nothing is left to do.")]
    case = CaseImages(study, reader, place)
    first = f"{case.layers[0].name}:only" if case.layers and study.record.layers[0].unit != "HU" else "off"
    view = View.of({"window": "soft", **dict([first.split(":")] if first != "off" else [])})
    bar = toolbar(
        window_control(view),
        segments("ctl-colours", "Colours", _COLOURS, "grey", hint="colours of the CT"),
        html.Div(scan_control(case, view), hidden=not case.layers),
    )
    panels = [
        html.Section(
            html.Canvas(
                id=f"case-{plane}", className="rt-canvas", tabIndex=0, role="img",
                **named(f"{plane} view of case {place + 1}; arrow keys change the slice"),
            ),
            className="rt-panel",
        )
        for plane in _PLANES
    ]  # fmt: skip
    manifest = {
        "of": READING, **Shown(case).describe(), "blind": True, "prescribed_gy": 0.0, "dose_max_gy": 1.0,
        "dose_label": None, "panels": [{"canvas": f"case-{plane}", "plane": plane} for plane in _PLANES],
    }  # fmt: skip
    return [
        dcc.Store(id="reading-manifest", data=manifest),
        dcc.Store(id="reading-mounted"),
        html.Div([bar, html.Div(panels, className="rt-ortho")], className="rt-reading-images"),
        html.Aside(_form(place, study.record.cases), className="rt-card rt-form", **named("Judgement")),
    ]


def _form(place: int, cases: int) -> list[Any]:
    grades = [
        html.Div(
            [
                html.Span(label, className="rt-label"),
                dmc.RadioGroup(
                    dmc.Group(
                        [
                            dmc.Radio(label=f"{n} {word}".strip(), value=str(n), size="xs")
                            for n, word in enumerate(words, start=1)
                        ],
                        gap=8,
                    ),
                    id=name,
                    **named(label),
                ),
            ]
        )
        for name, (label, words) in _GRADES.items()
    ]
    verdict = dmc.RadioGroup(
        dmc.Group([dmc.Radio(label="Real", value="real"), dmc.Radio(label="Simulated", value="simulated")]),
        id="reading-verdict",
        **named("Real or simulated"),
    )
    return [
        html.H1(f"Case {place + 1} of {cases}"),
        html.P("Is this volume real (acquired by a scanner) or simulated?"),
        dmc.Progress(value=100 * place / cases, size="sm", **named("Cases read")),
        html.Div([html.Span("It is", className="rt-label"), verdict]),
        *grades,
        dmc.Button("Keep and go on", id="reading-next", mt=10, fullWidth=True),
        html.P(id="reading-error", className="rt-error-text", role="alert"),
        html.P(
            "An answer cannot be changed. You may stop at any time; the same link goes on from here.",
            className="rt-note",
        ),
    ]


def _answer(case: int, verdict: str | None, confidence: str | None, quality: str | None) -> Answer:
    if not verdict or not confidence or not quality:
        raise InputError("say real or simulated, how sure you are, and how good the image is")
    try:
        return Answer.model_validate(
            {
                "case": case,
                "real": {"real": True, "simulated": False}[verdict],
                "confidence": int(confidence),
                "quality": int(quality),
            }
        )
    except (ValidationError, KeyError, ValueError, TypeError):
        raise InputError("that is no answer") from None


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    draws(app, "roc")
    app.clientside_callback(
        ClientsideFunction("rt", "openReading"),
        Output("url", "search", allow_duplicate=True),
        Input("readers", "value"),
        State("readers-shown", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("rt", "mountReading"),
        Output("reading-mounted", "data"),
        Input("reading-manifest", "data"),
        *(State(c, "value") for c in _VIEW),
    )
    app.clientside_callback(
        ClientsideFunction("rt", "controlReading"),
        Output("reading-mounted", "data", allow_duplicate=True),
        *(Input(c, "value") for c in _VIEW),
        prevent_initial_call=True,
    )

    @app.callback(
        Output("reading-page", "children", allow_duplicate=True),
        Output("reading-page", "className", allow_duplicate=True),
        Input("reading-begun", "data"),
        prevent_initial_call="initial_duplicate",
    )
    def begin(_begun):
        return _reading(*_own(desk)), "rt-reading"

    @app.callback(
        Output("reading-page", "children"),
        Output("reading-error", "children"),
        Input("reading-next", "n_clicks"),
        *(State(c, "value") for c in _JUDGED),
        State("reading-manifest", "data"),
        prevent_initial_call=True,
    )
    def keep(clicks, verdict, confidence, quality, manifest):
        if not clicks:  # the case was opened
            return no_update, no_update
        try:
            study, reader = _own(desk)
            place = first_left(study, reader)
            if place is None or not isinstance(manifest, dict) or manifest.get("key") != str(place):
                raise InputError("this case has been answered; load the page again")
            give(study, reader, _answer(study.order(reader)[place], verdict, confidence, quality))
        except InputError as error:
            return no_update, words_of(error)
        return _reading(study, reader), ""


def _own(desk: Desk) -> tuple[ReaderStudy, str]:
    """The study of the reader who asks, and his name in it.

    Raises:
        InputError: he is none, or the study has no reader of his name.
    """
    visitor = current()
    if visitor.role != "reader":
        raise InputError("only a reader's link opens a study for reading")
    study = desk.whole.reader_study(visitor.study)
    return study, study.reader(visitor.name).name


PAGE = Page("Readers", 8, layout, register)
