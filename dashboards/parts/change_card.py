"""Renaming and deleting what the opened folder holds, with the way back: the last change is undone, the bin kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboards.elements import OVER
from dashboards.faults import words_of
from dashboards.files.bin import Bin
from dashboards.files.library import Library
from dashboards.parts.page import Desk
from dashboards.tables.folder import folder_tables
from twin.errors import InputError

_JOB = Output(
    "job", "data", allow_duplicate=True
)  # never set: it says that this changes something, not only looks


def card(library: Library, lists: Any) -> list[Any]:
    """The sheet that asks for a name, what was changed last, the lists themselves, and the bin.

    Args:
        library: the opened folder.
        lists: of what it holds.
    """
    sheet = dmc.Modal(
        [
            dmc.TextInput(id="change-name", label="Name", size="sm"),
            html.P(id="change-error", className="rt-error-text", role="alert"),
            dmc.Group(
                [
                    dmc.Button("Rename", id="change-rename", size="xs"),
                    dmc.Button("Delete", id="change-delete", size="xs", variant="default"),
                ],
                gap="xs",
                mt=10,
            ),
            html.P(
                "What is deleted goes into the bin of this folder and can be put back.", className="rt-faint"
            ),
        ],
        id="change-sheet",
        title="Rename or delete",
        size="sm",
        **OVER,
    )
    undo = dmc.Button("Undo", id="change-undo", size="compact-xs", variant="default", display="none")
    return [
        dcc.Store(id="changing"),
        dcc.Store(id="change-last"),
        sheet,
        html.Div([html.Span(id="change-said", role="status"), undo], className="rt-said"),
        lists,
        html.Div(bin_list(library), id="bin"),
    ]


def bin_list(library: Library) -> Any:
    """What lies in the bin, each with the way back; nothing where it is empty.

    Args:
        library: the opened folder.
    """
    rows = [
        html.Li(
            [
                f"{one.key} ",
                html.Button(
                    "Put back", id={"put-back": one.token}, className="rt-csv", type="button",
                    title=f"Put {one.key} back where it was",
                ),
            ]
        )
        for one in Bin(library.root).listed()
    ]  # fmt: skip
    return html.Section([html.H2("Bin"), html.Ul(rows, className="rt-list")]) if rows else None


def register(app: Dash, desk: Desk) -> None:
    """The callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    library = desk.library
    _register_change(app, library)
    _register_back(app, library)

    @app.callback(
        Output("lists", "children", allow_duplicate=True),
        Output("bin", "children"),
        Output("change-said", "children"),
        Output("change-undo", "display"),
        Input("change-last", "data"),
        prevent_initial_call=True,
    )
    def show(last):
        if not last:
            return (no_update,) * 4
        undone = "inline-block" if "token" in last or "was" in last else "none"
        return folder_tables(library), bin_list(library), last["words"], undone


def _register_change(app: Dash, library: Library) -> None:
    @app.callback(
        Output("change-sheet", "opened"),
        Output("change-sheet", "title"),
        Output("change-name", "value"),
        Output("change-error", "children"),
        Input("changing", "data"),
        prevent_initial_call=True,
    )
    def ask(asked):
        if not asked:
            return (no_update,) * 4
        return True, f"Rename or delete {asked['key']}", Path(asked["key"]).name, ""

    @app.callback(
        _JOB,
        Output("change-sheet", "opened", allow_duplicate=True),
        Output("change-error", "children", allow_duplicate=True),
        Output("change-last", "data"),
        Input("change-rename", "n_clicks"),
        Input("change-delete", "n_clicks"),
        State("changing", "data"),
        State("change-name", "value"),
        prevent_initial_call=True,
    )
    def change(renames, deletions, asked, name):
        if not (renames or deletions) or not asked:
            return (no_update,) * 4
        try:
            entry = library.entry(asked["kind"], asked["key"])
            if ctx.triggered_id == "change-delete":
                last = {"words": f"{entry.key} is in the bin.", "token": Bin(library.root).delete(entry)}
            else:
                key = Bin(library.root).give_name(entry, name or "")
                words = f"{entry.key} is now called {key}."
                last = {"words": words, "kind": asked["kind"], "key": key, "was": entry.path.name}
        except InputError as error:
            return no_update, no_update, words_of(error), no_update
        return no_update, False, "", last


def _register_back(app: Dash, library: Library) -> None:
    @app.callback(
        _JOB,
        Output("change-last", "data", allow_duplicate=True),
        Input("change-undo", "n_clicks"),
        Input({"put-back": ALL}, "n_clicks"),
        State("change-last", "data"),
        prevent_initial_call=True,
    )
    def back(_undone, _put_back, last):
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return no_update, no_update
        who = ctx.triggered_id
        token = who["put-back"] if isinstance(who, dict) else (last or {}).get("token")
        try:
            if token:
                return no_update, {"words": f"{Bin(library.root).put_back(token)} is back."}
            entry = library.entry(last["kind"], last["key"])
            return no_update, {
                "words": f"{Bin(library.root).give_name(entry, last['was'])} has its name again."
            }
        except InputError as error:
            return no_update, {"words": words_of(error)}
