"""What some plans do to some patients of a cohort: one call of the kinetics for all of them.

Sample 0 of every array is the patient's truth, drawn from numbers that no belief uses; the others are the belief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from scenarios.comparison.effect import Effect
from scenarios.comparison.outcomes import LANDMARKS
from scenarios.engine.courses import realise
from scenarios.matching.doses import ReferencePatients
from scenarios.plans.scenario import Scenario
from scenarios.study.arm import ArmCourses, policy_courses, stereotactic
from scenarios.study.cohort import Member
from scenarios.study.lives import after_treatment
from scenarios.study.organs import match_members, organ_effects
from scenarios.study.settings import Settings
from simulators.belief.prior import DIMENSIONS, parameters_of_many
from simulators.core.chance import Purpose, many_uniforms
from simulators.core.course import Course
from simulators.core.kinetics import TumourModel
from simulators.core.outcome import LifeTimes
from simulators.kinetics.standard import StandardTumour
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import PatientTwin

STEP_DAYS = 7.0  # weekly steps and one at each fraction: volumes within 0.03 % of those of half-day steps


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of some patients (p) under each plan (a) in each sample (s); sample 0 is the truth.

    Args:
        members: the patients.
        weekly_cm3: (a, p, s, weeks) tumour volume.
        daily_cm3: (a, p, days) true tumour volume.
        effects: outcome -> values (a, p, s).
        lives: what happens after treatment, (a, p) of the truth.
        parameters: name -> (p,) of the true tumour.
        decisions: rows of the `decisions` table, of the belief's samples.
    """

    members: Sequence[Member]
    weekly_cm3: np.ndarray
    daily_cm3: np.ndarray
    effects: Mapping[str, Effect]
    lives: LifeTimes
    parameters: Mapping[str, np.ndarray]
    decisions: Sequence[Mapping[str, Any]] = ()


def simulate(members: Sequence[Member], scenarios: Sequence[Scenario], settings: Settings) -> Batch:
    """Patients known by numbers only, under every plan, with common random numbers.

    Args:
        members: without faults.
        scenarios: the plans, with policies or without.
        settings: what the study asks for.
    """
    params = parameters(members, settings)
    shape = params["alpha_per_gy"].shape
    matches = match_members(members, scenarios, settings)
    arms = [
        ArmCourses(
            [_open_course(s, settings.days)],
            [{s.plan.label: np.array([ReferencePatients.of(stereotactic(s)).tumour_dose()])}],
            np.ones(()),
        )
        if s.policy is None or s.plan.total_gy == 0
        else policy_courses(s, members, params, matches[stereotactic(s)], settings)
        for s in scenarios
    ]
    ends = np.stack([arm.ends(shape) for arm in arms])
    curves, daily, end_cm3 = _followed(members, arms, params, ends, settings)
    effects = volumes(curves, end_cm3, ends, settings)
    organs = organ_effects(members, scenarios, arms, matches, settings.seed)
    future = after_treatment(members, arms, organs, settings, settings.samples)
    effects |= {**future.effects, **organs.effects}
    return Batch(
        members,
        np.moveaxis(np.moveaxis(curves, -1, 0)[np.searchsorted(settings.curve_days, settings.weekly)], 0, -1),
        daily,
        effects,
        future.lives,
        {k: v[:, 0] for k, v in params.items()},
        [row for arm in arms for row in arm.decisions],
    )


@lru_cache(maxsize=16)
def _open_course(scenario: Scenario, days: float) -> Course:
    """What a scenario without a policy becomes for whoever is known by numbers only: none of them has a history."""
    return realise(scenario, PatientTwin("anyone"), days)


def _followed(
    members: Sequence[Member],
    arms: Sequence[ArmCourses],
    params: Mapping[str, np.ndarray],
    ends: np.ndarray,
    settings: Settings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(a, p, s, days) volumes on `curve_days`, (a, p, days) true daily ones, and (a, p, s) at the end.

    In memory the curves' days come first, as the kinetics give them: a week of all samples lies together.
    """
    open_loop = [i for i, arm in enumerate(arms) if len(arm.courses) == 1]
    shape = ends.shape
    at = settings.curve_days
    curves, daily = np.empty((len(at), *shape)), np.empty((*shape[:2], len(settings.daily)))
    end_cm3 = np.empty(shape)
    gtv_cm3 = np.array([m.gtv_cm3 for m in members])
    linear_gy = _standard(settings.kinetics).linear_above_gy
    if open_loop:
        courses = [arms[i].courses[0] for i in open_loop]
        relative = {name: dose for i in open_loop for name, dose in arms[i].relative[0].items()}
        kinetics = DoseVolumeKinetics(
            gtv_cm3[None, :, None], relative_dose=relative, linear_above_gy=linear_gy, step_days=STEP_DAYS
        )
        batch = {k: np.broadcast_to(v, (len(courses), *shape[1:])) for k, v in params.items()}
        last = ends[open_loop, 0, 0]
        days = np.unique(np.concatenate([at, last]))
        found, _ = kinetics.follow(kinetics.start(members[0].light(), batch), batch, courses, days)
        for row, day in enumerate(np.searchsorted(days, at)):
            curves[row, open_loop] = found[..., day]
        for i, curve, end in zip(open_loop, found, last, strict=True):
            end_cm3[i] = curve[..., np.searchsorted(days, end)]
        truth = {k: v[:, :, :1] for k, v in batch.items()}
        start = kinetics.start(members[0].light(), truth)
        daily[open_loop] = kinetics.follow(start, truth, courses, settings.daily)[0][:, :, 0]
    for i, arm in enumerate(arms):
        if i in open_loop:
            continue
        for p, member in enumerate(members):
            mine = arm.courses[p * shape[2] : (p + 1) * shape[2]]
            kinetics = DoseVolumeKinetics(
                member.gtv_cm3, arm.bin_fraction, arm.relative[p], linear_gy, step_days=STEP_DAYS
            )
            own = {k: v[p] for k, v in params.items()}
            days = np.unique(np.concatenate([at, ends[i, p]]))
            found, _ = kinetics.follow(kinetics.start(member.light(), own), own, mine, days)
            curves[:, i, p] = found[:, np.searchsorted(days, at)].T
            end_cm3[i, p] = found[np.arange(shape[2]), np.searchsorted(days, ends[i, p])]
            truth = {k: v[:1] for k, v in own.items()}
            start = kinetics.start(member.light(), truth)
            daily[i, p] = kinetics.follow(start, truth, mine[:1], settings.daily)[0][0]
    return np.moveaxis(curves, 0, -1), daily, end_cm3


def _standard(model: TumourModel) -> StandardTumour:
    assert isinstance(model, StandardTumour)  # `run_study` refuses others
    return model


def parameters(members: Sequence[Member], settings: Settings) -> dict[str, np.ndarray]:
    """Name -> (patients, 1 + samples) parameters: the truth, then the prior as `prior_belief` draws it.

    Args:
        members: the patients.
        settings: what the study asks for.
    """
    from scipy.special import ndtri

    ids, n = [m.id for m in members], np.arange(settings.samples)
    own = many_uniforms(settings.seed, ids, Purpose.TRUTH, np.zeros(1), len(DIMENSIONS) + 1)
    prior = many_uniforms(settings.seed, ids, Purpose.PRIOR, n, len(DIMENSIONS))
    z = ndtri(np.concatenate([own[..., :-1], prior], axis=1))
    params = parameters_of_many(
        z, [m.clinical for m in members], np.array([m.gtv_cm3 for m in members]), settings.prior
    )
    poisson = many_uniforms(settings.seed, ids, Purpose.CONTROL, n, 1)[..., 0]
    return params | {"control_quantile": np.concatenate([own[..., -1], poisson], axis=1)}


def volumes(
    curves: np.ndarray, end_cm3: np.ndarray, ends: np.ndarray, settings: Settings
) -> dict[str, Effect]:
    """Tumour volume at the end of treatment and at the landmarks that the study reaches.

    Args:
        curves: (a, p, s, days) volumes on `curve_days`, cm3.
        end_cm3: (a, p, s) volume at the end of treatment, cm3.
        ends: (a, p, s) end of treatment, days.
        settings: what the study asks for.
    """
    effects, days = {}, settings.curve_days
    if ends.max() <= settings.days and ends.min() > 0:
        effects["gtv_end_of_treatment"] = Effect(end_cm3, "cm3")
    for name, day in LANDMARKS.items():
        if day <= settings.days:
            effects[f"gtv_{name}"] = Effect(curves[..., np.searchsorted(days, day)], "cm3")
    return effects
