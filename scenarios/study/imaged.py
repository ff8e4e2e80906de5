"""A patient with images in a study: the comparison of his plans, as rows of the study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from scenarios.comparison.effect import Effect
from scenarios.comparison.intervals import quantiles
from scenarios.comparison.outcomes import PlanOutcomes
from scenarios.comparison.result import Comparison
from scenarios.comparison.steps import compare
from scenarios.engine.adaptive import realise_adaptive
from scenarios.engine.arm import Arm
from scenarios.engine.courses import realise
from scenarios.engine.planned_dose import planned_doses
from scenarios.engine.replan import PlanLibrary
from scenarios.plans.scenario import Scenario
from scenarios.records.study_schema import PART_SCHEMAS
from scenarios.study.arm import TRUTH_SEED, ArmCourses
from scenarios.study.cohort import Member
from scenarios.study.lives import after_treatment
from scenarios.study.organs import Organs
from scenarios.study.settings import Settings
from scenarios.study.tables import Tables, draw_rows, empty, life_rows
from simulators.core.treatment import VirtualTreatment
from simulators.names.generators import generator_named
from simulators.tumour.dose_volume import trajectory
from twin import Belief, DoseGrid, PatientTwin

_HELD: dict[str, VirtualTreatment] = {}  # by name, for the life of a worker


def hold_generator(name: str) -> VirtualTreatment:
    """The generator of a name, loaded once in a process and kept."""
    if name not in _HELD:
        _HELD[name] = generator_named(name)
    return _HELD[name]


def imaged_tables(
    member: Member, scenarios: Sequence[Scenario], settings: Settings, runs: Path | None = None
) -> tuple[Tables, np.ndarray]:
    """The rows of one patient with images; the comparison's own numbers, and the true daily volumes (plans, 1, days).

    Args:
        member: with a twin.
        scenarios: the plans.
        settings: what the study asks for.
        runs: folder in which the whole run is written, with its images, or None.
    """
    assert member.twin is not None
    planned = planned_doses(member.twin, [s.plan for s in scenarios])
    doses = planned.doses
    twin = planned.twin.fork(doses=doses)  # the plans' doses are computed once, for belief and truth
    judged: list[PlanOutcomes] = []
    run = compare(
        twin, scenarios, days=settings.days, samples=settings.samples, seed=settings.seed,
        image_samples=settings.image_samples, generator=settings.generator, dose="approximate",
        prior=settings.prior, kinetics=settings.kinetics, outcomes=settings.outcomes,
        treatment=hold_generator(settings.generator) if settings.image_samples else None, judged=judged.extend,
    )  # fmt: skip
    if settings.image_samples and runs is not None:
        run.save(runs / member.id)
    slugs = [s.slug for s in scenarios]
    truth = None if member.truth is None else {k: np.full(1, v) for k, v in member.truth.items()}
    true_cm3 = np.full((len(slugs), 1, len(settings.daily)), np.nan)
    tables = {
        "outcomes": _with_patient(run.outcomes, member, "outcomes"),
        "effects": _effects(run, member),
        "draws": _draws(judged, slugs),
        "decisions": _with_patient(run.decisions, member, "decisions"),
    }
    if truth is not None:
        true_cm3, rows = _truth(member, twin, doses, scenarios, settings, truth, run)
        tables["lives"] = rows
        columns = {k: truth[k] for k in empty("truth").columns[1:] if k in truth}
        tables["truth"] = pl.DataFrame({"patient": [member.id], **columns})
    tables["trajectory"] = _trajectory(run, member, slugs, settings, true_cm3[:, 0])
    return tables, true_cm3.astype(np.float32)


def _truth(
    member: Member,
    twin: PatientTwin,
    doses: Mapping[str, DoseGrid],
    scenarios: Sequence[Scenario],
    settings: Settings,
    truth: Mapping[str, np.ndarray],
    run: Comparison,
) -> tuple[np.ndarray, pl.DataFrame]:
    """True daily volumes (plans, 1, days) and the rows of `lives`."""
    volumes, arms = [], []
    for scenario in scenarios:
        arm = _true_arm(scenario, twin, doses, truth, settings)
        course = arm.course(0)
        kinetics = settings.kinetics.dose_bins(twin.gtv_cm3, arm.bin_fraction, arm.relative)
        volumes.append(trajectory(kinetics, twin, truth, [course], settings.daily)[0])
        arms.append(ArmCourses([course], [arm.relative], arm.bin_fraction))
    slugs = [s.slug for s in scenarios]
    future = after_treatment([member], arms, _organs(run, slugs), settings, 0)
    return np.stack(volumes), life_rows([member], slugs, future.lives)


def _true_arm(
    scenario: Scenario,
    twin: PatientTwin,
    doses: Mapping[str, DoseGrid],
    truth: Mapping[str, np.ndarray],
    settings: Settings,
) -> Arm:
    """What the scenario becomes for the true tumour; a policy sees that one, on days of its own."""
    if scenario.policy is None or scenario.plan.total_gy == 0:
        return Arm.open_loop(twin, realise(scenario, twin, settings.days), doses)
    library = PlanLibrary(twin, scenario.plan, doses[scenario.plan.label])
    seed = settings.seed + TRUTH_SEED
    return realise_adaptive(
        scenario, scenario.policy, twin, Belief(truth), library, days=settings.days, seed=seed,
        tumour=settings.kinetics,
    )  # fmt: skip


def _organs(run: Comparison, slugs: Sequence[str]) -> Organs:
    """The middle of the organ doses, (plans, 1, 1); nan where unknown, which life afterwards passes over."""

    def middle(outcome: str, missing: float) -> np.ndarray:
        rows = run.outcomes.filter(pl.col("outcome") == outcome)
        values = dict(zip(rows["plan"], rows["mean"], strict=True))
        found = [values.get(slug) for slug in slugs]
        return np.array([missing if v is None else v for v in found])[:, None, None]

    nothing: dict[str, Effect] = {}
    return Organs(nothing, middle("pneumonitis", 0.0), middle("mean_heart_dose", np.nan))


def _trajectory(
    run: Comparison, member: Member, slugs: Sequence[str], settings: Settings, true_cm3: np.ndarray
) -> pl.DataFrame:
    at = settings.weekly.astype(int)
    tail = (1 - settings.level) / 2
    frames = []
    for slug, truth in zip(slugs, true_cm3, strict=True):
        curves = run.trajectory.filter(pl.col("plan") == slug)["gtv_cm3"].to_numpy()
        samples = curves.reshape(settings.samples, -1)[:, at].T
        low, median, high = quantiles(samples, (tail, 0.5, 1 - tail))
        columns = {"day": at, "low": low, "median": median, "high": high, "truth": truth[at]}
        frames.append(pl.DataFrame(columns).with_columns(patient=pl.lit(member.id), plan=pl.lit(slug)))
    return _typed(pl.concat(frames), "trajectory").with_columns(pl.col("truth").fill_nan(None))


def _effects(run: Comparison, member: Member) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Float64)
    return _with_patient(run.contrasts.with_columns(better=nothing, worse=nothing), member, "effects")


def _draws(judged: Sequence[PlanOutcomes], slugs: Sequence[str]) -> pl.DataFrame:
    first, *others = (plan.effects for plan in judged)
    rows = [empty("draws")]
    for slug, other in zip(slugs[1:], others, strict=True):
        pairs = {
            name: replace(effect, values=np.stack([first[name].values, effect.values])[:, None])
            for name, effect in other.items()
            if name in first
        }
        rows.append(draw_rows((slugs[0], slug), pairs))
    return pl.concat(rows)


def _with_patient(frame: pl.DataFrame, member: Member, name: str) -> pl.DataFrame:
    return _typed(frame.with_columns(patient=pl.lit(member.id)), name)


def _typed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.select(pl.col(c).cast(t) for c, t in PART_SCHEMAS[name].items())
