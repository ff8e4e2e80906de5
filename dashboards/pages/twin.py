"""Twin: what is known of one patient, on one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboards.elements import about, chooser, named, notice
from dashboards.faults import words_of
from dashboards.files.library import Library, newest
from dashboards.files.twin_folder import TwinFolder
from dashboards.links import link
from dashboards.parts import organ_card, record_card, timeline_card
from dashboards.parts.page import Desk, Page
from dashboards.tables.belief import belief_table
from dashboards.viewer.controls import (
    dose_control,
    lists_button,
    scan_control,
    solid_button,
    solid_sheet,
    structure_control,
    toolbar,
    viewer_lists,
    window_control,
)
from dashboards.viewer.shown import Shown
from dashboards.viewer.view import View
from scenarios.plans.plan import TreatmentPlan
from scenarios.report import methods
from twin.errors import InputError
from twin.inputs.bounds import check
from twin.inputs.quantities import Cm3, Time

_PLANES = ("axial", "coronal", "sagittal")
_CONTROLS = ("ctl-day", "ctl-window", "ctl-dose", "ctl-scan", "ctl-structures")


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of a twin.

    Args:
        library: the opened folder.
        query: `twin`, else the newest; `forecast`, a run to lay on the timeline; and the state of the view.

    Raises:
        InputError: no such twin, or a broken one.
    """
    entries = library.twins()
    if not entries:
        text = "Import one, or make an in-silico patient."
        return notice("No patients in this folder yet", text, go=("Patients", "/patients")), None
    keys = [e.key for e in entries]

    def shown(key: str) -> tuple[Any, Any]:
        subject = library.twin(key)
        choice = chooser("twin", keys, key, "Patient")
        compare = dcc.Link("Compare plans", href=link("/new", twin=key), className="rt-button rt-strong")
        return _page(library, subject, View.of(query), query.get("forecast")), [choice, compare]

    return shown(query["twin"]) if query.get("twin") else newest(keys, shown)


def _page(library: Library, subject: TwinFolder, view: View, asked: str | None) -> Any:
    manifest = manifest_of(subject)
    dose = manifest["dose_label"] or "Dose"
    dosed = bool(subject.twin.doses)
    bar = toolbar(
        window_control(view),
        structure_control(view.structures if view.structures != "tumour" else "all"),
        dose_control(
            [("full", dose)], view.dose if view.dose == "full" and dosed else "off", disabled=not dosed
        ),
        scan_control(subject, view),
        html.Div(className="rt-grow"),
        _days(manifest["days"], view),
        solid_button(),
        lists_button(),
    )
    panels = [
        html.Section(
            [
                html.Canvas(
                    id=f"ortho-{plane}", className="rt-canvas", tabIndex=0, role="img",
                    **named(f"{plane} view; arrow keys change the slice, Shift and moving sets the crosshair"),
                )
            ],
            className="rt-panel",
        )
        for plane in _PLANES
    ]  # fmt: skip
    return html.Div(
        [
            dcc.Store(id="twin-manifest", data=manifest),
            dcc.Store(id="twin-mounted"),
            solid_sheet(),
            html.Aside(
                _facts(subject), className="rt-facts-column rt-scroll", tabIndex=0, **named("Patient")
            ),
            html.Div(
                [
                    bar,
                    html.Div(
                        [html.Div(panels, className="rt-ortho"), viewer_lists()], className="rt-viewers"
                    ),
                    timeline_card.card(library, subject, asked),
                ],
                className="rt-twin-main",
            ),
        ],
        className="rt-twin",
        **about("twin", subject.entry.key, subject.entry.version, subject.twin.id),
    )


def manifest_of(subject: TwinFolder) -> dict[str, Any]:
    """All that the viewers need to know of a twin before they fetch voxels.

    Args:
        subject: the patient.
    """
    doses = list(subject.twin.doses.values())
    label = None
    if doses:
        label = f"Dose {doses[0].name}" + (
            f" ({methods.words(doses[0].method)})" if doses[0].approximate else ""
        )
    return {
        "of": "twin",
        **Shown(subject).describe(),
        "dose_label": label,
        "dose_method": methods.words(doses[0].method) if doses else None,
        "dose_simulated": bool(doses and doses[0].approximate),
        "prescribed_gy": doses[0].prescription_gy if doses else 0.0,
        "dose_max_gy": 1.1 * max([d.prescription_gy for d in doses] + [1.0]),
        "panels": [{"canvas": f"ortho-{plane}", "plane": plane} for plane in _PLANES],
    }


def _days(days: list[float], view: View) -> Any:
    """A choice among acquired days; hidden where there is one."""
    chosen = view.day_of(days) if view.day is not None else days[0]
    options = [{"value": str(n), "label": f"day {d:g}"} for n, d in enumerate(days)]
    return dmc.Select(
        id="ctl-day", data=options, value=str(days.index(chosen)),
        allowDeselect=False, size="xs", w=110, display="none" if len(days) == 1 else None, **named("Acquired day"),
    )  # fmt: skip


def _facts(subject: TwinFolder) -> list[Any]:
    twin = subject.twin
    doubts = [check.words for check in twin.checks if not check.passed]
    head = [
        html.H1(twin.id),
        html.P("in-silico patient" if twin.in_silico else "patient", className="rt-faint"),
    ]
    return [
        *head,
        _table(
            "Clinical record",
            [(label, _clinical(twin, name, unit)) for name, label, unit in record_card.ENTRIES],
        ),
        record_card.card(subject),
        _table(
            "State",
            [
                ("Tumour on day 0", f"{twin.gtv_cm3:.1f} cm\u00b3"),
                ("Now", f"day {twin.now_days:g}"),
                (
                    "Fractions delivered",
                    f"{len(twin.fractions)}, {sum(f.dose_gy for f in twin.fractions):g} Gy",
                ),
                ("Belief", _belief(subject)),
            ],
        ),
        _structures(subject),
        organ_card.card(subject),
        _observation_form(subject),
        html.Div(id="moved"),
        belief_table(twin),
        *([html.H2("Notes"), *(html.P(note) for note in twin.notes)] if twin.notes else []),
        *([html.H2("To check"), *(html.P(words) for words in doubts)] if doubts else []),
    ]


def _clinical(twin: Any, name: str, unit: str) -> Any:
    shown = record_card.value_words(twin, name)
    return f"{shown} {unit}".strip() if shown else html.Span("missing", className="rt-missing")


def _belief(subject: TwinFolder) -> str:
    belief = subject.twin.belief
    if belief is None:
        return "prior, drawn when plans are compared"
    return f"{belief.kind}, {belief.n} samples"


def _table(title: str, rows: list[tuple[str, Any]]) -> Any:
    body = [html.Tr([html.Th(name, scope="row"), html.Td(value)]) for name, value in rows]
    return html.Section([html.H2(title), html.Table(html.Tbody(body), className="rt-table rt-tight")])


def _structures(subject: TwinFolder) -> Any:
    rows = []
    for structure, colour in Shown(subject).drawn():
        marks = [html.Span("estimated", className="rt-tag")] if structure.estimated else []
        swatch = html.Span(className="rt-swatch", style={"background": colour})
        rows.append(
            html.Tr(
                [
                    html.Th([swatch, structure.name, *marks], scope="row"),
                    html.Td(f"{structure.cm3:.1f} cm\u00b3", className="rt-number"),
                ]
            )
        )
    return html.Section([html.H2("Structures"), html.Table(html.Tbody(rows), className="rt-table rt-tight")])


def _observation_form(subject: TwinFolder) -> Any:
    twin = subject.twin
    seen = [html.Li(f"day {o.time_days:g}: {_observed(o)}") for o in twin.observations]
    return html.Section(
        [
            html.H2("Observations"),
            html.Ul(seen, className="rt-list") if seen else html.P("none yet", className="rt-missing"),
            dmc.Group(
                [
                    dmc.NumberInput(id="observe-day", label="Day", min=0, max=3650, size="xs", w=76),
                    dmc.NumberInput(
                        id="observe-gtv", label="Tumour, cm\u00b3", min=0, max=2000, size="xs", w=96
                    ),
                    dmc.TextInput(
                        id="observe-plan", label="Plan so far", placeholder="60/30", size="xs", w=92
                    ),
                ],
                gap=6,
            ),
            dmc.Group(
                [
                    dmc.Button("Add observation", id="observe", size="compact-xs", variant="default"),
                    dmc.Button(
                        "Undo the last entry",
                        id="observe-undo",
                        size="compact-xs",
                        variant="subtle",
                        disabled=not (seen or twin.fractions),
                    ),
                ],
                gap=6,
                mt=6,
            ),
            html.P(id="observe-error", className="rt-error-text", role="alert"),
        ]
    )


def _observed(observation: Any) -> str:
    if observation.kind == "gtv_cm3":
        return f"{observation.value:.1f} cm\u00b3"
    return f"{'SUVpeak' if observation.kind == 'suv_peak' else 'SUVmax'} {observation.value:.1f}"


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    timeline_card.register(app, desk)
    organ_card.register(app, desk)
    record_card.register(app, desk)
    _register_viewers(app)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("observe-error", "children"),
        Input("observe", "n_clicks"),
        Input("observe-undo", "n_clicks"),
        State("twin-manifest", "data"),
        State("observe-day", "value"),
        State("observe-gtv", "value"),
        State("observe-plan", "value"),
        prevent_initial_call=True,
    )
    def observe(clicks, undo, manifest, day, gtv_cm3, plan):
        if not clicks and not undo:  # the page was opened
            return no_update, no_update
        try:
            subject = desk.library.twin(manifest["key"])
            entry, back = subject.entry, ctx.triggered_id == "observe-undo"
            arguments, title = ["observe", str(entry.path), "--undo"], f"Undo the last entry of {entry.key}"
            if not back:
                arguments = observe_arguments(entry.path, day, gtv_cm3, plan)
                title = f"Observe {entry.key} on day {float(day):g}"
            changes = str(len(subject.twin.history) + 1)
            job = desk.jobs.start(title, arguments, opens=link("/twin", twin=entry.key, change=changes))
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""


def observe_arguments(twin: Path, day: Any, gtv_cm3: Any, plan: str | None) -> list[str]:
    """The arguments of `rt-twin observe`.

    Args:
        twin: the patient's folder.
        day: of the observation, as the form gives it.
        gtv_cm3: the tumour's volume, as the form gives it.
        plan: the short form of what was delivered so far; "none" where nothing was.

    Raises:
        InputError: the day, the volume or the plan is missing, or the plan is none.
    """
    if day in (None, "") or gtv_cm3 in (None, ""):
        raise InputError("give the day and the tumour's volume")
    numbers = check(Time, day, "the day"), check(Cm3, gtv_cm3, "the tumour's volume in cm\u00b3")
    arguments = ["observe", str(twin), "--day", str(numbers[0]), "--gtv-cm3", str(numbers[1])]
    if not plan or not plan.strip():
        raise InputError(
            f"say what was given up to day {numbers[0]:g}: a plan like 60/30, or none; what is learned depends on it"
        )
    plan = plan.strip()
    if plan.lower() != "none":
        if plan.lower().endswith((".yaml", ".yml")):
            raise InputError("write the plan like 60/30")
        TreatmentPlan.parse(plan)
        arguments.append(f"--plan={plan}")
    return arguments


def _register_viewers(app: Dash) -> None:
    controls = [Input(c, "value") for c in _CONTROLS]
    states = [State(c, "value") for c in _CONTROLS]
    app.clientside_callback(
        ClientsideFunction("rt", "mountTwin"),
        Output("twin-mounted", "data"),
        Input("twin-manifest", "data"),
        *states,
    )
    app.clientside_callback(
        ClientsideFunction("rt", "controlTwin"),
        Output("twin-mounted", "data", allow_duplicate=True),
        *controls,
        State("twin-manifest", "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("rt", "openTwin"),
        Output("url", "search", allow_duplicate=True),
        Input("twin", "value"),
        State("twin-manifest", "data"),
        prevent_initial_call=True,
    )


PAGE = Page("Twin", 2, layout, register)
