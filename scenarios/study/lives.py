"""Failure and death of a study's patients, of the truth and of every sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scenarios.comparison.outcomes import Effect
from scenarios.study.cohort import Member
from scenarios.study.organs import Organs
from scenarios.study.settings import Settings
from simulators.core.chance import Purpose, many_uniforms
from simulators.core.outcome import LifeTimes
from simulators.outcome.life import DRAWS, constants_for, life_times, stage_index
from simulators.tumour.systemic import Systemic

SURVIVAL_DAYS = 730.5


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
    """Whether survival can be said: age, sex and a stage from I to III are known.

    Args:
        member: the patient.
    """
    record = member.clinical
    return None not in (record.age_years, record.sex, stage_index(record.stage))


def survival(members: Sequence[Member], lives: LifeTimes) -> Effect:
    """Whether alive at two years; nan where unknown.

    Args:
        members: the patients.
        lives: what happens to them, (a, p, s).
    """
    alive = np.where(np.isnan(lives.death), np.nan, lives.death > SURVIVAL_DAYS)
    return Effect(alive, "probability", "monte-carlo", note="age, sex and stage I to III are needed")
