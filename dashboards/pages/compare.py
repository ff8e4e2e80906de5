"""Compare: linked viewers of two to four plans, their trajectories and outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import (
    about,
    chooser,
    data,
    draws,
    figure,
    hinted,
    named,
    notice,
    report_link,
    saves,
    segments,
    tabs,
)
from dashboards.figures.course import course_figure
from dashboards.figures.dvh import default_structures, dvh_figure
from dashboards.figures.recist import recist_figure
from dashboards.figures.trajectory import trajectory_figure
from dashboards.files.library import Library, newest
from dashboards.files.model_cards import learned_from
from dashboards.files.run_folder import RunFolder
from dashboards.parts import demo_offer
from dashboards.parts.page import Desk, Page
from dashboards.tables import run as run_tables
from dashboards.viewer.controls import (
    dose_control,
    lists_button,
    plane_control,
    scan_control,
    solid_button,
    solid_sheet,
    structure_control,
    toolbar,
    viewer_lists,
    window_control,
)
from dashboards.viewer.film import films
from dashboards.viewer.shown import Shown
from dashboards.viewer.view import MOST_PANELS, View
from scenarios.report import methods
from scenarios.report.colours import plan_colour

PANELS = MOST_PANELS
_ACQUIRED = {
    "slug": "",
    "label": "As acquired",
    "colour": "#868e96",
    "context": [],
    "end_days": 0.0,
    "fractions": 0,
    "total_gy": 0.0,
    "dose": "",
}
_LAYOUTS = [
    ("2", "2"),
    ("3", "3"),
    ("4", "4"),
    ("planes", "2 x 3 planes"),
    ("days", "Days"),
    ("scans", "CT/PET"),
]
_HUNG = (
    "how the panels are hung: plans side by side, two plans in three planes, one plan over days, one day as CT, "
    "PET over CT, PET and MIP"
)
_FIRST_LOOK_DAYS = 90.0  # the follow-up shown first: three months, where regression is plain
_CONTROLS = (
    "ctl-day",
    "ctl-sample",
    "ctl-plane",
    "ctl-window",
    "ctl-dose",
    "ctl-scan",
    "ctl-structures",
    "ctl-linked",
    "ctl-difference",
)


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The page of a run, and what it puts into the header.

    Args:
        library: the opened folder.
        query: `run`, else the newest, and the state of the view.

    Raises:
        InputError: no such run, or a broken one.
    """
    entries = library.runs()
    if not entries:
        command = "rt-twin compare PATIENT.twin --plan 60/30 --plan 55/20 --out RUN"
        text = "Compare plans of a patient first, on the page New or in a terminal:"
        go = ("Set up a comparison", "/new")
        empty = notice("No runs in this folder yet", text, command=command, go=go, more=demo_offer.offer())
        return empty, None
    keys = [e.key for e in entries]

    def shown(key: str) -> tuple[Any, Any]:
        run = library.run(key)
        choice = chooser("run", keys, run.entry.key, "Run")
        report = report_link(run=run.entry.key)
        return _page(run, View.of(query)), [choice, report, html.Span(_facts(run), className="rt-facts")]

    return shown(query["run"]) if query.get("run") else newest(keys, shown)


def _page(run: RunFolder, view: View) -> Any:
    slugs = view.plans_of(run)
    manifest = manifest_of(run, slugs, view.layout_of(slugs))
    return html.Div(
        [
            html.H1("Compare plans", className="rt-hidden"),
            dcc.Store(id="manifest", data=manifest),
            dcc.Store(id="mounted"),
            dcc.Store(id="trajectory-figure", data=trajectory_figure(run)),
            dcc.Store(id="dvh-figure"),
            dcc.Store(id="course-figure", data=course_figure(run)),
            dcc.Store(id="recist-figure", data=recist_figure(run)),
            _toolbar(run, view, manifest["layout"]),
            html.Div(
                [
                    html.Div(
                        [_panel(n) for n in range(PANELS)],
                        id="panels",
                        className=f"rt-panels rt-n{manifest['layout']}",
                    ),
                    viewer_lists(),
                ],
                className="rt-viewers",
            ),
            solid_sheet(),
            _time_row(manifest["days"], view),
            html.Div([_figures(run), run_tables.card(run)], className="rt-bottom"),
        ],
        className="rt-compare",
        **about("run", run.entry.key, run.entry.version, run.record.patient.id),
    )


def manifest_of(run: RunFolder, slugs: Sequence[str] = (), layout: str = "2") -> dict[str, Any]:
    """All that the viewers need to know of a run before they fetch voxels.

    Args:
        run: the run.
        slugs: of the plans that the panels begin with; panels beyond them show the run's others, then these again.
        layout: how the panels are hung.
    """
    every = [plan.slug for plan in run.record.plans]
    order = [*slugs, *(slug for slug in every if slug not in slugs)]
    return {
        "of": "run",
        **Shown(run).describe(),
        "fallbacks": run.fallbacks,
        "learned": {}
        if run.record.patient.in_silico
        else learned_from(i.generator for i in run.record.images),
        "dose_simulated": True,
        "dose_max_gy": 1.1 * max([plan.total_gy for plan in run.record.plans] + [1.0]),
        "plans": [
            {
                "slug": plan.slug,
                "label": plan.label,
                "colour": plan_colour(i),
                "context": list(plan.context),
                "end_days": plan.end_days,
                "fractions": plan.fractions,
                "total_gy": plan.total_gy,
                "dose": methods.words(plan.dose_method or ""),
            }
            for i, plan in enumerate(run.record.plans)
        ]
        + [_ACQUIRED],
        "layout": layout,
        "panels": [
            {"canvas": f"panel-{n}-canvas", "head": f"panel-{n}-head", "plan": order[n % len(order)]}
            for n in range(PANELS)
        ],
    }


def _facts(run: RunFolder) -> str:
    record = run.record
    who = "in-silico patient" if record.patient.in_silico else "patient"
    scanned = f", {' and '.join(record.scanners)}" if record.scanners else ""
    return (
        f"{who} {record.patient.id}, GTV {record.patient.gtv_cm3:.1f} cm\u00b3, {record.belief}, "
        f"{record.samples} samples, {record.days:g} days{scanned}"
    )


def _toolbar(run: RunFolder, view: View, layout: str) -> Any:
    samples = sorted({frame.sample for frame in run.frames}) or [0]
    return toolbar(
        window_control(view),
        plane_control(view),
        structure_control(view.structures),
        dose_control([("todate", "So far"), ("full", "Full")], view.dose),
        scan_control(run, view),
        html.Div(className="rt-grow"),
        dmc.Select(
            id="ctl-sample",
            data=[{"value": str(s), "label": f"{run.stands_for.get(s, 'sample')} ({s})"} for s in samples],
            value=str(run.shown_sample),
            allowDeselect=False,
            size="xs",
            w=136,
            display="none" if len(samples) == 1 else None,
            **named("Sample whose images are shown"),
        ),
        segments("ctl-panels", "Panels", _LAYOUTS, layout, hint=_HUNG),
        hinted(
            dmc.Switch(id="ctl-difference", label="Difference", checked=False, size="xs"),
            "every panel minus A: the CTs, or the doses where a dose is shown (d)",
        ),
        hinted(
            dmc.Switch(id="ctl-linked", label="Linked", checked=True, size="xs"),
            "all panels scroll and zoom together",
        ),
        solid_button(),
        lists_button(),
    )


def _panel(n: int) -> Any:
    """A panel; assets/viewer_heads.js fills its head."""
    letter = "ABCDEF"[n]
    canvas = html.Canvas(
        id=f"panel-{n}-canvas",
        className="rt-canvas",
        tabIndex=0,
        role="img",
        **named(f"Panel {letter}: images of a plan; arrow keys change slice and day"),
    )
    head = html.Div(id=f"panel-{n}-head", className="rt-panel-head")
    return html.Section([head, canvas], className="rt-panel", id=f"panel-{n}")


def _time_row(days: list[float], view: View) -> Any:
    value = view.day_of(days) if view.day is not None else min(days, key=lambda d: abs(d - _FIRST_LOOK_DAYS))
    return html.Div(
        [
            hinted(
                dmc.ActionIcon("\u25b6", id="play", variant="light", size="md", **named("Play through time")),
                "play through the days by their distances (c)",
            ),
            dmc.Slider(
                id="ctl-day",
                min=0,
                max=days[-1] or 1,
                value=value,
                marks=_marks(days),
                restrictToMarks=True,
                updatemode="drag",
                label={"function": "rtDay"},
                labelAlwaysOn=True,
                size="sm",
                thumbLabel="Follow-up day",
                className="rt-time",
            ),
            *(
                html.Button(
                    kind.upper(),
                    className="rt-button",
                    type="button",
                    **data(film=kind),  # type: ignore[arg-type]
                    title="save all days as a film, each as long as days pass until the next",
                )
                for kind in films()
            ),
        ],
        className="rt-time-row",
    )


def _marks(days: list[float]) -> list[dict[str, Any]]:
    """A mark for each follow-up; labels only as close as they can be read."""
    marks: list[dict[str, Any]] = []
    last, gap = -1e9, (days[-1] or 1) * 0.045
    for day in days:
        mark: dict[str, Any] = {"value": day}
        if day - last >= gap:
            mark["label"], last = f"{day:.0f}", day
        marks.append(mark)
    return marks


def _figures(run: RunFolder) -> Any:
    heads = [("trajectory", "Volume"), ("recist", "Diameter"), ("dvh", "Dose-volume"), ("course", "Course")]
    names = run.table("dvh")["structure"].unique(maintain_order=True).to_list()
    chooser = dmc.MultiSelect(
        id="dvh-structures",
        data=names,
        value=default_structures(run),
        size="xs",
        className="rt-choose",
        **named("Structures whose dose-volume histograms are shown"),
    )
    dvh = html.Div(
        [
            chooser,
            html.Div(figure("dvh", f"Dose-volume histograms, {run.record.patient.id}"), className="rt-rest"),
        ],
        className="rt-chosen",
    )
    log = html.Button(
        "Log", className="rt-csv", type="button", **data(log="trajectory recist"), **{"aria-pressed": "false"},  # type: ignore[arg-type]
        title="volumes and diameters on a logarithmic axis, where one plan flattens the others",
    )  # fmt: skip
    graphs = [
        figure("trajectory", f"Tumour volume, {run.record.patient.id}"),
        figure("recist", f"RECIST diameters, {run.record.patient.id}"),
        dvh,
        figure("course", f"Course of treatment, {run.record.patient.id}"),
    ]
    return html.Section(
        tabs("figures", heads, graphs, html.Div([log, saves()], className="rt-saves")), className="rt-card"
    )


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks; all but the choice of the run and of structures happen in the browser.

    Args:
        app: the application.
        desk: what pages work with.
    """
    library = desk.library
    demo_offer.register(app, desk)

    @app.callback(
        Output("dvh-figure", "data"),
        Input("dvh-structures", "value"),
        Input("tabs-figures", "value"),
        State("manifest", "data"),
        prevent_initial_call=True,
    )
    def choose(structures: list[str], tab: str, manifest: dict[str, Any]) -> Any:
        """Histograms are made when their tab is opened: they are a quarter of the page's answer."""
        return dvh_figure(library.run(manifest["key"]), structures) if tab == "dvh" else no_update

    run_tables.register(app, library)
    controls = [_input(c) for c in _CONTROLS]
    states = [State(i.component_id, i.component_property) for i in controls]
    app.clientside_callback(
        ClientsideFunction("rt", "mount"), Output("mounted", "data"), Input("manifest", "data"), *states
    )
    app.clientside_callback(
        ClientsideFunction("rt", "control"),
        Output("mounted", "data", allow_duplicate=True),
        *controls,
        State("manifest", "data"),
        prevent_initial_call=True,
    )
    draws(app, "trajectory", "recist", "dvh", "course")
    app.clientside_callback(
        ClientsideFunction("rt", "hang"),
        Output("panels", "title"),
        Input("ctl-panels", "value"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("rt", "play"),
        Output("play", "children"),
        Input("play", "n_clicks"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("rt", "openRun"),
        Output("url", "search"),
        Input("run", "value"),
        State("manifest", "data"),
        prevent_initial_call=True,
    )


def _input(control: str) -> Input:
    return Input(control, "checked" if control in ("ctl-linked", "ctl-difference") else "value")


PAGE = Page("Compare", 3, layout, register)
