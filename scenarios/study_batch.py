"""What some plans do to some patients of a cohort: one call of the kinetics for all of them.

Sample 0 of every array is the patient's truth, drawn from numbers that no belief uses; the others are the belief.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.borrowed_dose import Lenders, Loan, OrganTables
from scenarios.cohort import Member
from scenarios.engine import realise
from scenarios.outcomes import CONTROL_DAYS, LANDMARKS, Effect
from scenarios.scenario import Scenario
from simulators.chance import Purpose, many_uniforms
from simulators.course import Course
from simulators.dose import SBRT_GY
from simulators.multistate import DRAWS, LifeTimes

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
    """

    days: float
    samples: int
    seed: int
    level: float = 0.8

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
    """

    members: Sequence[Member]
    weekly_cm3: np.ndarray
    daily_cm3: np.ndarray
    effects: Mapping[str, Effect]
    lives: LifeTimes
    controlled: np.ndarray
    parameters: Mapping[str, np.ndarray]


def simulate(members: Sequence[Member], scenarios: Sequence[Scenario], settings: Settings) -> Batch:
    """Patients known by numbers only, under every plan, with common random numbers.

    Args:
        members: without faults.
        scenarios: the plans.
        settings: what the study asks for.
    """
    from simulators.control import failure_days
    from simulators.dose_volume import DoseVolumeKinetics

    twins = [m.light() for m in members]
    courses = [realise(s, twins[0], settings.days) for s in scenarios]  # no light member has a history
    gtv_cm3 = np.array([m.gtv_cm3 for m in members])
    params = parameters(members, settings)
    shape = (len(courses), *params["alpha_per_gy"].shape)
    batch = {k: np.broadcast_to(v, shape) for k, v in params.items()}
    kinetics = DoseVolumeKinetics(
        gtv_cm3[None, :, None],
        relative_dose={s.plan.label: np.array([Lenders.of(_sbrt(s)).tumour_dose()]) for s in scenarios},
        step_days=STEP_DAYS,
    )
    ends = np.array([c.end_days for c in courses])
    days = np.unique(np.concatenate([settings.weekly, list(LANDMARKS.values()), ends]))
    curves, state = kinetics.follow(kinetics.start(twins[0], batch), batch, courses, days)
    truth = {k: v[:, :, :1] for k, v in batch.items()}
    daily = kinetics.follow(kinetics.start(twins[0], truth), truth, courses, settings.daily)[0]
    effects = volumes(curves, days, ends, settings)
    local = failure_days(state.survivors, params, gtv_cm3[:, None], ends[:, None, None])
    effects |= control(state.survivors, local)
    organs = _organs(members, scenarios, courses, settings)
    effects |= organs.effects
    lives = after_treatment(members, local, ends, organs, settings)
    effects["survival_2y"] = survival(members, lives)
    return Batch(
        members,
        curves[..., np.searchsorted(days, settings.weekly)],
        daily[:, :, 0],
        effects,
        LifeTimes(*(getattr(lives, f)[:, :, 0] for f in ("local", "distant", "death", "cause"))),
        state.survivors[:, :, 0] == 0,
        {k: v[:, 0] for k, v in params.items()},
    )


def parameters(members: Sequence[Member], settings: Settings) -> dict[str, np.ndarray]:
    """Name -> (patients, 1 + samples) parameters: the truth, then the prior as `prior_belief` draws it."""
    from scipy.special import ndtri

    from simulators.prior import DIMENSIONS, parameters

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


def volumes(curves: np.ndarray, days: np.ndarray, ends: np.ndarray, settings: Settings) -> dict[str, Effect]:
    """Tumour volume at the end of treatment and at the landmarks that the study reaches."""
    effects = {}
    if ends.max() <= settings.days and ends.min() > 0:
        values = [curve[..., np.searchsorted(days, end)] for curve, end in zip(curves, ends, strict=True)]
        effects["gtv_end_of_treatment"] = Effect(np.stack(values), "cm3")
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


def _organs(
    members: Sequence[Member], scenarios: Sequence[Scenario], courses: Sequence[Course], settings: Settings
) -> Organs:
    from simulators.multistate import dose_to_immune_cells_gy

    ids = [m.id for m in members]
    u = np.concatenate(
        [
            many_uniforms(settings.seed, ids, Purpose.TRUTH, np.ones(1), _DOSE_NUMBERS),
            many_uniforms(settings.seed, ids, Purpose.DOSE, np.arange(settings.samples), _DOSE_NUMBERS),
        ],
        axis=1,
    )
    concurrent = np.array([m.clinical.chemotherapy == "concurrent" for m in members])[:, None]
    log_gtv = np.log([m.gtv_cm3 for m in members])
    values: dict[str, list[np.ndarray]] = {}
    units: dict[str, str] = {}
    edic = []
    for scenario, course in zip(scenarios, courses, strict=True):
        lenders = Lenders.of(_sbrt(scenario))
        nearest = np.stack([lenders.nearest(m.gtv_cm3, m.site, _nodes(m)) for m in members])
        loan, tables = Loan.of(lenders, nearest, log_gtv, u), OrganTables.of(lenders, course)
        for name, (organ, unit, table) in tables.metrics.items():
            values.setdefault(name, []).append(loan.look_up(organ, table))
            units[name] = unit
        for name, (row, table) in tables.complications.items():
            chance = loan.look_up(row.organ, table)
            holds = concurrent if "concurrent" in row.endpoint else True
            values.setdefault(name, []).append(np.where(holds, chance, np.nan))
            units[name] = "probability"
        integral = lenders.integral_cm3[loan.lender] * np.exp(loan.log_factor["integral"])
        lungs, heart = values["mean_lung_dose"][-1], values["mean_heart_dose"][-1]
        given = max(1, int((course.dose_gy > 0).sum()))
        edic.append(dose_to_immune_cells_gy(lungs, heart, integral * course.dose_gy.sum(), np.array(given)))
    stacked = {name: np.stack(v) for name, v in values.items()}
    effects = {k: Effect(v, units[k], status="estimated", note="borrowed dose") for k, v in stacked.items()}
    return Organs(effects, stacked["pneumonitis"], stacked["mean_heart_dose"], np.stack(edic))


def after_treatment(
    members: Sequence[Member],
    local_days: np.ndarray,
    ends: np.ndarray,
    organs: Organs,
    settings: Settings,
    *,
    truth_only: bool = False,
) -> LifeTimes:
    """Failure and death of every patient and sample; nan where age, sex or stage is missing.

    Args:
        members: the patients.
        local_days: (a, p, s) day of the local failure.
        ends: (a,) end of each course, days.
        organs: their doses.
        settings: what the study asks for.
        truth_only: there is no other sample than the truth.
    """
    from simulators.multistate import constants_for, life_times, stage_index

    ids, belief = [m.id for m in members], np.arange(0 if truth_only else settings.samples)
    u = np.concatenate(
        [
            many_uniforms(settings.seed, ids, Purpose.TRUTH, np.full(1, 2), len(DRAWS)),
            many_uniforms(settings.seed, ids, Purpose.OUTCOME, belief, len(DRAWS)),
        ],
        axis=1,
    )
    fields = ("local", "distant", "death", "cause")
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
            end_days=ends[:, None, None],
            pneumonitis=organs.pneumonitis[:, rows],
            mean_heart_gy=organs.mean_heart_gy[:, rows],
            edic_gy=organs.edic_gy[:, rows],
            constants=constants,
        )
        for f in fields:
            drawn[f][:, rows] = getattr(part, f)
    return LifeTimes(**drawn)


def has_life(member: Member) -> bool:
    """Whether survival can be said: age, sex and a stage from I to III are known."""
    from simulators.multistate import stage_index

    record = member.clinical
    return None not in (record.age_years, record.sex, stage_index(record.stage))


def survival(members: Sequence[Member], lives: LifeTimes) -> Effect:
    """Whether alive at two years; nan where unknown."""
    alive = np.where(np.isnan(lives.death), np.nan, lives.death > SURVIVAL_DAYS)
    return Effect(alive, "probability", "mean", note="age, sex and stage I to III are needed")


def _sbrt(scenario: Scenario) -> bool:
    return scenario.plan.largest_fraction_gy >= SBRT_GY


def _nodes(member: Member) -> bool | None:
    n = member.clinical.n_stage
    return None if n in (None, "NX") else n != "N0"
