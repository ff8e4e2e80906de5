"""The controls that every page with viewers has, each with the ids and values that assets/wiring.js knows."""

from __future__ import annotations

from typing import Any

from dash import html

from dashboards.elements import named, segments
from dashboards.files.subject import Subject
from dashboards.viewer.view import View, scan_choices

_WINDOWS = [("soft", "Soft"), ("lung", "Lung"), ("bone", "Bone"), ("brain", "Brain")]
_PLANES = [("axial", "Axial"), ("coronal", "Coronal"), ("sagittal", "Sagittal")]
_STRUCTURES = [("none", "No contours"), ("tumour", "Tumour"), ("all", "All")]


def window_control(view: View) -> Any:
    """The choice of the CT's window.

    Args:
        view: what a link asks for.
    """
    return segments("ctl-window", "Window", _WINDOWS, view.window)


def plane_control(view: View) -> Any:
    """The choice of the plane that all viewers show.

    Args:
        view: what a link asks for.
    """
    return segments("ctl-plane", "Plane", _PLANES, view.plane)


def structure_control(value: str) -> Any:
    """The choice of contours.

    Args:
        value: the one that is chosen first.
    """
    return segments("ctl-structures", "Contours", _STRUCTURES, value)


def dose_control(options: list[tuple[str, str]], value: str, **more: Any) -> Any:
    """The choice of the dose that lies over the CT.

    Args:
        options: value and words of each beside none.
        value: the one that is chosen first.
        **more: further properties of `dmc.SegmentedControl`.
    """
    return segments("ctl-dose", "Dose", [("off", "No dose"), *options], value, **more)


def scan_control(subject: Subject, view: View) -> Any:
    """The choice among scans of other modalities: over the CT where they are coloured, or alone.

    Args:
        subject: the patient or run.
        view: what a link asks for.
    """
    choices = scan_choices(subject.layers)
    chosen = view.scan(subject.layers)
    return segments("ctl-scan", "Other scans", choices, chosen, disabled=len(choices) == 1)


def toolbar(*parts: Any) -> Any:
    """The bar above the viewers.

    Args:
        *parts: its controls.
    """
    return html.Div(list(parts), className="rt-toolbar", role="toolbar", **named("Viewer"))
