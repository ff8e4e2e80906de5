"""The timeline's card on the page Twin: the course that is laid on it, and the way to forecast it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboards.figures.failures import failure_words
from dashboards.figures.timeline import SPANS, timeline_figure
from dashboards.files.library import Library
from dashboards.jobs.child import Jobs, Uploads, new_path
from dashboards.links import link
from dashboards.parts.common import draws, figure, named, saves, segments
from dashboards.parts.scenario_form import arguments_of
from dashboards.tables.learning import moved_table
from dashboards.viewer.subject import TwinFolder
from twin.errors import InputError

_RUNS_OFFERED = 6


def card(library: Library, subject: TwinFolder, asked: str | None) -> Any:
    """The card.

    Args:
        library: the opened folder.
        subject: the patient.
        asked: key of the run whose first scenario is laid on the timeline, or None for the newest.
    """
    options = forecasts(library, subject.twin.id)
    chosen = next((o["value"] for o in options if o["value"].rpartition("#")[0] == asked), None)
    value = chosen or (options[0]["value"] if options else None)
    bar = html.Div(
        [
            html.H2("Timeline", className="rt-card-title"),
            dmc.Select(
                id="forecast", data=options, value=value, clearable=True, size="xs", w=300,
                placeholder="no simulated course" if options else "no comparison of this patient yet",
                disabled=not options, **named("Simulated course on the timeline"),
            ),
            dmc.Button("Forecast again", id="forecast-again", size="compact-xs", disabled=not options),
            html.Span(id="forecast-error", className="rt-error-text", role="alert"),
            html.Div(className="rt-grow"),
            segments("timeline-span", "How far the axis goes", list(SPANS), "run", disabled=not options),
            saves(),
        ],
        className="rt-decision-bar",
    )  # fmt: skip
    return html.Section(
        [
            dcc.Store(id="timeline-figure"),
            bar,
            html.Div(figure("timeline", f"Timeline, {subject.twin.id}"), className="rt-rest"),
            html.P(id="timeline-words", className="rt-note"),
        ],
        className="rt-card rt-timeline",
    )


def forecasts(library: Library, patient: str) -> list[dict[str, str]]:
    """The scenarios of a patient's runs, the newest run first, as choices RUN#SLUG."""
    found = []
    for entry in library.runs_of(patient)[:_RUNS_OFFERED]:
        record = library.record(entry)
        for plan in record.plans if record is not None else ():
            found.append({"value": f"{entry.key}#{plan.slug}", "label": f"{plan.label} ({entry.key})"})
    return found


def again(
    library: Library, key: str, subject: TwinFolder, uploads: Uploads
) -> tuple[list[str], Path, list[str]]:
    """The command that runs the scenarios of a run once more for the twin as it is now.

    Args:
        library: the opened folder.
        key: of the run.
        subject: the patient.
        uploads: keeps the scenarios' files until the command has ended.

    Returns:
        Arguments of `rt-twin`, the folder of the new run, and tokens to forget afterwards.

    Raises:
        InputError: no such run, or a forecast from this day is already there.
    """
    from scenarios.plans.scenario import Scenario

    record = library.run(key).record
    out = new_path(library.root, f"{key.rsplit('/', maxsplit=1)[-1]}-from-day-{subject.twin.now_days:g}")
    tokens = [
        uploads.write("scenario.yaml", Scenario.model_validate(plan.scenario).to_yaml())
        for plan in record.plans
    ]
    arguments = arguments_of(
        subject.entry.path,
        [str(uploads.path(token)) for token in tokens],
        out,
        days=record.days,
        samples=record.samples,
        images=record.image_samples,
        seed=record.seed,
        pet="pet" in record.scanners,
        generator=record.generator,
    )
    return arguments, out, tokens


def register(app: Dash, library: Library, jobs: Jobs, uploads: Uploads) -> None:
    """The card's callbacks."""

    @app.callback(
        Output("timeline-figure", "data"),
        Output("timeline-words", "children"),
        Output("moved", "children"),
        Input("forecast", "value"),
        Input("timeline-span", "value"),
        State("twin-manifest", "data"),
    )
    def lay(choice, span, manifest):
        subject = library.twin(manifest["key"])
        if not choice:
            return timeline_figure(subject), "", None
        key, _, slug = choice.rpartition("#")
        run = library.run(key)
        return timeline_figure(subject, run, slug, span), failure_words(run, slug), moved_table(run, slug)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("forecast-error", "children"),
        Input("forecast-again", "n_clicks"),
        State("forecast", "value"),
        State("twin-manifest", "data"),
        prevent_initial_call=True,
    )
    def forecast(clicks, choice, manifest):
        if not clicks or not choice:
            return no_update, no_update
        try:
            subject = library.twin(manifest["key"])
            arguments, out, tokens = again(library, choice.rpartition("#")[0], subject, uploads)
        except InputError as error:
            return no_update, str(error)
        try:
            job = jobs.start(
                f"Forecast {subject.entry.key} from day {subject.twin.now_days:g}", arguments,
                opens=link("/twin", twin=subject.entry.key, forecast=out.name),
                after=lambda: uploads.forget(*tokens),
            )  # fmt: skip
        except InputError as error:
            uploads.forget(*tokens)
            return no_update, str(error)
        return job.id, ""

    draws(app, "timeline")
