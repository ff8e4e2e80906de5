"""The organs' card on the page Twin: estimates that were looked at are rejected or replaced, and brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, State, ctx, html, no_update

from dashboards.elements import drop
from dashboards.faults import words_of
from dashboards.files.twin_folder import TwinFolder
from dashboards.links import link
from dashboards.parts.page import Desk
from twin import InputError, PatientTwin

_STORE = "upload-organ"
_BUTTONS = {"organ-reject": "Reject", "organ-replace": "Replace", "organ-undo": "Undo"}


def card(subject: TwinFolder) -> Any:
    """The card; it says which organs are estimated and which estimates count no more.

    Args:
        subject: the patient.
    """
    names, aside = organs_of(subject.twin)
    offered = [*names, *(n for n in aside if n not in subject.twin.contours)]
    words = f"Estimated, to be looked at: {', '.join(names)}." if names else "No organ is estimated."
    if aside:
        words += f" Set aside: {', '.join(aside)}."
    buttons = [
        dmc.Button(label, id=button, size="compact-xs", variant="default")
        for button, label in _BUTTONS.items()
    ]
    return html.Section(
        [
            html.H2("Estimated organs"),
            html.P(words + " What is rejected has no dose figures."),
            dmc.Select(id="organ", label="Organ", data=offered, size="xs"),
            *drop(_STORE, "Its mask on the CT (NIfTI, NRRD) or an RTSTRUCT, to replace it", small=True),
            dmc.Group(buttons, gap=6, mt=6),
            html.P(id="organ-error", className="rt-error-text", role="alert"),
        ]
    )


def organs_of(twin: PatientTwin) -> tuple[list[str], list[str]]:
    """Names of the organs that are estimated, and of those whose estimate was set aside.

    Args:
        twin: the patient.
    """
    try:
        contours = twin.contours
    except InputError:  # no CT, or nothing drawn on it
        return [], []
    return [s.name for s in contours.role("OAR") if s.estimated], sorted({s.name for s in contours.set_aside})


def edit_arguments(twin: Path, button: str, organ: str | None, file: Path | None) -> list[str]:
    """The arguments of `rt-twin edit`.

    Args:
        twin: the patient's folder.
        button: which of the card's was pressed.
        organ: as chosen.
        file: that was dropped.

    Raises:
        InputError: no organ is chosen, or none is given in its place.
    """
    if button == "organ-undo":
        return ["edit", str(twin), "--undo"]
    if not organ:
        raise InputError("choose an organ first")
    if button == "organ-reject":
        return ["edit", str(twin), f"--reject={organ}"]
    if file is None:
        raise InputError(f"drop the mask of {organ} first")
    return ["edit", str(twin), f"--replace={organ}={file}"]


def register(app: Dash, desk: Desk) -> None:
    """The card's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    app.clientside_callback(ClientsideFunction("rt", "emptied"), Input(_STORE, "data"))

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("organ-error", "children"),
        Output(_STORE, "data"),
        *(Input(button, "n_clicks") for button in _BUTTONS),
        State("twin-manifest", "data"),
        State("organ", "value"),
        State(_STORE, "data"),
        prevent_initial_call=True,
    )
    def edit(*given):
        *clicks, manifest, organ, sent = given
        if not any(clicks):  # the page was opened
            return no_update, no_update, no_update
        button, token = str(ctx.triggered_id), (sent or {}).get("token")
        try:
            subject = desk.library.twin(manifest["key"])
            entry, changes = subject.entry, len(subject.twin.history)
            used = token if button == "organ-replace" else None
            file = desk.uploads.path(used) if used else None
            arguments = edit_arguments(entry.path, button, organ, file)
            title = f"{_BUTTONS[button]} {organ or 'organ'} of {entry.key}"
            job = desk.jobs.start(
                title, arguments, opens=link("/twin", twin=entry.key, change=str(changes + 1)),
                after=lambda done: desk.uploads.forget(used) if used else None,
            )  # fmt: skip
        except InputError as error:
            return no_update, words_of(error), no_update
        return job.id, "", None if used else no_update
