"""New comparison: which scenarios, how far, how many samples; it runs as a child process."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import dash_mantine_components as dmc
from dash import ALL, Dash, Input, Output, State, dcc, html, no_update

from dashboards.elements import named, notice, segments
from dashboards.faults import words_of
from dashboards.files.library import Library
from dashboards.files.model_cards import built_in, learned
from dashboards.files.uploads import new_path
from dashboards.jobs.preview import Superseded
from dashboards.links import link
from dashboards.parts.comparison_form import Foreseen, Form, Known, fitting, foreseen
from dashboards.parts.comparison_job import start_comparison
from dashboards.parts.page import Desk, Page
from dashboards.parts.scenario_form import MOST, SUGGESTED, parameters
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT
from scenarios.plans.policy import policies
from scenarios.plans.scenario import Scenario
from scenarios.report.colours import plan_colour
from simulators.learned.weights import FOLLOW_UP
from simulators.names.scanners import SCANNERS
from twin.errors import InputError

_LONGEST_NAME = 60
_FIRST_SCANNERS = ("pet",)  # chosen until the user chooses otherwise
_SETTINGS = ("days", "samples", "images", "seed")
_FIELDS = {
    "key": ("new-twin", "value"),
    "plans": ("new-plans", "value"),
    "chemo": ("new-chemo", "value"),
    "immuno": ("new-immuno", "checked"),
    "policies": ("new-policies", "value"),
    "broken": ("new-break", "checked"),
    "off_days": ("new-break-days", "value"),
    "off_from": ("new-break-from", "value"),
    "make_up": ("new-break-up", "value"),
    "during": ("new-during", "value"),
    "after": ("new-after", "value"),
    "also": ("new-also", "value"),
    **{name: (f"new-{name}", "value") for name in (*_SETTINGS, "scanners", "generator", "dose")},
}


def layout(library: Library, query: Mapping[str, str]) -> tuple[Any, Any]:
    """The form for a patient.

    Args:
        library: the opened folder.
        query: `twin`, else the newest.

    Raises:
        InputError: no such patient.
    """
    entries = library.twins()
    if not entries:
        text = "Import one, or make an in-silico patient."
        return notice("No patients in this folder yet", text, go=("Patients", "/patients")), None
    key = query.get("twin")
    if key is not None:
        library.twin(key)
    left = html.Section(
        [
            html.H1("Compare scenarios"),
            dmc.Select(
                id="new-twin", label="Patient", data=[{"value": e.key, "label": e.key} for e in entries],
                value=key or entries[0].key, allowDeselect=False, size="sm",
            ),
            dmc.TagsInput(
                id="new-plans", label="Prescriptions", data=list(SUGGESTED), value=["60/30", "55/20"], maxTags=MOST,
                size="sm", clearable=True,
                description="Total dose / fractions. More a day: 54/36 tid. Alternate days: 54/3 every 2 days. On top "
                "of what was delivered: +20/8. No treatment: none.",
            ),
            *_treatment_rows(),
            _dose_row(),
            *_imaging_rows(),
            _number_row(),
        ],
        className="rt-card rt-form",
    )  # fmt: skip
    asker = dcc.Store(id="new-asker", data=secrets.token_urlsafe(12))
    return html.Div([asker, left, _foreseen_card()], className="rt-new"), None


def _treatment_rows() -> list[Any]:
    """Drugs, policies and breaks."""
    drugs = [("none", "No drugs"), ("concurrent", "Concurrent chemotherapy"), ("sequential", "Sequential")]
    made_up = {"prolong": "made up at the end", "friday": "twice on Fridays", "none": "not made up"}
    return [
        _row("Systemic therapy", [
            segments("new-chemo", "Chemotherapy", drugs, "none"),
            dmc.Checkbox(id="new-immuno", label="Immunotherapy after it", size="xs"),
        ]),
        _row("Adaptation", [
            dmc.MultiSelect(
                id="new-policies", data=_policy_choices(), value=[], size="xs", w=420, clearable=True,
                placeholder="no policy: the plan as it stands", **named("Adaptation policies"),
            ),
        ]),
        html.Div(id="new-parameters", className="rt-parameters"),
        _row("Break in treatment", [
            dmc.Switch(id="new-break", label="Also each with a break of", size="xs"),
            _small_number("new-break-days", 7, 1, 60, "Days off"),
            html.Span("days from day"),
            _small_number("new-break-from", 14, 0, 120, "First day off"),
            dmc.Select(
                id="new-break-up", value="prolong", allowDeselect=False, size="xs", w=172,
                data=[{"value": value, "label": words} for value, words in made_up.items()],
                **named("How lost fractions are made up"),
            ),
        ]),
    ]  # fmt: skip


def _dose_row() -> Any:
    """By which method a dose is calculated that the patient does not bring along."""
    found = [("fluence", "Fluence plan, not a deliverable arc"), ("approximate", "Approximate, in seconds")]
    return _row("Dose", [segments("new-dose", "Method of dose", found, DOSE_BY_DEFAULT)])


def _imaging_rows() -> list[Any]:
    """When images are made, of which modalities, and by which generator."""
    generators = {"auto": "CT: learned in its domain", "mechanistic": "CT: mechanistic"}
    trained = (card.weights for card in learned() if card.weights is not None)
    generators |= {w.address: f"CT: {w.name}" for w in trained if w.task in (FOLLOW_UP, None)}
    titles = {card.name: card.title for card in built_in()}
    scanners = {name: titles.get(name, name) for name in SCANNERS}
    return [
        _row("Imaging", [
            html.Span("every"),
            _small_number("new-during", 7, 1, 60, "Spacing during treatment"),
            html.Span("days in treatment, every"),
            _small_number("new-after", 30, 1, 365, "Spacing after treatment"),
            html.Span("after; also on days"),
            dmc.TextInput(id="new-also", placeholder="10, 21", size="xs", w=90, **named("Further days")),
        ]),
        _row("Images", [
            dmc.MultiSelect(
                id="new-scanners", data=[{"value": name, "label": words} for name, words in scanners.items()],
                value=[name for name in _FIRST_SCANNERS if name in scanners], size="xs", w=260, clearable=True,
                **named("Scans with every follow-up CT"),
            ),
            dmc.Select(
                id="new-generator", value="auto", allowDeselect=False, size="xs", w=190,
                data=[{"value": name, "label": words} for name, words in generators.items()],
                **named("Generator of the follow-up CT"),
            ),
        ]),
    ]  # fmt: skip


def _number_row() -> Any:
    return dmc.Group(
        [
            dmc.NumberInput(id="new-days", label="Days", value=365, min=1, max=1826, size="xs", w=100),
            dmc.NumberInput(id="new-samples", label="Samples", value=200, min=2, max=5000, size="xs", w=100),
            dmc.NumberInput(id="new-images", label="Imaged samples", value=1, min=0, max=5, size="xs", w=110),
            dmc.NumberInput(id="new-seed", label="Seed", value=0, min=0, max=2**31, size="xs", w=100),
        ],
        gap="sm",
        mt=10,
    )


def _foreseen_card() -> Any:
    """What the form amounts to, and the button that runs it."""
    words = (
        "Progress, with a button to cancel, is shown at the lower right on every page. A scenario outside the engine's "
        "context of use runs and is marked as such everywhere."
    )
    return html.Section(
        [
            html.H2("What will run"),
            html.Div(id="new-foreseen", **{"aria-live": "polite"}),  # type: ignore[arg-type]
            dmc.TextInput(
                id="new-name", label="Name of it", placeholder="made from the scenarios", size="xs", mt=12
            ),
            dmc.Button("Run", id="new-run", mt=12, fullWidth=True, **named("Run the comparison")),
            html.P(id="new-error", className="rt-error-text", role="alert"),
            html.P(words, className="rt-note"),
        ],
        className="rt-card rt-form rt-foreseen",
    )


def _small_number(name: str, value: int, least: int, most: int, label: str) -> Any:
    return dmc.NumberInput(id=name, value=value, min=least, max=most, size="xs", w=64, **named(label))


def _row(label: str, parts: list[Any]) -> Any:
    return html.Div(
        [html.Span(label, className="rt-label"), html.Div(parts, className="rt-inline")],
        className="rt-form-row",
    )


def _policy_choices() -> list[dict[str, str]]:
    shown = {"none": "no adaptation, to compare with"}
    return [
        {"value": kind, "label": shown.get(kind, kind)}
        for kind in sorted(policies(), key=lambda kind: kind != "none")
    ]


def name_of(key: str, scenarios: list[Scenario]) -> str:
    """The name of a run where none is given: the patient's and the scenarios', as long as that is short.

    Args:
        key: of the twin.
        scenarios: what is compared.
    """
    who = key.rsplit("/", maxsplit=1)[-1].removesuffix(".twin")
    made = f"{who}-{'-v-'.join(s.slug for s in scenarios)}"
    return made if len(made) <= _LONGEST_NAME else f"{who}-{scenarios[0].slug}-and-{len(scenarios) - 1}-more"


def register(app: Dash, desk: Desk) -> None:
    """The page's callbacks.

    Args:
        app: the application.
        desk: what pages work with.
    """
    each = {"policy": ALL, "field": ALL}

    @app.callback(Output("new-parameters", "children"), Input("new-policies", "value"))
    def choose(kinds):
        return [_parameter_row(kind) for kind in kinds or []]

    @app.callback(Output("new-plans", "value"), Input("new-twin", "value"), State("new-plans", "value"))
    def fit(key, plans):
        try:
            return fitting(plans, Known.of(desk.library.twin(key).twin))
        except InputError:
            return no_update  # what will run says it

    @app.callback(
        output=Output("new-foreseen", "children"),
        inputs={
            "values": {name: Input(*where) for name, where in _FIELDS.items()},
            "given": Input(each, "value"),
            "ids": State(each, "id"),
            "asker": State("new-asker", "data"),
        },
    )
    def foresee(values, given, ids, asker):
        return _foreseen_plans(desk, str(asker), values, given, ids)

    _register_run(app, desk, each)


def _register_run(app: Dash, desk: Desk, each: dict[str, Any]) -> None:
    """The button that runs the comparison; `each` are the inputs of the policies' parameters."""

    @app.callback(
        output=(Output("job", "data", allow_duplicate=True), Output("new-error", "children")),
        inputs={
            "clicks": Input("new-run", "n_clicks"),
            "values": {name: State(*where) for name, where in _FIELDS.items()},
            "name": State("new-name", "value"),
            "given": State(each, "value"),
            "ids": State(each, "id"),
        },
        prevent_initial_call=True,
    )
    def run(clicks, values, name, given, ids):
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            form = Form.read(values, given, ids)
            scenarios = form.scenarios
            out = new_path(desk.library.root, str(name or name_of(form.key, scenarios)))
            settings = {n: getattr(form, n) for n in (*_SETTINGS, "scanners", "generator", "dose")}
            job = start_comparison(
                desk, desk.library.twin(form.key).entry.path, scenarios, out, settings,
                title=f"Compare {'; '.join(s.label for s in scenarios)}", opens=link("/compare", run=out.name),
            )  # fmt: skip
        except InputError as error:
            return no_update, words_of(error)
        return job.id, ""


def _foreseen_plans(desk: Desk, asker: str, values: Mapping[str, Any], given: Any, ids: Any) -> Any:
    try:
        form = Form.read(values, given, ids)
        patient = Known.of(desk.library.twin(form.key).twin)
        found = desk.previews.of(asker, foreseen, form, patient)
        return [_foreseen(n, one) for n, one in enumerate(found)]
    except InputError as error:
        return html.P(words_of(error), className="rt-error-text")
    except Superseded:
        return no_update


def _parameter_row(kind: str) -> Any:
    fields: list[Any] = []
    for name, label, default in parameters(kind):
        where = {"policy": kind, "field": name}
        if isinstance(default, str):
            fields.append(dmc.TextInput(id=where, label=label, value=default, size="xs", w=110))
        else:
            step = 0.05 if isinstance(default, float) and default < 1 else 1
            fields.append(dmc.NumberInput(id=where, label=label, value=default, step=step, size="xs", w=110))
    return html.Div([html.Strong(kind), html.Div(fields, className="rt-inline")], className="rt-form-row")


def _foreseen(n: int, one: Foreseen) -> Any:
    swatch = html.Span(className="rt-swatch", style={"background": plan_colour(n)})
    marks = [
        html.P(f"\u26a0 Outside the context of use: {reason}.", className="rt-outside")
        for reason in one.outside
    ]
    return html.Div(
        [html.Strong([swatch, one.label]), html.P(one.words), *marks], className="rt-foreseen-item"
    )


PAGE = Page("New", 6, layout, register)
