"""Compare plans for one patient under common random numbers."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from scenarios.comparison.failures import failure_table
from scenarios.comparison.forecasts import drawn_table, moved_table
from scenarios.comparison.measured import recist_table
from scenarios.comparison.outcomes import contrasts, outcome_rows, plan_outcomes
from scenarios.comparison.scorecard import scorecard_table
from scenarios.comparison.tables import band_table, dvh_table, event_table, learned_table, trajectory_table
from scenarios.engine.adaptive import Approve, realise_adaptive
from scenarios.engine.arm import Arm
from scenarios.engine.courses import realise
from scenarios.engine.delivery import Delivery, Shrinking
from scenarios.engine.planned_dose import all_targets, planned_doses
from scenarios.engine.render import ImageJob, render
from scenarios.engine.replan import PlanLibrary
from scenarios.plans.context import outside_context
from scenarios.plans.plan import TreatmentPlan
from scenarios.plans.scenario import Scenario, distinct
from scenarios.records.layer import layers_of
from scenarios.records.request import request_hash, versions
from scenarios.records.run import Comparison, PatientRecord, PlanRecord, RunImage, RunRecord
from scenarios.records.schema import LEVEL, table
from simulators.core.chance import Key, Purpose
from simulators.core.course import Event
from simulators.core.treatment import VirtualTreatment
from twin import Belief, DoseGrid, InputError, PatientTwin

Progress = Callable[[str, float], None]


def compare(
    twin: PatientTwin,
    plans: Sequence[TreatmentPlan | Scenario],
    *,
    days: float = 365,
    samples: int = 200,
    image_samples: int = 1,
    seed: int = 0,
    generator: str = "auto",
    scanners: Sequence[str] = (),
    approve: Approve | None = None,
    progress: Progress | None = None,
    treatment: VirtualTreatment | None = None,
) -> Comparison:
    """What each plan would do to this patient.

    Args:
        twin: the patient; not changed.
        plans: whole courses from day 0; fractions before `twin.now_days` are history.
        days: how far to look, days from day 0.
        samples: number of samples of the belief; all plans share them.
        image_samples: how many of these samples get follow-up images.
        seed: root of all chance.
        generator: of the follow-up CT (`simulators.generator_named`).
        scanners: virtual scanners by name, e.g. "pet".
        approve: accepts or refuses each decision of a policy that changes something, given its row.
        progress: called with a step's name and the share of all work that is done.
        treatment: the generator of that name, where it is loaded already.

    Returns:
        The comparison: tables in polars frames, images, and what is needed to run it again.

    Raises:
        InputError: a plan contradicts what was delivered; an unknown generator or scanner; a bad number.
    """
    from simulators.names.generators import generator_named
    from simulators.names.scanners import scanner_named

    scenarios = distinct(plans)
    _check(days, samples, image_samples, seed)
    request = request_hash(
        twin, scenarios, days=days, samples=samples, image_samples=image_samples, seed=seed,
        generator=generator, scanners=scanners,
    )  # fmt: skip
    treatment = treatment or generator_named(generator)
    devices = [scanner_named(name) for name in dict.fromkeys(scanners)]
    clock = _Clock(progress or (lambda step, share: None))
    belief = _belief(twin, samples, seed)
    clock.lap("belief", 0.02)
    doses = planned_doses(twin, [s.plan for s in scenarios])
    clock.lap("dose", 0.15)
    arms = _arms(twin, scenarios, doses, belief, days, seed, approve)
    clock.lap("courses", 0.2)
    daily = np.arange(0.0, np.floor(days) + 1)
    gtv_cm3, survivors = _trajectories(twin, arms, belief, daily)
    clock.lap("biology", 0.25)
    jobs = _image_jobs(
        twin, arms, belief, scenarios, min(image_samples, samples), daily, gtv_cm3, survivors, seed
    )
    clock.lap("tumour fields", 0.4)
    images: list[RunImage] = []
    notes: list[str] = []
    for done, batch in enumerate(render(twin, jobs, treatment, devices, notes), start=1):
        images.extend(batch)
        clock.lap("images", 0.4 + 0.6 * done / len(jobs))
    records = tuple(
        PlanRecord(
            slug=scenario.slug,
            label=scenario.label,
            total_gy=scenario.plan.total_gy,
            fractions=scenario.plan.fractions,
            end_days=float(np.median([c.end_days for c in arm.courses])),
            grid=scenario.plan.label if scenario.plan.total_gy else None,
            context=tuple(outside_context(scenario.plan, twin, days)),
            scenario=scenario.model_dump(mode="json", exclude_defaults=True),
        )
        for scenario, arm in zip(scenarios, arms, strict=True)
    )
    deliveries = _deliveries(twin, arms, belief, gtv_cm3, seed)
    effects = {
        record.slug: plan_outcomes(delivery, belief, daily, gtv_cm3[p], survivors[p])
        for p, (record, delivery) in enumerate(zip(records, deliveries, strict=True))
    }
    before = _before(twin, arms, belief, daily, seed)
    structures = all_targets(twin, [s.plan for s in scenarios])
    tables = {
        "samples": pl.DataFrame({"sample": np.arange(samples, dtype=np.int32), **belief.samples}),
        "trajectory": trajectory_table(records, daily, gtv_cm3),
        "bands": band_table("bands", records, daily, gtv_cm3),
        "prior_bands": band_table("prior_bands", records, daily, before[1])
        if before
        else table("prior_bands", []),
        "drawn_bands": drawn_table(
            twin, records, daily, [*([before] if before else []), (belief, gtv_cm3)], seed
        ),
        "moved": moved_table(twin, records, arms, days, seed),
        "learned": learned_table(twin, belief, seed),
        "events": event_table(records, arms, twin.now_days),
        "decisions": table("decisions", [row for arm in arms for row in arm.decisions]),
        "outcomes": table("outcomes", outcome_rows(records, effects, LEVEL)),
        "contrasts": table("contrasts", contrasts(records, effects, LEVEL)),
        "failures": failure_table(twin, records, arms, belief, survivors, effects, seed),
        "dvh": dvh_table(records, scenarios, structures, arms),
        "recist": recist_table(twin, images),
    }
    clock.lap("tables", 1.0)
    tables["scorecard"] = scorecard_table(records, structures, deliveries, belief.n)
    clock.lap("scorecard", 1.0)
    record = RunRecord(
        patient=PatientRecord(
            id=twin.id, gtv_cm3=twin.gtv_cm3, in_silico=twin.in_silico, now_days=twin.now_days
        ),
        plans=records,
        days=days,
        samples=samples,
        image_samples=image_samples,
        seed=seed,
        generator=generator,
        scanners=tuple(s.name for s in devices),
        level=LEVEL,
        belief="prior" if belief.kind == "prior" else "posterior",
        versions=versions(),
        device=f"{platform.machine()} CPU",
        request=request,
        timings_s=clock.laps,
        notes=(*_belief_notes(twin.belief), *notes),
        layers=layers_of((i.record.kind, i.volume) for i in images),
        images=tuple(i.record for i in images),
    )
    return Comparison(record, twin, tables, tuple(images))


def _check(days: float, samples: int, image_samples: int, seed: int) -> None:
    if not 1 <= days <= 36_525:
        raise InputError(f"--days must lie between 1 and 36525, not {days:g}")
    if not 1 <= samples <= 1_000_000:
        raise InputError(f"--samples must lie between 1 and 1000000, not {samples}")
    if image_samples < 0:
        raise InputError(f"--image-samples cannot be negative, not {image_samples}")
    if seed < 0:
        raise InputError(f"--seed cannot be negative, not {seed}")


class _Clock:
    """Seconds by step, and the share of the work that is done."""

    def __init__(self, progress: Progress):
        self.progress, self.laps, self._last = progress, dict[str, float](), time.perf_counter()

    def lap(self, step: str, share: float) -> None:
        now = time.perf_counter()
        self.laps[step] = round(self.laps.get(step, 0.0) + now - self._last, 3)
        self._last = now
        self.progress(step, share)


def _belief(twin: PatientTwin, n: int, seed: int) -> Belief:
    """Equal-weight samples: the prior where the twin has no belief, else its belief resampled once."""
    from simulators.belief.prior import prior_belief

    if twin.belief is None:
        return prior_belief(twin, n, seed)
    if twin.belief.weights is None and twin.belief.n == n:
        return twin.belief
    weights = (
        np.full(twin.belief.n, 1 / twin.belief.n) if twin.belief.weights is None else twin.belief.weights
    )
    start = Key(seed, twin.id, Purpose.PRIOR).generator().random()
    ticks = (start + np.arange(n)) / n  # systematic resampling, Kitagawa 1996
    chosen = np.searchsorted(np.cumsum(weights) / np.sum(weights), ticks).clip(0, twin.belief.n - 1)
    return replace(twin.belief, samples={k: v[chosen] for k, v in twin.belief.samples.items()}, weights=None)


def _belief_notes(belief: Belief | None) -> list[str]:
    """What the twin's own belief has learned from, and with how many samples that count."""
    from simulators.belief.update import LOW_ESS

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


def _arms(
    twin: PatientTwin,
    scenarios: Sequence[Scenario],
    doses: Mapping[str, DoseGrid],
    belief: Belief,
    days: float,
    seed: int,
    approve: Approve | None,
) -> list[Arm]:
    """What each scenario becomes; scenarios of one plan share the doses of its replans."""
    arms: list[Arm] = []
    libraries: dict[str, PlanLibrary] = {}
    for scenario in scenarios:
        plan = scenario.plan
        if scenario.policy is None or plan.total_gy == 0:
            arms.append(Arm.open_loop(twin, realise(scenario, twin, days), doses))
            continue
        if plan.label not in libraries:
            libraries[plan.label] = PlanLibrary(twin, plan, doses[plan.label])
        arms.append(
            realise_adaptive(
                scenario, scenario.policy, twin, belief, libraries[plan.label],
                days=days, seed=seed, approve=approve,
            )
        )  # fmt: skip
    return arms


def _trajectories(
    twin: PatientTwin, arms: Sequence[Arm], belief: Belief, daily: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Daily volumes (plan, sample, day) in cm3 and surviving clonogens (plan, sample)."""
    from simulators.tumour.dose_volume import DoseVolumeKinetics, trajectory

    volumes, survivors = [], []
    for arm in arms:
        kinetics = DoseVolumeKinetics(twin.gtv_cm3, arm.bin_fraction, arm.relative)
        gtv_cm3, state = trajectory(kinetics, twin, belief.samples, arm.courses, daily)
        end_days = max(course.end_days for course in arm.courses)
        if end_days > state.t_days:  # control is known when the last fraction has been given
            state = kinetics.advance(state, belief.samples, arm.courses, end_days)
        volumes.append(gtv_cm3)
        survivors.append(state.survivors)
    return np.stack(volumes), np.stack(survivors)


def _deliveries(
    twin: PatientTwin, arms: Sequence[Arm], belief: Belief, gtv_cm3: np.ndarray, seed: int
) -> list[Delivery]:
    """How each arm reaches the patient, whose tissue follows the tumour's volumes, (plan, sample, day) cm3."""
    from simulators.anatomy.tissue_motion import TissueMotion

    try:
        motion = TissueMotion.of(twin)
    except InputError:  # no lung is drawn: nothing is known of how it gives
        return [Delivery(twin, arm, seed) for arm in arms]
    shrinking = [Shrinking.of(motion, belief, volumes) for volumes in gtv_cm3]
    return [Delivery(twin, arm, seed, shrinking=s) for arm, s in zip(arms, shrinking, strict=True)]


def _image_jobs(
    twin: PatientTwin,
    arms: Sequence[Arm],
    belief: Belief,
    scenarios: Sequence[Scenario],
    image_samples: int,
    daily: np.ndarray,
    gtv_cm3: np.ndarray,
    survivors: np.ndarray,
    seed: int,
) -> list[ImageJob]:
    """What to render; a sample that has a field takes its curve and its survivors from the field."""
    if image_samples == 0:
        return []
    from simulators.tumour.field import FieldKinetics

    jobs = []
    for p, (scenario, arm) in enumerate(zip(scenarios, arms, strict=True)):
        used = {g for s in range(image_samples) for g in arm.course(s).grids}
        kinetics = FieldKinetics.from_twin(twin, {g: arm.at_tumour(g) for g in sorted(used)})
        delivery = Delivery(twin, arm, seed)
        for s in range(image_samples):
            course = arm.course(s)
            params = {k: v[s] for k, v in belief.samples.items()}
            state = kinetics.start(twin, params)
            images = [(int(i), float(course.time_days[i])) for i in course.of(Event.IMAGING)]
            for d, day in enumerate(daily):
                state = kinetics.advance(state, params, [course], float(day))
                gtv_cm3[p, s, d] = kinetics.gtv_cm3(state)
                while images and images[0][1] < day + 1:  # a side branch: looking does not change the future
                    ordinal, when = images.pop(0)
                    seen = kinetics.advance(state, params, [course], when)
                    view = kinetics.view(seen, params)
                    key = Key(seed, twin.id, Purpose.IMAGE, s)
                    jobs.append(ImageJob(scenario.slug, s, ordinal, when, course, delivery, view, key))
            if course.end_days > state.t_days:
                state = kinetics.advance(state, params, [course], course.end_days)
            survivors[p, s] = state.survivors
    return jobs


def _before(
    twin: PatientTwin, arms: Sequence[Arm], belief: Belief, daily: np.ndarray, seed: int
) -> tuple[Belief, np.ndarray] | None:
    """The belief before the observations and its forecast for the same courses; None where nothing was learned."""
    from simulators.belief.prior import prior_belief

    if belief.kind == "prior":
        return None
    prior = prior_belief(twin, belief.n, seed)
    return prior, _trajectories(twin, arms, prior, daily)[0]
