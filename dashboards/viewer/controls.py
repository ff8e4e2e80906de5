"""The controls that every page with viewers has, each with the ids and values that assets/wiring.js knows."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dashboards.elements import OVER, data, hinted, named, segments
from dashboards.files.subject import Subject
from dashboards.viewer.view import View, scan_choices

_WINDOWS = [("soft", "Soft"), ("lung", "Lung"), ("bone", "Bone"), ("brain", "Brain")]
_PLANES = [("axial", "Axial"), ("coronal", "Coronal"), ("sagittal", "Sagittal")]
_STRUCTURES = [("none", "No contours"), ("tumour", "Tumour"), ("all", "All")]
_BESIDE = 4  # choices that stand side by side; more are a list


def window_control(view: View) -> Any:
    """The choice of the CT's window.

    Args:
        view: what a link asks for.
    """
    return segments(
        "ctl-window", "Window", _WINDOWS, view.window,
        hint="grey values of the CT (1 to 4); drag with the right button for any other",
    )  # fmt: skip


def plane_control(view: View) -> Any:
    """The choice of the plane that all viewers show.

    Args:
        view: what a link asks for.
    """
    return segments("ctl-plane", "Plane", _PLANES, view.plane, hint="the plane of the panels (v)")


def structure_control(value: str) -> Any:
    """The choice of contours.

    Args:
        value: the one that is chosen first.
    """
    return segments(
        "ctl-structures",
        "Contours",
        _STRUCTURES,
        value,
        hint="which contours are drawn (g); each by itself in the lists (l)",
    )


def dose_control(options: list[tuple[str, str]], value: str, **more: Any) -> Any:
    """The choice of the dose that lies over the CT.

    Args:
        options: value and words of each beside none.
        value: the one that is chosen first.
        **more: further properties of `dmc.SegmentedControl`.
    """
    hint = "dose over the CT (t); isodoses, units and EQD2 in the lists (l)"
    return segments("ctl-dose", "Dose", [("off", "No dose"), *options], value, hint=hint, **more)


def scan_control(subject: Subject, view: View) -> Any:
    """The choice among scans of other modalities: over the CT where they are coloured, or alone.

    Args:
        subject: the patient or run.
        view: what a link asks for.
    """
    choices = scan_choices(subject.layers)
    chosen = view.scan(subject.layers)
    hint = "scans of other modalities (p); opacity and SUV window in the lists (l)"
    if len(choices) > _BESIDE:
        listed = [{"value": value, "label": words} for value, words in choices]
        choice = dmc.Select(
            id="ctl-scan", data=listed, value=chosen, allowDeselect=False, size="xs", w=240, **named("Other scans")
        )  # fmt: skip
        return hinted(choice, hint)
    return segments("ctl-scan", "Other scans", choices, chosen, hint=hint, disabled=len(choices) == 1)


def lists_button() -> Any:
    """The button that opens the lists of structures, isodoses and scans."""
    return html.Button(
        "Lists", className="rt-button", type="button", title="structures, isodoses, PET and measuring (l)",
        **data(lists="yes"), **{"aria-expanded": "false", "aria-controls": "viewer-lists"},  # type: ignore[arg-type]
    )  # fmt: skip


def solid_button() -> Any:
    """The button that opens the view in space."""
    return html.Button(
        "3-D", className="rt-button", type="button", title="tumour, organs and an isodose of the first panel in space",
        **data(solid="yes"),  # type: ignore[arg-type]
    )  # fmt: skip


def solid_sheet() -> Any:
    """The sheet of that view; assets/viewer_solid.js draws in it."""
    canvas = html.Canvas(
        id="solid", className="rt-solid", tabIndex=0, role="img",
        **named("Tumour, organs and an isodose in space; a drag or the arrow keys turn them, the wheel zooms"),
    )  # fmt: skip
    return dmc.Modal(canvas, id="solid-sheet", title="In space", size="min(1100px, 94vw)", **OVER)


def viewer_lists() -> Any:
    """The place of these lists beside the viewers; assets/viewer_lists.js fills it."""
    return html.Aside(
        id="viewer-lists",
        className="rt-lists",
        hidden=True,
        tabIndex=0,
        **named("Structures, isodoses and scans"),
    )


def toolbar(*parts: Any) -> Any:
    """The bar above the viewers.

    Args:
        *parts: its controls.
    """
    return html.Div(list(parts), className="rt-toolbar", role="toolbar", **named("Viewer"))
