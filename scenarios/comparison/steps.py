"""Compare plans for one patient under common random numbers."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import polars as pl

from scenarios.comparison.beliefs import assuming, drawn_table, learned_table, moved_table
from scenarios.comparison.clock import Clock, Progress
from scenarios.comparison.evidence import credibility_table, judged_by, trial_table
from scenarios.comparison.failures import failure_table
from scenarios.comparison.forecast import Forecast, forecast
from scenarios.comparison.images import Images, draw
from scenarios.comparison.measured import recist_table
from scenarios.comparison.outcomes import PlanOutcomes, contrasts, outcome_rows, plan_outcomes
from scenarios.comparison.representative import imaged_table
from scenarios.comparison.result import Comparison
from scenarios.comparison.scorecard import scorecard_table
from scenarios.comparison.tables import band_table, dvh_table, event_table, trajectory_table, whole_dose
from scenarios.engine.adaptive import Approve
from scenarios.engine.courses import realise
from scenarios.engine.planned_dose import DOSE_BY_DEFAULT, method_named
from scenarios.plans.context import outside_context
from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario, distinct
from scenarios.records.assumptions import Templates, in_words, told
from scenarios.records.budget import Size, afford_comparison
from scenarios.records.layer import layers_of
from scenarios.records.request import Request, versions
from scenarios.records.run import PatientRecord, PlanRecord, RunRecord
from scenarios.records.schema import LEVEL, table
from scenarios.report import methods
from simulators.belief.prior import PriorSet
from simulators.belief.update import LOW_ESS
from simulators.core.course import Event
from simulators.core.kinetics import TumourModel
from simulators.core.outcome import OutcomeModel
from simulators.core.treatment import VirtualTreatment
from simulators.names.generators import generator_named
from simulators.names.kinetics import kinetics_named
from simulators.names.outcomes import OUTCOMES_BY_DEFAULT, outcome_model_named
from simulators.names.scanners import scanner_named
from twin import Belief, InputError, PatientTwin
from twin.anatomy.plausibility import missed_nodes
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Horizon, Samples, Seed, SomeSamples
from twin.several import several

Told = Callable[[Sequence[PlanOutcomes]], object]


@bounded
def compare(
    twin: PatientTwin,
    plans: Sequence[TreatmentPlan | Scenario],
    *,
    days: Horizon = 365,
    samples: Samples = 200,
    image_samples: SomeSamples = 1,
    seed: Seed = 0,
    generator: str = "auto",
    scanners: str | Sequence[str] = (),
    prior: PriorSet | None = None,
    kinetics: str | TumourModel = "standard",
    outcomes: str | OutcomeModel = OUTCOMES_BY_DEFAULT,
    dose: str = DOSE_BY_DEFAULT,
    templates: Templates | None = None,
    approve: Approve | None = None,
    progress: Progress | None = None,
    treatment: VirtualTreatment | None = None,
    judged: Told | None = None,
) -> Comparison:
    """What each plan would do to this patient.

    Args:
        twin: the patient; not changed.
        plans: whole courses from day 0; fractions before `twin.now_days` are history.
        days: how far to look, days from day 0.
        samples: number of samples of the belief; all plans share them.
        image_samples: how many of these get follow-up images (`representatives`: a median, a low, a high one, ...).
        seed: root of all chance.
        generator: of the follow-up CT (`simulators.generator_named`).
        scanners: one or more virtual scanners by name, e.g. "pet"; they scan on day 0 and at every image.
        prior: of the tumour; that of the twin's belief where None. What was learned under another is learned anew.
        kinetics: tumour model, by name or as an object; "standard" is this engine's own.
        outcomes: outcome model, likewise; "calibrated" is of published trials, "standard" follows the tumour model.
        dose: method of doses that the twin does not hold: "fluence" (half a minute a technique), or "approximate".
        templates: of fluence plans by technique, where they are not the usual ones.
        approve: accepts or refuses each decision of a policy that changes something, given its row.
        progress: called with a step's name and the share of the work that is done.
        treatment: the generator of that name, where it is loaded.
        judged: called with what each plan means, sample by sample.

    Returns:
        The comparison: tables in polars frames, images, and what is needed to run it again.

    Raises:
        InputError: a plan contradicts what was delivered; a bad name or number; too much memory; a field is missing.
    """
    scenarios, names = distinct(plans), several(scanners)
    request = requested(
        days=days, samples=samples, image_samples=image_samples, seed=seed, generator=generator, scanners=names,
        dose=dose, prior=prior, kinetics=kinetics, outcomes=outcomes, templates=templates,
    )  # fmt: skip
    tumour, model, method = kinetics_named(kinetics), outcome_model_named(outcomes), method_named(dose)
    own, twin = twin, assuming(twin, prior, samples, seed)
    treatment, devices = treatment or generator_named(generator), [scanner_named(name) for name in names]
    afford_comparison(Size.of(twin), scenarios, request, [_images(s, twin, days) for s in scenarios])
    clock = Clock(progress or (lambda step, share: None))
    made = forecast(twin, scenarios, request, tumour, method, approve, clock, templates)
    drawn = draw(made, min(image_samples, samples), treatment, devices, clock)
    return _finished(own, made, request, model, drawn, judged, clock)


def _images(scenario: Scenario, twin: PatientTwin, days: float) -> int:
    return len(realise(scenario, twin, days).of(Event.IMAGING))


def _finished(
    own: PatientTwin,
    made: Forecast,
    request: Request,
    model: OutcomeModel,
    drawn: Images,
    judged: Told | None,
    clock: Clock,
) -> Comparison:
    means = _judged(made, model, judged)
    records = _plan_records(made, request.days)
    tables = _tables(made, records, means, drawn, request, model, clock)
    tables["scorecard"] = scorecard_table(records, made.structures, made.deliveries, request.samples)
    clock.lap("scorecard", 1.0)
    return Comparison(_record(own, made, request, records, means, drawn, clock), own, tables, drawn.images)


def requested(
    *,
    prior: PriorSet | None = None,
    kinetics: str | TumourModel = "standard",
    outcomes: str | OutcomeModel = OUTCOMES_BY_DEFAULT,
    templates: Templates | None = None,
    **settings: Any,
) -> Request:
    """What a comparison is asked for, as its record has it; keywords are those of `compare`.

    Raises:
        InputError: a model that is none, a number that cannot be, or templates where no plan is made.
    """
    if templates and method_named(settings["dose"]) != "fluence plan":
        raise InputError(
            "templates are of fluence plans, and doses are to be approximate: give the dose fluence"
        )
    tumour, model = kinetics_named(kinetics), outcome_model_named(outcomes)
    assumptions = told(prior, tumour, model, templates)
    return Request(kinetics=tumour.name, outcomes=model.name, assumptions=assumptions, **settings)


def _judged(made: Forecast, model: OutcomeModel, hears: Told | None) -> list[PlanOutcomes]:
    found = [
        plan_outcomes(model, delivery, made.belief, made.daily, made.gtv_cm3[p], made.survivors[p])
        for p, delivery in enumerate(made.deliveries)
    ]
    if hears is not None:
        hears(found)
    return found


def _plan_records(made: Forecast, days: float) -> tuple[PlanRecord, ...]:
    return tuple(
        PlanRecord(
            slug=scenario.slug,
            label=scenario.label,
            total_gy=scenario.plan.total_gy,
            fractions=scenario.plan.fractions,
            end_days=float(np.median([c.end_days for c in arm.courses])),
            grid=scenario.plan.label if scenario.plan.total_gy else None,
            context=tuple(outside_context(scenario.plan, made.twin, days)),
            scenario=scenario.model_dump(mode="json", exclude_defaults=True),
            dose_method=arm.dose_method,
        )
        for scenario, arm in zip(made.scenarios, made.arms, strict=True)
    )


def _tables(
    made: Forecast,
    records: Sequence[PlanRecord],
    judged: Sequence[PlanOutcomes],
    drawn: Images,
    request: Request,
    model: OutcomeModel,
    clock: Clock,
) -> dict[str, pl.DataFrame]:
    """All tables but the scorecard."""
    effects = {record.slug: one.effects for record, one in zip(records, judged, strict=True)}
    samples = np.arange(made.belief.n, dtype=np.int32)
    models = judged_by(request.kinetics, request.outcomes, request.assumptions)
    found = {
        "samples": pl.DataFrame({"sample": samples, **made.belief.samples}),
        "trajectory": trajectory_table(records, made.daily, made.gtv_cm3, drawn.field_cm3, drawn.samples),
        "bands": band_table("bands", records, made.daily, made.gtv_cm3),
        "prior_bands": band_table("prior_bands", records, made.daily, made.before[1])
        if made.before
        else table("prior_bands", []),
        "drawn_bands": drawn_table(made, records),
        "moved": moved_table(made, records, request.days, model),
        "learned": learned_table(made.twin, made.belief, made.seed),
        "events": event_table(records, made.arms, made.twin.now_days),
        "decisions": table("decisions", [row for arm in made.arms for row in arm.decisions]),
        "outcomes": table("outcomes", outcome_rows(records, effects, LEVEL)),
        "contrasts": table("contrasts", contrasts(records, effects, LEVEL)),
        "credibility": credibility_table(
            records,
            made.scenarios,
            made.twin.clinical,
            models,
            {slug: list(of) for slug, of in effects.items()},
        ),
        "trials": trial_table(records, made.scenarios, made.twin.clinical),
        "failures": failure_table(records, judged),
        "dvh": dvh_table(records, made.scenarios, made.structures, made.arms),
        "imaged": imaged_table(made, records, drawn.samples),
        "recist": recist_table(made.twin, drawn.images),
    }
    clock.lap("tables", 1.0)
    return found


def _record(
    own: PatientTwin,
    made: Forecast,
    request: Request,
    records: tuple[PlanRecord, ...],
    judged: Sequence[PlanOutcomes],
    drawn: Images,
    clock: Clock,
) -> RunRecord:
    twin = made.twin
    return RunRecord(
        patient=PatientRecord(
            id=twin.id, gtv_cm3=twin.gtv_cm3, in_silico=twin.in_silico, now_days=twin.now_days
        ),
        plans=records,
        **asdict(request),
        shown_sample=next(iter(drawn.samples), 0),
        scanner_options=drawn.scanner_options,
        level=LEVEL,
        belief="prior" if made.belief.kind == "prior" else "posterior",
        versions=versions(),
        device=f"{platform.machine()} CPU",
        request=request.hash(own, made.scenarios),
        timings_s=clock.laps,
        notes=(
            *_model_notes(request),
            *methods.notes(records),
            *made.dose_notes,
            *_belief_notes(twin.belief),
            *drawn.notes,
            *_node_notes(made, records),
            *_central_notes(records, judged),
        ),
        layers=layers_of((i.record.kind, i.volume) for i in drawn.images),
        images=tuple(i.record for i in drawn.images),
    )


def _model_notes(request: Request) -> list[str]:
    """Which models other than the usual ones the numbers come from."""
    asked = {
        "The tumour follows the kinetics": (request.kinetics, "standard"),
        "Plans are judged by the outcome model": (request.outcomes, OUTCOMES_BY_DEFAULT),
    }
    other = [f"{words} {name!r}." for words, (name, usual) in asked.items() if name != usual]
    return other + [f"Assumed otherwise than usual: {words}." for words in in_words(request.assumptions)]


def _central_notes(records: Sequence[PlanRecord], judged: Sequence[PlanOutcomes]) -> list[str]:
    """Which stereotactic plans treat a tumour near the central airways, or one of which that is not known."""
    notes = []
    for record, one in zip(records, judged, strict=True):
        if "central_toxicity" in one.effects:
            risk = one.effects["central_toxicity"]
            where, _, _ = risk.note.partition(";")
            found = (
                "the toxicity of central treatment is unknown"
                if risk.status == "unknown"
                else f"toxicity of grade 3 to 5 in {100 * risk.values.mean():.0f} % of such patients"
            )
            notes.append(f"{record.label} is stereotactic: {where}; {found}.")
    return notes


def _node_notes(made: Forecast, records: Sequence[PlanRecord]) -> list[str]:
    """Which involved nodes do not get their dose under which plan."""
    notes = []
    for record, scenario, arm in zip(records, made.scenarios, made.arms, strict=True):
        if record.grid is not None:
            dose = whole_dose(record.grid, scenario, arm)
            given_gy = sum(f.dose_gy for f in made.twin.fractions) if scenario.plan.more else 0.0
            notes += missed_nodes(made.twin.contours, dose, scenario.plan.total_gy + given_gy, record.label)
    return notes


def _belief_notes(belief: Belief | None) -> list[str]:
    """What the twin's own belief has learned from, and with how many samples that count."""
    if belief is None or belief.kind == "prior":
        return []
    n = len(belief.learned_from)
    notes = [f"The belief has learned from {n} observation{'' if n == 1 else 's'}."]
    if belief.ess is not None:
        low = (
            " That is low, and further moves did not raise it: intervals are noisier than the number of samples says, "
            "and an observation may contradict the model or another one."
        )
        notes.append(
            f"Effective number of samples of its update: {belief.ess:.0f} of {belief.n}."
            f"{low if belief.ess < LOW_ESS * belief.n else ''}"
        )
    return notes
