"""Compare plans for one patient under common random numbers."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from scenarios.adaptive import Approve, realise_adaptive
from scenarios.arm import Arm
from scenarios.context import outside_context
from scenarios.engine import realise
from scenarios.outcomes import contrasts, outcome_rows, plan_outcomes
from scenarios.plan import TreatmentPlan
from scenarios.planned_dose import planned_doses, with_targets
from scenarios.render import ImageJob, accumulated, render
from scenarios.replan import PlanLibrary
from scenarios.request import request_hash, versions
from scenarios.results import Comparison, PatientRecord, PlanRecord, RunImage, RunRecord
from scenarios.scenario import Scenario, distinct
from scenarios.schema import table
from simulators.chance import Key, Purpose
from simulators.course import Event
from twin import Belief, DoseGrid, InputError, PatientTwin, StructureSet, Volume

LEVEL = 0.8
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
) -> Comparison:
    """What each plan would do to this patient.

    Args:
        twin: the patient; not changed.
        plans: whole courses from day 0; fractions before `twin.now_days` are history.
        days: how far to look, days from day 0.
        samples: number of samples of the belief; all plans share them.
        image_samples: how many of these samples get follow-up images.
        seed: root of all chance.
        generator: of the follow-up CT.
        scanners: virtual scanners by name, e.g. "pet".
        approve: accepts or refuses each decision of a policy that changes something, given its row.
        progress: called with a step's name and the share of all work that is done.

    Returns:
        The comparison: tables in polars frames, images, and what is needed to run it again.

    Raises:
        InputError: a plan contradicts what was delivered; an unknown generator or scanner; a bad number.
    """
    from simulators.scanner import scanner_named
    from simulators.treatment import generator_named

    scenarios = distinct(plans)
    _check(days, samples, image_samples, seed)
    request = request_hash(
        twin, scenarios, days=days, samples=samples, image_samples=image_samples, seed=seed,
        generator=generator, scanners=scanners,
    )  # fmt: skip
    treatment, devices = generator_named(generator), [scanner_named(name) for name in dict.fromkeys(scanners)]
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
    effects = {
        record.slug: plan_outcomes(twin, arm, belief, daily, gtv_cm3[p], survivors[p], seed)
        for p, (record, arm) in enumerate(zip(records, arms, strict=True))
    }
    tables = {
        "samples": pl.DataFrame({"sample": np.arange(samples, dtype=np.int32), **belief.samples}),
        "trajectory": _trajectory_table(records, daily, gtv_cm3),
        "bands": _band_table("bands", records, daily, gtv_cm3),
        "prior_bands": _prior_bands(twin, records, arms, belief, daily, seed),
        "learned": _learned_table(twin, belief, seed),
        "events": _event_table(records, arms, twin.now_days),
        "decisions": table("decisions", [row for arm in arms for row in arm.decisions]),
        "outcomes": table("outcomes", outcome_rows(records, effects, LEVEL)),
        "contrasts": table("contrasts", contrasts(records, effects, LEVEL)),
        "dvh": _dvh_table(twin, records, scenarios, arms),
    }
    clock.lap("tables", 1.0)
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
        notes=(*_belief_notes(belief), *notes),
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
    from simulators.prior import prior_belief

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


def _belief_notes(belief: Belief) -> list[str]:
    if belief.kind == "prior":
        return []
    notes = [f"The belief has learned from {len(belief.learned_from)} observations."]
    if belief.ess is not None:
        notes.append(f"Effective number of samples of its update: {belief.ess:.0f}.")
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
    from simulators.dose_volume import DoseVolumeKinetics, trajectory

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
    from simulators.field import FieldKinetics

    jobs = []
    for p, (scenario, arm) in enumerate(zip(scenarios, arms, strict=True)):
        used = {g for s in range(image_samples) for g in arm.course(s).grids}
        kinetics = FieldKinetics.from_twin(twin, {g: arm.doses[g] for g in sorted(used)})
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
                    jobs.append(ImageJob(scenario.slug, s, ordinal, when, course, arm.doses, view, key))
            if course.end_days > state.t_days:
                state = kinetics.advance(state, params, [course], course.end_days)
            survivors[p, s] = state.survivors
    return jobs


def _trajectory_table(records: Sequence[PlanRecord], daily: np.ndarray, gtv_cm3: np.ndarray) -> pl.DataFrame:
    plans, samples, days = gtv_cm3.shape
    return table(
        "trajectory",
        {
            "plan": np.repeat([r.slug for r in records], samples * days),
            "sample": np.tile(np.repeat(np.arange(samples, dtype=np.int32), days), plans),
            "day": np.tile(daily, plans * samples),
            "gtv_cm3": gtv_cm3.ravel(),
        },
    )


def _prior_bands(
    twin: PatientTwin,
    records: Sequence[PlanRecord],
    arms: Sequence[Arm],
    belief: Belief,
    daily: np.ndarray,
    seed: int,
) -> pl.DataFrame:
    """The forecast before the observations, for the same courses."""
    from simulators.prior import prior_belief

    if belief.kind == "prior":
        return table("prior_bands", [])
    gtv_cm3, _ = _trajectories(twin, arms, prior_belief(twin, belief.n, seed), daily)
    return _band_table("prior_bands", records, daily, gtv_cm3)


def _learned_table(twin: PatientTwin, belief: Belief, seed: int) -> pl.DataFrame:
    from simulators.learned import what_was_learned
    from simulators.prior import prior_belief

    if belief.kind == "prior" or twin.belief is None:
        return table("learned", [])
    prior = prior_belief(twin, twin.belief.n, seed)
    tails = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]
    rows = []
    for found in what_was_learned(prior, twin.belief):
        before = np.quantile(prior.samples[found.parameter], tails)
        after = np.quantile(twin.belief.samples[found.parameter], tails)
        rows.append(
            {
                "parameter": found.parameter,
                **dict(zip(("prior_lower", "prior_median", "prior_upper"), before.tolist(), strict=True)),
                **dict(zip(("lower", "median", "upper"), after.tolist(), strict=True)),
                "ratio": found.ratio,
                "informed": found.informed,
            }
        )
    return table("learned", rows)


def _band_table(
    name: str, records: Sequence[PlanRecord], daily: np.ndarray, gtv_cm3: np.ndarray
) -> pl.DataFrame:
    tail = (1 - LEVEL) / 2
    frames = []
    for record, curves in zip(records, gtv_cm3, strict=True):
        lower, median, upper = np.quantile(curves, [tail, 0.5, 1 - tail], axis=0)
        columns = {
            "day": daily,
            "lower": lower,
            "median": median,
            "upper": upper,
            "mean": curves.mean(axis=0),
        }
        frames.append(
            pl.DataFrame(columns).with_columns(
                plan=pl.lit(record.slug), level=pl.lit(LEVEL), n=pl.lit(len(curves), dtype=pl.Int32)
            )
        )
    return table(
        name,
        pl.concat(frames).select("plan", "day", "lower", "median", "upper", "mean", "level", "n").to_dict(),
    )


def _event_table(records: Sequence[PlanRecord], arms: Sequence[Arm], now_days: float) -> pl.DataFrame:
    """Events of each course; the sample is null where all samples share one course."""
    frames = [table("events", [])]
    for record, arm in zip(records, arms, strict=True):
        for s, course in enumerate(arm.courses):
            names = [Event(kind).name.lower() for kind in course.kind]
            given = (course.kind == Event.FRACTION) & (course.time_days <= now_days) & (now_days > 0)
            columns = {
                "plan": [record.slug] * len(course),
                "sample": [s if len(arm.courses) > 1 else None] * len(course),
                "ordinal": np.arange(len(course)),
                "day": course.time_days,
                "kind": names,
                "dose_gy": course.dose_gy,
                "grid": [course.grids[g] if g >= 0 else None for g in course.grid],
                "delivered": given,
            }
            frames.append(table("events", columns))
    return pl.concat(frames)


def _dvh_table(
    twin: PatientTwin,
    records: Sequence[PlanRecord],
    scenarios: Sequence[Scenario],
    arms: Sequence[Arm],
) -> pl.DataFrame:
    """Cumulative DVHs in steps of a quarter gray; other structures than targets and organs are left out."""
    frames: list[pl.DataFrame] = []
    curves: dict[str, pl.DataFrame] = {}  # scenarios of one plan share its dose
    for record, scenario, arm in zip(records, scenarios, arms, strict=True):
        if record.grid is None:
            continue
        if record.grid not in curves:
            dose = arm.doses[record.grid].volume
            if scenario.plan.more:  # with what was delivered before
                dose = accumulated(arm.course(0), arm.doses, len(arm.course(0)))[0] or dose
            curves[record.grid] = _dvh_curves(dose, with_targets(twin, scenario.plan))
        frames.append(curves[record.grid].select(pl.lit(record.slug).alias("plan"), pl.all()))
    return pl.concat(frames) if frames else table("dvh", [])


def _dvh_curves(dose: Volume, structures: StructureSet) -> pl.DataFrame:
    from simulators.dvh import dvh

    frames = []
    for structure in structures:
        if structure.role in ("EXTERNAL", "OTHER"):
            continue
        curve = dvh(dose, structures, structure.name)
        dose_gy = np.arange(0.0, curve.max_gy + 0.5, 0.25)
        share = np.interp(dose_gy, curve.dose_gy, curve.volume_fraction, right=0.0)
        frames.append(
            pl.DataFrame({"dose_gy": dose_gy, "volume_fraction": share}).select(
                pl.lit(structure.name).alias("structure"),
                pl.all(),
                pl.lit(structure.estimated).alias("estimated"),
            )
        )
    return pl.concat(frames)
