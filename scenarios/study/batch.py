"""What some plans do to some patients of a cohort: one call of the kinetics for all of them.

Sample 0 of every array is the patient's truth, drawn from numbers that no belief uses; the others are the belief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scenarios.comparison.outcomes import CONTROL_DAYS, LANDMARKS, Effect
from scenarios.engine.courses import realise
from scenarios.plans.scenario import Scenario
from scenarios.study.arm import ArmCourses, policy_courses, stereotactic
from scenarios.study.borrowed_dose import Lenders, Loan, OrganTables
from scenarios.study.cohort import Member
from simulators.core.chance import Purpose, many_uniforms
from simulators.outcome.life import DRAWS, LifeTimes
from simulators.tumour.dose_volume import DoseVolumeKinetics
from simulators.tumour.systemic import Systemic

STEP_DAYS = 7.0  # weekly steps and one at each fraction: volumes within 0.03 % of those of half-day steps
SURVIVAL_DAYS = 730.5
_DOSE_NUMBERS = 4


@dataclass(frozen=True)
class Settings:
    """What a study asks for.

    Args:
        days: how far to look, days from day 0.
        samples: samples of each patient's belief.
        seed: root of all chance.
        level: of the central intervals.
        image_samples: samples of each twin that get follow-up images.
        generator: of these images.
    """

    days: float
    samples: int
    seed: int
    level: float = 0.8
    image_samples: int = 0
    generator: str = "auto"

    @property
    def weekly(self) -> np.ndarray:
        """Days of the weekly bands: every seventh, and the last."""
        return np.unique(np.append(np.arange(0.0, self.days + 1e-9, 7.0), np.floor(self.days)))

    @property
    def daily(self) -> np.ndarray:
        """Every day."""
        return np.arange(0.0, np.floor(self.days) + 1)


@dataclass(frozen=True, eq=False)
class Batch:
    """What became of some patients (p) under each plan (a) in each sample (s); sample 0 is the truth.

    Args:
        members: the patients.
        weekly_cm3: (a, p, s, weeks) tumour volume.
        daily_cm3: (a, p, days) true tumour volume.
        effects: outcome -> values (a, p, s).
        lives: what happens after treatment, (a, p) of the truth.
        controlled: (a, p) whether no clonogen survives, of the truth.
        parameters: name -> (p,) of the true tumour.
        decisions: rows of the `decisions` table, of the belief's samples.
    """

    members: Sequence[Member]
    weekly_cm3: np.ndarray
    daily_cm3: np.ndarray
    effects: Mapping[str, Effect]
    lives: LifeTimes
    controlled: np.ndarray
    parameters: Mapping[str, np.ndarray]
    decisions: Sequence[Mapping[str, Any]] = ()


def simulate(members: Sequence[Member], scenarios: Sequence[Scenario], settings: Settings) -> Batch:
    """Patients known by numbers only, under every plan, with common random numbers.

    Args:
        members: without faults.
        scenarios: the plans, with policies or without.
        settings: what the study asks for.
    """
    from simulators.outcome.control import failure_days

    twin = members[0].light()
    gtv_cm3 = np.array([m.gtv_cm3 for m in members])
    params = parameters(members, settings)
    shape = params["alpha_per_gy"].shape
    loans = _loans(members, scenarios, settings)
    arms = [
        ArmCourses(
            [realise(s, twin, settings.days)],  # no light member has a history
            [{s.plan.label: np.array([Lenders.of(stereotactic(s)).tumour_dose()])}],
            np.ones(()),
        )
        if s.policy is None or s.plan.total_gy == 0
        else policy_courses(s, members, params, loans[stereotactic(s)], settings.days, settings.seed)
        for s in scenarios
    ]
    ends = np.stack([arm.ends(shape) for arm in arms])
    curves, daily, end_cm3, survivors = _followed(members, arms, params, ends, settings)
    effects = volumes(curves, end_cm3, ends, settings)
    local = failure_days(survivors, params, gtv_cm3[:, None], ends)
    drugs = [arm.systemic(shape) for arm in arms]
    systemic = Systemic(
        *(np.stack([getattr(d, f) for d in drugs]) for f in ("drugs", "immune_from_days", "immune_ratio"))
    )
    organs = _organs(members, scenarios, arms, loans)
    lives = after_treatment(members, local, ends, organs, settings, systemic)
    effects |= control(survivors, lives.local)
    effects |= organs.effects
    effects["survival_2y"] = survival(members, lives)
    return Batch(
        members,
        curves[..., np.searchsorted(landmark_days(settings), settings.weekly)],
        daily,
        effects,
        LifeTimes(*(getattr(lives, f)[:, :, 0] for f in ("local", "distant", "death", "cause"))),
        survivors[:, :, 0] == 0,
        {k: v[:, 0] for k, v in params.items()},
        [row for arm in arms for row in arm.decisions],
    )


def landmark_days(settings: Settings) -> np.ndarray:
    """Days on which every sample's volume is wanted: those of the weekly bands, and the landmarks."""
    return np.unique(np.concatenate([settings.weekly, list(LANDMARKS.values())]))


def _followed(
    members: Sequence[Member],
    arms: Sequence[ArmCourses],
    params: Mapping[str, np.ndarray],
    ends: np.ndarray,
    settings: Settings,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(a, p, s, days) volumes on `landmark_days`, (a, p, days) true daily ones, (a, p, s) at the end; survivors."""
    open_loop = [i for i, arm in enumerate(arms) if len(arm.courses) == 1]
    shape = ends.shape
    at = landmark_days(settings)
    curves, daily = np.empty((*shape, len(at))), np.empty((*shape[:2], len(settings.daily)))
    end_cm3, survivors = np.empty(shape), np.empty(shape)
    gtv_cm3 = np.array([m.gtv_cm3 for m in members])
    if open_loop:
        courses = [arms[i].courses[0] for i in open_loop]
        relative = {name: dose for i in open_loop for name, dose in arms[i].relative[0].items()}
        kinetics = DoseVolumeKinetics(gtv_cm3[None, :, None], relative_dose=relative, step_days=STEP_DAYS)
        batch = {k: np.broadcast_to(v, (len(courses), *shape[1:])) for k, v in params.items()}
        last = ends[open_loop, 0, 0]
        days = np.unique(np.concatenate([at, last]))
        found, state = kinetics.follow(kinetics.start(members[0].light(), batch), batch, courses, days)
        curves[open_loop], survivors[open_loop] = found[..., np.searchsorted(days, at)], state.survivors
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
                member.gtv_cm3, arm.bin_fraction, arm.relative[p], step_days=STEP_DAYS
            )
            own = {k: v[p] for k, v in params.items()}
            days = np.unique(np.concatenate([at, ends[i, p]]))
            found, state = kinetics.follow(kinetics.start(member.light(), own), own, mine, days)
            curves[i, p], survivors[i, p] = found[:, np.searchsorted(days, at)], state.survivors
            end_cm3[i, p] = found[np.arange(shape[2]), np.searchsorted(days, ends[i, p])]
            truth = {k: v[:1] for k, v in own.items()}
            start = kinetics.start(member.light(), truth)
            daily[i, p] = kinetics.follow(start, truth, mine[:1], settings.daily)[0][0]
    return curves, daily, end_cm3, survivors


def parameters(members: Sequence[Member], settings: Settings) -> dict[str, np.ndarray]:
    """Name -> (patients, 1 + samples) parameters: the truth, then the prior as `prior_belief` draws it."""
    from scipy.special import ndtri

    from simulators.belief.prior import DIMENSIONS, parameters

    ids, n = [m.id for m in members], np.arange(settings.samples)
    own = many_uniforms(settings.seed, ids, Purpose.TRUTH, np.zeros(1), len(DIMENSIONS) + 1)
    prior = many_uniforms(settings.seed, ids, Purpose.PRIOR, n, len(DIMENSIONS))
    z = ndtri(np.concatenate([own[..., :-1], prior], axis=1))
    each = [parameters(points, m.light()) for points, m in zip(z, members, strict=True)]
    params = {name: np.stack([p[name] for p in each]) for name in each[0]}
    gtv_cm3 = np.array([[m.gtv_cm3] for m in members])
    params["capacity_cm3"] = np.maximum(
        params["capacity_cm3"], 2.0 * gtv_cm3
    )  # as the prior of a known volume
    poisson = many_uniforms(settings.seed, ids, Purpose.CONTROL, n, 1)[..., 0]
    return params | {"control_quantile": np.concatenate([own[..., -1], poisson], axis=1)}


def volumes(
    curves: np.ndarray, end_cm3: np.ndarray, ends: np.ndarray, settings: Settings
) -> dict[str, Effect]:
    """Tumour volume at the end of treatment and at the landmarks that the study reaches."""
    effects, days = {}, landmark_days(settings)
    if ends.max() <= settings.days and ends.min() > 0:
        effects["gtv_end_of_treatment"] = Effect(end_cm3, "cm3")
    for name, day in LANDMARKS.items():
        if day <= settings.days:
            effects[f"gtv_{name}"] = Effect(curves[..., np.searchsorted(days, day)], "cm3")
    return effects


def control(survivors: np.ndarray, local_days: np.ndarray) -> dict[str, Effect]:
    """Whether the tumour is controlled, and locally so at two years."""
    return {
        "tumour_control": Effect((survivors == 0).astype(np.float64), "probability", "mean"),
        "local_control_2y": Effect((local_days > CONTROL_DAYS).astype(np.float64), "probability", "mean"),
    }


@dataclass(frozen=True, eq=False)
class Organs:
    """Outcomes of the organs, and what life afterwards depends on, each (a, p, s)."""

    effects: Mapping[str, Effect]
    pneumonitis: np.ndarray
    mean_heart_gy: np.ndarray
    edic_gy: np.ndarray


def _loans(members: Sequence[Member], scenarios: Sequence[Scenario], settings: Settings) -> dict[bool, Loan]:
    """Whose organ doses are borrowed, (p, s), by whether the technique is SBRT."""
    ids = [m.id for m in members]
    u = np.concatenate(
        [
            many_uniforms(settings.seed, ids, Purpose.TRUTH, np.ones(1), _DOSE_NUMBERS),
            many_uniforms(settings.seed, ids, Purpose.DOSE, np.arange(settings.samples), _DOSE_NUMBERS),
        ],
        axis=1,
    )
    log_gtv = np.log([m.gtv_cm3 for m in members])
    loans = {}
    for sbrt in {stereotactic(s) for s in scenarios}:
        lenders = Lenders.of(sbrt)
        nearest = np.stack([lenders.nearest(m.gtv_cm3, m.site, _nodes(m)) for m in members])
        loans[sbrt] = Loan.of(lenders, nearest, log_gtv, u)
    return loans


def _organs(
    members: Sequence[Member],
    scenarios: Sequence[Scenario],
    arms: Sequence[ArmCourses],
    loans: Mapping[bool, Loan],
) -> Organs:
    concurrent = np.array([m.clinical.chemotherapy == "concurrent" for m in members])[:, None]
    values: dict[str, list[np.ndarray]] = {}
    units: dict[str, str] = {}
    edic = []
    for scenario, arm in zip(scenarios, arms, strict=True):
        sbrt = stereotactic(scenario)
        of_arm, immune = _arm_organs(arm, Lenders.of(sbrt), loans[sbrt].after(arm.shrunk))
        edic.append(immune)
        for name, (unit, found, condition) in of_arm.items():
            holds = concurrent if "concurrent" in condition else True
            values.setdefault(name, []).append(np.where(holds, found, np.nan))
            units[name] = unit
    stacked = {name: np.stack(v) for name, v in values.items()}
    effects = {k: Effect(v, units[k], status="estimated", note="borrowed dose") for k, v in stacked.items()}
    return Organs(effects, stacked["pneumonitis"], stacked["mean_heart_dose"], np.stack(edic))


def _arm_organs(
    arm: ArmCourses, lenders: Lenders, loan: Loan
) -> tuple[dict[str, tuple[str, np.ndarray, str]], np.ndarray]:
    """Outcome -> (unit, (p, s) values, what it holds for), and the dose to immune cells, (p, s) Gy."""
    from simulators.outcome.life import dose_to_immune_cells_gy

    shape = loan.lender.shape
    found: dict[str, tuple[str, np.ndarray, str]] = {}
    edic = np.empty(shape)
    for course, rows in arm.groups():
        mine = np.ones(shape, dtype=bool)
        if len(arm.courses) > 1:
            mine = np.isin(np.arange(len(arm.courses)), rows).reshape(shape)
        tables = OrganTables.of(lenders, course)
        for name, (organ, unit, table) in tables.metrics.items():
            values = found.setdefault(name, (unit, np.empty(shape), ""))[1]
            values[mine] = loan.look_up(organ, table)[mine]
        for name, (row, table) in tables.complications.items():
            values = found.setdefault(name, ("probability", np.empty(shape), row.endpoint))[1]
            values[mine] = loan.look_up(row.organ, table)[mine]
        integral = lenders.integral_cm3[loan.lender] * np.exp(loan.log_factor["integral"])
        lungs, heart = found["mean_lung_dose"][1], found["mean_heart_dose"][1]
        given = np.array(max(1, int((course.dose_gy > 0).sum())))
        immune = dose_to_immune_cells_gy(lungs, heart, integral * course.dose_gy.sum(), given)
        edic[mine] = immune[mine]
    return found, edic


def after_treatment(
    members: Sequence[Member],
    local_days: np.ndarray,
    ends: np.ndarray,
    organs: Organs,
    settings: Settings,
    systemic: Systemic,
    *,
    truth_only: bool = False,
) -> LifeTimes:
    """Failure and death of every patient and sample; nan where age, sex or stage is missing.

    Args:
        members: the patients.
        local_days: (a, p, s) day of the local failure, without the effect of drugs.
        ends: (a, p, s) end of the courses, days.
        organs: their doses.
        settings: what the study asks for.
        systemic: what drugs do, (a, p, s).
        truth_only: there is no other sample than the truth.
    """
    from simulators.outcome.life import constants_for, life_times, stage_index

    ids, belief = [m.id for m in members], np.arange(0 if truth_only else settings.samples)
    u = np.concatenate(
        [
            many_uniforms(settings.seed, ids, Purpose.TRUTH, np.full(1, 2), len(DRAWS)),
            many_uniforms(settings.seed, ids, Purpose.OUTCOME, belief, len(DRAWS)),
        ],
        axis=1,
    )
    fields = ("local", "distant", "death", "cause")
    local_days = systemic.local(local_days, u[..., DRAWS.index("immune")])
    drawn = {f: np.full(local_days.shape, np.nan) for f in fields} | {"local": local_days.copy()}
    known = {i for i, m in enumerate(members) if has_life(m)}
    groups: dict = {}
    for i in sorted(known):
        groups.setdefault(constants_for(members[i].clinical), []).append(i)
    for constants, rows in groups.items():
        records = [members[i].clinical for i in rows]
        part = life_times(
            u[rows],
            local_days=local_days[:, rows],
            stage=np.array([stage_index(r.stage) for r in records])[:, None],
            age_years=np.array([r.age_years for r in records], dtype=np.float64)[:, None],
            male=np.array([r.sex == "male" for r in records])[:, None],
            end_days=ends[:, rows],
            pneumonitis=organs.pneumonitis[:, rows],
            mean_heart_gy=organs.mean_heart_gy[:, rows],
            edic_gy=organs.edic_gy[:, rows],
            systemic=systemic.rows(rows),
            constants=constants,
        )
        for f in fields:
            drawn[f][:, rows] = getattr(part, f)
    return LifeTimes(**drawn)


def has_life(member: Member) -> bool:
    """Whether survival can be said: age, sex and a stage from I to III are known."""
    from simulators.outcome.life import stage_index

    record = member.clinical
    return None not in (record.age_years, record.sex, stage_index(record.stage))


def survival(members: Sequence[Member], lives: LifeTimes) -> Effect:
    """Whether alive at two years; nan where unknown."""
    alive = np.where(np.isnan(lives.death), np.nan, lives.death > SURVIVAL_DAYS)
    return Effect(alive, "probability", "mean", note="age, sex and stage I to III are needed")


def _nodes(member: Member) -> bool | None:
    n = member.clinical.n_stage
    return None if n in (None, "NX") else n != "N0"
