"""A plan's dose on a virtual scan beside that on the baseline CT."""

from __future__ import annotations

import json
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import named
from dashboards.faults import words_of
from dashboards.links import link
from dashboards.parts.page import Desk
from dashboards.tables.scan_dose import scan_dose
from scenarios.plans.plan import TreatmentPlan
from twin import InputError


def dose_form() -> list[Any]:
    """A plan's dose on the scan beside that on the baseline CT."""
    return [
        html.Div(
            [
                html.Span("Dose on it beside that on the baseline CT, of the plan"),
                dmc.TextInput(id="scan-plan", placeholder="60/30", size="xs", w=90, **named("Plan")),
                dmc.Button("Calculate", id="scan-dose", size="compact-xs", variant="default"),
                html.Span(id="scan-dose-error", className="rt-error-text", role="alert"),
            ],
            className="rt-compare-bar",
        ),
        dcc.Store(id="scan-dose-job"),
        dcc.Interval(id="scan-dose-poll", interval=1000, disabled=True),
        html.Div(id="scan-dosed", role="status"),
    ]


def register(app: Dash, desk: Desk) -> None:
    """The form's callbacks: a job, and what it said.

    Args:
        app: the application.
        desk: what pages work with.
    """

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("scan-dose-job", "data"),
        Output("scan-dose-error", "children"),
        Input("scan-dose", "n_clicks"),
        State("scan-plan", "value"),
        State("scan-manifest", "data"),
        prevent_initial_call=True,
    )
    def start(clicks, plan, manifest):
        if not clicks:  # the page was opened
            return no_update, no_update, no_update
        try:
            pair = desk.library.scan_pair(manifest["key"])
            asked = (plan or "60/30").strip()
            if asked.lower().endswith((".yaml", ".yml")):
                raise InputError("write the plan like 60/30")
            TreatmentPlan.parse(asked)
            twin, name = pair.key, pair.scans["made"].name
            path = desk.library.twin(twin).entry.path
            arguments = ["dose", str(path), f"--plan={asked}", f"--scan={name}", "--json"]
            opens = link("/scanners", twin=twin, made=name)
            job = desk.jobs.start(f"Dose of {asked} on {name}", arguments, opens=opens, tells=True)
        except InputError as error:
            return no_update, no_update, words_of(error)
        return job.id, job.id, ""

    @app.callback(
        Output("scan-dosed", "children"),
        Output("scan-dose-poll", "disabled"),
        Input("scan-dose-poll", "n_intervals"),
        Input("scan-dose-job", "data"),
        prevent_initial_call=True,
    )
    def poll(_n, token):
        job = desk.jobs.find(token) if token else None
        if job is None:
            return None, True
        if job.state == "running":
            return f"calculating: {job.step}", False
        return (scan_dose(json.loads(job.said)) if job.state == "done" else job.message or job.state), True
