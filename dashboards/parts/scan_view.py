"""A virtual scan in viewers beside its source and what it is held against."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from dashboards.elements import named, segments
from dashboards.files.scan_pair import ScanPair, comparable
from dashboards.files.twin_folder import TwinFolder
from dashboards.parts.scan_dose import dose_form
from dashboards.parts.scan_form import scan_label
from dashboards.viewer.controls import plane_control, structure_control, toolbar, window_control
from dashboards.viewer.shown import Shown
from dashboards.viewer.view import View

_CONTROLS = ("ctl-window", "ctl-plane", "ctl-structures", "ctl-pair", "ctl-share", "ctl-against")
_HOW = [("difference", "Difference"), ("blend", "Blend"), ("checker", "Checkerboard")]


def scan_view(subject: TwinFolder, pair: ScanPair, view: View) -> list[Any]:
    """The viewers with their controls, how the scan was made, and a plan's dose on it.

    Args:
        subject: the patient.
        pair: what is shown.
        view: what a link asks for.
    """
    manifest = manifest_of(pair)
    flat = 1 in pair.scans["made"].volume.geometry.shape
    bar = [
        window_control(view),
        plane_control(view),
        structure_control(view.structures),
        html.Div(className="rt-grow"),
    ]
    units = {scan.volume.unit for scan in pair.scans.values()}
    roles = [("truth", pair.scans["truth"].name)] if "truth" in pair.scans else []
    how = _HOW if len(units) == 1 else _HOW[1:]
    hidden = {"display": "none"} if flat else {}
    against = segments(
        "ctl-against", "Compared with", [*roles, ("source", pair.scans["source"].name)],
        roles[0][0] if roles else "source", hint="what the scan is compared with",
    )  # fmt: skip
    compare = html.Div(
        [
            html.Div(against, hidden=not roles),  # the source alone is no choice
            segments("ctl-pair", "How", how, how[0][0], hint="difference, one over the other, or squares"),
            dmc.Slider(id="ctl-share", value=50, min=0, max=100, step=5, size="xs", w=90,
                       label=None, thumbLabel="Blend, %"),
        ],
        className="rt-compare-bar", style=hidden,
    )  # fmt: skip
    panels = [
        html.Section(
            html.Canvas(
                id=spec["canvas"], className="rt-canvas", tabIndex=0, role="img",
                **named(f"{', '.join(spec['words'])}; arrow keys change the slice"),
            ),
            className="rt-panel",
        )
        for spec in manifest["panels"]
    ]  # fmt: skip
    return [
        dcc.Store(id="scan-manifest", data=manifest),
        dcc.Store(id="scan-mounted"),
        toolbar(*bar, _truth(subject, pair), compare),
        html.Div(panels, className="rt-scans"),
        html.Div(
            [html.P(_how_made(pair)), *(dose_form() if pair.scans["made"].volume.modality == "CT" else [])],
            className="rt-note rt-scroll rt-scan-foot",
            tabIndex=0,
            **named("How it was made, and dose on it"),
        ),
    ]


def _truth(subject: TwinFolder, pair: ScanPair) -> Any:
    """The choice of the scan that a virtual one is held against."""
    made = pair.scans["made"]
    choices = [{"value": s.name, "label": scan_label(s)} for s in comparable(subject.twin, made)]
    value = pair.scans["truth"].name if "truth" in pair.scans else None
    choice = dmc.Select(
        id="scan-truth", data=choices, value=value, placeholder="nothing", clearable=True, size="xs", w=210,
        disabled=not choices, **named("Held against"),
    )  # fmt: skip
    return html.Div([html.Span("Held against", className="rt-faint"), choice], className="rt-compare-bar")


def manifest_of(pair: ScanPair) -> dict[str, Any]:
    """All that the viewers need to know before they fetch voxels.

    Args:
        pair: what is shown.
    """
    words = {"source": "Source", "made": "Virtual scan", "truth": "Held against"}
    panels: list[dict[str, Any]] = []
    for role, scan in pair.scans.items():
        own = [f"{words[role]}: {scan_label(scan)}"]
        if scan.simulated is not None:
            own.append(f"by {scan.simulated.scanner}, {scan.simulated.version}")
        ground = role == "source" and scan.volume.unit == "HU"
        simulated = scan.simulated is not None or pair.twin.in_silico
        panels.append(
            {
                "canvas": f"pair-{role}",
                "words": own,
                "scan": "off" if ground else f"{role}:only",
                "generated": simulated,
            }
        )
    if 1 not in pair.scans["made"].volume.geometry.shape:
        panels.append(
            {"canvas": "pair-both", "words": [], "scan": "made:only", "pair": True, "generated": True}
        )
    return {
        "of": "scan", **Shown(pair).describe(), "panels": panels, "prescribed_gy": 0.0, "dose_max_gy": 1.0,
        "dose_label": None,
    }  # fmt: skip


def _how_made(pair: ScanPair) -> str:
    made = pair.scans["made"].simulated
    assert made is not None
    options = ", ".join(f"{name} {value}" for name, value in made.options.items() if value is not None)
    return (
        f"{pair.scans['made'].name} was made of {made.source} by {made.scanner} ({made.version}), seed {made.seed}"
        + (f": {options}." if options else ".")
    )


def register(app: Dash) -> None:
    """The viewers' callbacks.

    Args:
        app: the application.
    """
    app.clientside_callback(
        ClientsideFunction("rt", "mountScan"),
        Output("scan-mounted", "data"),
        Input("scan-manifest", "data"),
        *(State(c, "value") for c in _CONTROLS),
    )
    app.clientside_callback(
        ClientsideFunction("rt", "controlScan"),
        Output("scan-mounted", "data", allow_duplicate=True),
        *(Input(c, "value") for c in _CONTROLS),
        prevent_initial_call=True,
    )
