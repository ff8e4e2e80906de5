"""New comparison: which plans, how far, how many samples; it runs as a child process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, html, no_update

from dashboards.jobs import Jobs, Uploads, new_path
from dashboards.library import Library
from dashboards.links import link
from dashboards.parts import named, notice
from scenarios.presets import PRESETS
from twin.errors import InputError

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

SUGGESTED = [*PRESETS, "none"]
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
            dmc.Checkbox(id="new-chemo", label="Concurrent chemotherapy with every plan", size="sm", mt=14),
            dmc.Checkbox(id="new-break", label="Also each plan with a break in treatment", size="sm", mt=14),
            dmc.Group(
                [
                    dmc.NumberInput(id="new-break-days", label="Days off", value=7, min=1, max=60, size="sm", w=110),
                    dmc.NumberInput(id="new-break-from", label="From day", value=14, min=0, max=120, size="sm", w=110),
                    dmc.Select(
                        id="new-break-up", label="Made up", value="prolong", allowDeselect=False, size="sm", w=190,
                        data=[
                            {"value": "prolong", "label": "by prolonging"},
                            {"value": "friday", "label": "twice on Fridays"},
                            {"value": "none", "label": "not at all"},
                        ],
                    ),
                ],
                gap="sm", mt=4,
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


@dataclass(frozen=True)
class Break:
    """A break in treatment: days off, the first of them, and how the lost fractions are made up."""

    days: int
    from_day: int
    make_up: str


def scenarios_of(plans: list[str], gap: Break | None, chemotherapy: bool = False) -> list[Scenario]:
    """The scenarios that the form asks for: each plan, and each plan with the break.

    Args:
        plans: short forms; never paths, so that no file can be reached through the form.
        gap: the break, or None.
        chemotherapy: whether drugs are given with every plan that treats.

    Raises:
        InputError: a plan that does not parse, none, or more than four scenarios.

    Example:
        >>> [s.label for s in scenarios_of(["60/30"], Break(7, 14, "prolong"))]
        ['60/30', '60/30, 7 days off from day 14']
    """
    from scenarios.plan import Chemotherapy, TreatmentPlan
    from scenarios.scenario import Gap, Scenario, distinct

    for text in plans:
        if text.lower().endswith((".yaml", ".yml")):
            raise InputError(f"the plan {text!r} is a file; write plans like 60/30 here")
    parsed = [TreatmentPlan.parse(text) for text in plans]
    if chemotherapy:
        parsed = [p.model_copy(update={"chemotherapy": Chemotherapy()}) if p.phases else p for p in parsed]
    made = [Scenario(plan=plan) for plan in parsed]
    if gap is not None:
        try:
            off = Gap(from_day=gap.from_day, days=gap.days)
        except ValueError:
            raise InputError("a break needs a first day from 0 and at least one day off") from None
        broken = {"gaps": (off,), "make_up": gap.make_up}
        made += [Scenario.model_validate({"plan": s.plan, **broken}) for s in made]
    if len(made) > _MOST:
        raise InputError(f"these are {len(made)} scenarios; compare at most {_MOST} at a time")
    return distinct(made)


def arguments_of(twin: Path, plans: list[str], out: Path, **numbers: Any) -> list[str]:
    """The arguments of `rt-twin compare`.

    Args:
        twin: the patient's folder.
        plans: short forms or files, as the command takes them.
        out: the run folder.
        **numbers: days, samples, images, seed, pet.
    """
    arguments = ["compare", str(twin), "--out", str(out), *(f"--plan={text}" for text in plans)]
    arguments += ["--days", str(float(numbers["days"])), "--samples", str(int(numbers["samples"]))]
    arguments += ["--image-samples", str(int(numbers["images"])), "--seed", str(int(numbers["seed"]))]
    return arguments + (["--scanner", "pet"] if numbers["pet"] else [])


def register(app: Dash, library: Library, jobs: Jobs, uploads: Uploads) -> None:
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
        State("new-break", "checked"),
        State("new-break-days", "value"),
        State("new-break-from", "value"),
        State("new-break-up", "value"),
        State("new-chemo", "checked"),
        prevent_initial_call=True,
    )
    def run(
        clicks, key, plans, days, samples, images, seed, pet, name, broken, off_days, off_from, make_up, chemo
    ):
        if not clicks:  # the page was opened
            return no_update, no_update
        tokens: list[str] = []
        try:
            if any(v in (None, "") for v in (days, samples, images, seed)):
                raise InputError("fill in days, samples, imaged samples and seed")
            gap = Break(int(off_days or 0), int(off_from or 0), make_up) if broken else None
            scenarios = scenarios_of(plans or [], gap, bool(chemo))
            made = "-v-".join(s.slug for s in scenarios)
            out = new_path(library.root, name or f"{key.split('/')[-1].removesuffix('.twin')}-{made}")
            texts = []
            for scenario in scenarios:
                tokens.append(uploads.write("scenario.yaml", scenario.to_yaml()))
                texts.append(str(uploads.path(tokens[-1])))
            arguments = arguments_of(
                library.twin(key).entry.path,
                texts,
                out,
                days=days,
                samples=samples,
                images=images,
                seed=seed,
                pet=pet,
            )
            title = f"Compare {'; '.join(s.label for s in scenarios)}"
            job = jobs.start(
                title, arguments, opens=link("/compare", run=out.name), after=lambda: uploads.forget(*tokens)
            )
        except InputError as error:
            uploads.forget(*tokens)
            return no_update, str(error)
        return job.id, ""
