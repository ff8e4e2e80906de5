"""What a virtual scan would look like, and how far its source is from what was learned, as the form is filled in."""

from __future__ import annotations

from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update

from dashboards.faults import words_of
from dashboards.jobs.preview import Superseded
from dashboards.jobs.scan_look import far, look
from dashboards.parts.page import Desk
from dashboards.parts.scan_form import OPTION, given, guarded, hold_reads, options_of
from scenarios.engine.scanning import named_scan, part_of
from simulators.learned.distance import far_words
from twin import InputError

_PREVIEW_S, _FAR_S = 20.0, 60.0


def register(app: Dash, desk: Desk) -> None:
    """The callbacks of the preview and of the distance.

    Args:
        app: the application.
        desk: what pages work with.
    """

    @app.callback(
        Output("scan-preview", "children"),
        Input({OPTION: ALL}, "value"),
        Input("scan-scanner", "value"),
        Input("scan-source", "value"),
        State("scanners-key", "data"),
        State("scan-asker", "data"),
    )
    def preview(_values, scanner, source, key, asker):
        if not scanner:
            return None
        try:
            twin = desk.library.twin(key).twin
            hold_reads(scanner, named_scan(twin, source))
            part = part_of(twin, source, scanner)
            picture = desk.previews.of(asker, look, part, scanner, asked_of(scanner), longest_s=_PREVIEW_S)
        except Superseded:
            return no_update
        except InputError as error:
            return html.P(f"No preview: {words_of(error)}", className="rt-missing")
        return html.Img(src=picture, alt=f"preview of {scanner}, {part.words}")

    @app.callback(
        Output("scan-far", "children"),
        Input("scan-scanner", "value"),
        Input("scan-source", "value"),
        State("scanners-key", "data"),
        State("scan-asker", "data"),
    )
    def distance(scanner, source, key, asker):
        if not guarded(scanner):
            return None
        path = desk.library.twin(key).entry.path
        try:
            return far_words(desk.previews.of(f"{asker} far", far, path, source, scanner, longest_s=_FAR_S))
        except Superseded:
            return no_update
        except InputError as error:
            return f"How far this scan is from what was learned is not known: {words_of(error)}"


def asked_of(scanner: str) -> dict[str, Any]:
    """The options in the form whose callback is under way, by name.

    Args:
        scanner: that the form is of.
    """
    listed = [*ctx.inputs_list, *ctx.states_list]
    found = next(part for part in listed if isinstance(part, list))
    values = {field["id"][OPTION]: field.get("value") for field in found}
    return given(options_of(scanner), values)
