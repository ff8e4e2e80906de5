"""The tray of jobs that this browser started: progress, cancel, and what came of them."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, ctx, dcc, html, no_update

from dashboards.elements import named
from dashboards.jobs.child import Job, Jobs

_POLL_MS = 700


def tray() -> list[Any]:
    """The tray's place in the page; which jobs it shows is kept by the browser's tab alone."""
    return [
        dcc.Store(id="job"),
        dcc.Store(id="jobs", storage_type="session", data=[]),
        dcc.Interval(id="jobs-poll", interval=_POLL_MS, disabled=True),
        html.Aside(id="tray", className="rt-tray", **named("Jobs")),
    ]


def register(app: Dash, jobs: Jobs) -> None:
    """The tray's callbacks.

    Args:
        app: the application.
        jobs: the child processes that pages start.
    """

    @app.callback(
        Output("jobs", "data"),
        Input("job", "data"),
        Input({"dismiss": ALL}, "n_clicks"),
        State("jobs", "data"),
        prevent_initial_call=True,
    )
    def keep(token: str | None, _clicks: list, known: list[str] | None) -> Any:
        known = known or []
        if isinstance(ctx.triggered_id, dict):
            if not ctx.triggered[0]["value"]:
                return no_update
            return [t for t in known if t != ctx.triggered_id["dismiss"]]
        return [*known, token] if token and token not in known else no_update

    @app.callback(
        Output("tray", "children"),
        Output("jobs-poll", "disabled"),
        Input("jobs-poll", "n_intervals"),
        Input("jobs", "data"),
        Input({"cancel": ALL}, "n_clicks"),
    )
    def show(_n: int | None, known: list[str] | None, _clicks: list) -> tuple[Any, bool]:
        if isinstance(ctx.triggered_id, dict) and ctx.triggered[0]["value"]:
            jobs.cancel(ctx.triggered_id["cancel"])
        mine = [job for token in known or [] if (job := jobs.find(token)) is not None]
        return [_card(job) for job in reversed(mine[-4:])], not any(job.state == "running" for job in mine)


def _card(job: Job) -> Any:
    words = {
        "running": job.step,
        "done": f"done in {job.seconds:.0f} s",
        "failed": job.message,
        "cancelled": "cancelled",
    }[job.state]
    parts: list[Any] = [html.Strong(job.title), html.Div(words, className="rt-job-words", role="status")]
    if job.state == "running":
        share = 100.0 if job.share is None else 100 * job.share
        parts.append(dmc.Progress(value=share, animated=True, size="sm", **named("Progress")))
        parts.append(dmc.Button("Cancel", id={"cancel": job.id}, size="compact-xs", variant="default", mt=6))
    else:
        actions = [dmc.Button("Dismiss", id={"dismiss": job.id}, size="compact-xs", variant="default")]
        if job.state == "done":
            actions.insert(0, dcc.Link("Open", href=job.opens, className="rt-button rt-strong"))
        parts.append(html.Div(actions, className="rt-actions"))
    return html.Div(parts, className=f"rt-job rt-job-{job.state}")
