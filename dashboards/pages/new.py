"""New comparison: which plans, how far, how many samples; it runs as a child process."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from dashboards.jobs import Jobs, new_path
from dashboards.library import Library
from dashboards.links import link
from dashboards.parts import named, notice
from twin.errors import InputError

SUGGESTED = ["60/30", "66/33", "55/20", "60/15", "54/3", "48/4", "50/5", "54/36 tid", "69.6/58 bid", "none"]
_MOST = 4


def layout(library: Library, key: str | None) -> tuple[Any, Any]:
    """The form for a patient.

    Raises:
        InputError: no such patient.
    """
    entries = library.twins()
    if not entries:
        return notice("No patients in this folder yet", "Import one or make one on the page Patients."), None
    if key is not None:
        library.twin(key)
    form = html.Section(
        [
            html.H1("Compare plans"),
            dmc.Select(
                id="new-twin", label="Patient", data=[{"value": e.key, "label": e.key} for e in entries],
                value=key or entries[0].key, allowDeselect=False, size="sm",
            ),
            dmc.TagsInput(
                id="new-plans", label="Plans", data=SUGGESTED, value=["60/30", "55/20"], maxTags=_MOST, size="sm",
                description="Total dose / fractions, two to four of them. More a day: 54/36 tid. On top of what was "
                "delivered: +20/8. No treatment: none.",
            ),
            dmc.Group(
                [
                    dmc.NumberInput(id="new-days", label="Days", value=365, min=1, max=1826, size="sm", w=110),
                    dmc.NumberInput(id="new-samples", label="Samples", value=200, min=2, max=5000, size="sm", w=110),
                    dmc.NumberInput(id="new-images", label="Imaged samples", value=1, min=0, max=5, size="sm", w=130),
                    dmc.NumberInput(id="new-seed", label="Seed", value=0, min=0, max=2**31, size="sm", w=110),
                ],
                gap="sm", mt=8,
            ),
            dmc.Checkbox(id="new-pet", label="Virtual FDG-PET with every follow-up", checked=True, size="sm", mt=14),
            dmc.TextInput(id="new-name", label="Name of it", placeholder="made from the plans", size="sm", mt=8),
            dmc.Button("Run", id="new-run", mt=16, **named("Run the comparison")),
            html.P(id="new-error", className="rt-error-text", role="alert"),
            html.P(
                "A plan outside the engine's context of use runs and is marked as such everywhere.", className="rt-note"
            ),
        ],
        className="rt-card rt-form rt-wide",
    )  # fmt: skip
    return form, None


def arguments_of(library: Library, key: str, plans: list[str], out: Any, **numbers: Any) -> list[str]:
    """The arguments of `rt-twin compare` for what the form says.

    Args:
        library: the opened folder.
        key: the patient.
        plans: short forms; never paths, so that no file can be reached through the form.
        out: the run folder.
        **numbers: days, samples, images, seed, pet.

    Raises:
        InputError: a plan that does not parse, or none.
    """
    from scenarios.plan import TreatmentPlan
    from scenarios.scenario import distinct

    for text in plans:
        if text.lower().endswith((".yaml", ".yml")):
            raise InputError(f"the plan {text!r} is a file; write plans like 60/30 here")
    distinct([TreatmentPlan.parse(text) for text in plans])
    if len(plans) > _MOST:
        raise InputError(f"compare at most {_MOST} plans at a time")
    arguments = ["compare", str(library.twin(key).entry.path), "--out", str(out)]
    for text in plans:
        arguments.append(f"--plan={text}")
    arguments += ["--days", str(float(numbers["days"])), "--samples", str(int(numbers["samples"]))]
    arguments += ["--image-samples", str(int(numbers["images"])), "--seed", str(int(numbers["seed"]))]
    return arguments + (["--scanner", "pet"] if numbers["pet"] else [])


def register(app: Dash, library: Library, jobs: Jobs) -> None:
    """The page's callbacks."""

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("new-error", "children"),
        Input("new-run", "n_clicks"),
        State("new-twin", "value"),
        State("new-plans", "value"),
        State("new-days", "value"),
        State("new-samples", "value"),
        State("new-images", "value"),
        State("new-seed", "value"),
        State("new-pet", "checked"),
        State("new-name", "value"),
        prevent_initial_call=True,
    )
    def run(clicks, key, plans, days, samples, images, seed, pet, name):
        if not clicks:  # the page was opened
            return no_update, no_update
        try:
            if any(v in (None, "") for v in (days, samples, images, seed)):
                raise InputError("fill in days, samples, imaged samples and seed")
            plans = plans or []
            made = "-v-".join(p.replace("/", "-") for p in plans)
            out = new_path(library.root, name or f"{key.split('/')[-1].removesuffix('.twin')}-{made}")
            arguments = arguments_of(
                library, key, plans, out, days=days, samples=samples, images=images, seed=seed, pet=pet
            )
            job = jobs.start(f"Compare {', '.join(plans)}", arguments, opens=link("/compare", run=out.name))
        except InputError as error:
            return no_update, str(error)
        return job.id, ""
