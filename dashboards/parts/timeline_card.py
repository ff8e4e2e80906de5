"""The timeline's card on the page Twin: the course that is laid on it, and the way to forecast it anew."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import draws, figure, named, saves, segments
from dashboards.faults import words_of
from dashboards.figures.failures import failure_words
from dashboards.figures.timeline import SPANS, timeline_figure
from dashboards.files.library import Library
from dashboards.files.twin_folder import TwinFolder
from dashboards.files.uploads import new_path
from dashboards.jobs.child import Job
from dashboards.links import link
from dashboards.parts.comparison_job import start_comparison
from dashboards.parts.page import Desk
from dashboards.tables.learning import moved_table
from scenarios.plans.scenario import Scenario
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
    """The scenarios of a patient's runs, the newest run first, as choices RUN#SLUG.

    Args:
        library: the opened folder.
        patient: the id.
    """
    found = []
    for entry in library.runs_of(patient)[:_RUNS_OFFERED]:
        record = library.record(entry)
        for plan in record.plans if record is not None else ():
            found.append({"value": f"{entry.key}#{plan.slug}", "label": f"{plan.label} ({entry.key})"})
    return found


def again(desk: Desk, key: str, subject: TwinFolder) -> Job:
    """Run the scenarios of a run once more for the twin as it is now.

    Args:
        desk: runs the child.
        key: of the run.
        subject: the patient.

    Raises:
        InputError: no such run, a forecast from this day is already there, or too many jobs are running.
    """
    record, now = desk.library.run(key).record, f"{subject.twin.now_days:g}"
    out = new_path(desk.library.root, f"{key.rsplit('/', maxsplit=1)[-1]}-from-day-{now}")
    scenarios = [Scenario.model_validate(plan.scenario) for plan in record.plans]
    settings = {
        "days": record.days,
        "samples": record.samples,
        "images": record.image_samples,
        "seed": record.seed,
        "scanners": record.scanners,
        "generator": record.generator,
        "dose": record.dose,
    }
    return start_comparison(
        desk, subject.entry.path, scenarios, out, settings,
        title=f"Forecast {subject.entry.key} from day {now}",
        opens=link("/twin", twin=subject.entry.key, forecast=out.name),
    )  # fmt: skip


def register(app: Dash, desk: Desk) -> None:
    """The card's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    library = desk.library

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
        try:
            run = library.run(key)
            return timeline_figure(subject, run, slug, span), failure_words(run, slug), moved_table(run, slug)
        except Exception as error:  # what was acquired is shown all the same
            return timeline_figure(subject), f"{key} cannot be shown: {words_of(error)}", None

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
            return again(desk, choice.rpartition("#")[0], library.twin(manifest["key"])).id, ""
        except InputError as error:
            return no_update, words_of(error)

    draws(app, "timeline")
