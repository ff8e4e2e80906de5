"""The offer of a demo, to who has no comparison yet: what `rt-twin demo` makes, by one button."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html, no_update

from dashboards.access.visitor import current
from dashboards.faults import words_of
from dashboards.links import link
from dashboards.parts.page import Desk
from twin.errors import InputError


def offer() -> Any:
    """The button, for who may start jobs."""
    if current().role != "run":
        return None
    return html.Div(
        [
            html.P("Or look at a demo first: an in-silico patient under 60/30 and 55/20, made here and now."),
            dmc.Button("Make the demo", id="demo-make", variant="default"),
            html.P(id="demo-error", className="rt-error-text", role="alert"),
        ]
    )


def register(app: Dash, desk: Desk) -> None:
    """The button's callback.

    Args:
        app: the application.
        desk: runs the child.
    """

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("demo-error", "children"),
        Input("demo-make", "n_clicks"),
        prevent_initial_call=True,
    )
    def make(clicks: int | None) -> tuple[Any, Any]:
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            job = desk.jobs.start(
                "Make the demo", ["demo", str(desk.library.root)], opens=link("/compare", run="demo")
            )
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""
