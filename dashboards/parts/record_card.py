"""The form of the clinical record on the page Twin: an entry is changed, and the history keeps what stood there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from dashboards.faults import words_of
from dashboards.files.twin_folder import TwinFolder
from dashboards.links import link
from dashboards.parts.page import Desk
from twin import InputError, PatientTwin

ENTRIES = (
    ("age_years", "Age", "years"),
    ("sex", "Sex", ""),
    ("histology", "Histology", ""),
    ("t_stage", "T", ""),
    ("n_stage", "N", ""),
    ("m_stage", "M", ""),
    ("tnm_edition", "TNM edition", ""),
    ("stage", "Stage", ""),
    ("ecog", "ECOG", ""),
    ("smoking", "Smoking", ""),
    ("pack_years", "Pack-years", ""),
    ("fev1_percent", "FEV1", "%"),
    ("dlco_percent", "DLCO", "%"),
    ("interstitial_lung_disease", "Interstitial lung disease", ""),
    ("comorbidity", "Comorbidity", ""),
    ("chemotherapy", "Chemotherapy", ""),
)


def card(subject: TwinFolder) -> Any:
    """The form, below it what was changed last.

    Args:
        subject: the patient.
    """
    entries = [
        {"value": name, "label": f"{label}, {unit}" if unit else label} for name, label, unit in ENTRIES
    ]
    changed = [html.Li(change.words) for change in subject.twin.history[-3:]]
    return html.Details(
        [
            html.Summary("Change the record"),
            dmc.Select(id="record-entry", label="Entry", data=entries, size="xs", searchable=True),
            dmc.TextInput(id="record-value", label="Value; empty where it is not known", size="xs"),
            dmc.Button("Change", id="record-change", size="compact-xs", variant="default", mt=6),
            html.P(id="record-error", className="rt-error-text", role="alert"),
            html.Ul(changed, className="rt-list"),
        ]
    )


def value_words(twin: PatientTwin, name: str) -> str:
    """An entry of the record as it is written into the form; empty where it is missing.

    Args:
        twin: the patient.
        name: of the entry.
    """
    value = getattr(twin.clinical, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def change_arguments(twin: Path, name: str | None, value: str | None) -> list[str]:
    """The arguments of `rt-twin edit`.

    Args:
        twin: the patient's folder.
        name: of the entry, as chosen.
        value: as typed; nothing where it is not known.

    Raises:
        InputError: no entry is chosen.
    """
    if name not in {entry for entry, *_ in ENTRIES}:
        raise InputError("choose an entry of the record first")
    return ["edit", str(twin), f"--set={name}={(value or '').strip()}"]


def register(app: Dash, desk: Desk) -> None:
    """The form's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """

    @app.callback(
        Output("record-value", "value"),
        Input("record-entry", "value"),
        State("twin-manifest", "data"),
        prevent_initial_call=True,
    )
    def shown(name, manifest):
        return value_words(desk.library.twin(manifest["key"]).twin, name) if name else no_update

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("record-error", "children"),
        Input("record-change", "n_clicks"),
        State("twin-manifest", "data"),
        State("record-entry", "value"),
        State("record-value", "value"),
        prevent_initial_call=True,
    )
    def change(clicks, manifest, name, value):
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            subject = desk.library.twin(manifest["key"])
            changes = str(len(subject.twin.history) + 1)
            job = desk.jobs.start(
                f"Change the record of {subject.entry.key}", change_arguments(subject.entry.path, name, value),
                opens=link("/twin", twin=subject.entry.key, change=changes),
            )  # fmt: skip
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""
