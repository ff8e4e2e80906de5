"""When the tumour comes back: the day of local and of distant failure in every sample of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from scenarios.comparison.effect import Effect
from scenarios.engine.arm import Arm
from scenarios.records.run import PlanRecord
from scenarios.records.schema import table
from simulators.core.outcome import LifeTimes
from simulators.outcome.control import failure_days
from simulators.outcome.life import DRAWS, draws, patient_life_times
from simulators.tumour.systemic import Systemic
from twin import Belief, InputError, PatientTwin

LOCAL, DISTANT = "local failure", "distant failure"


def plan_lives(
    twin: PatientTwin,
    arm: Arm,
    belief: Belief,
    survivors: np.ndarray,
    organs: Mapping[str, Effect],
    seed: int,
) -> LifeTimes:
    """Failure and death in each sample of one plan, by the multi-state model.

    Args:
        twin: the patient.
        arm: what the plan became.
        belief: the samples.
        survivors: (samples,) clonogens that survive the course; nan where there was none.
        organs: the plan's effects by name; pneumonitis and mean heart dose are used where they are known.
        seed: root of all chance.

    Raises:
        InputError: the clinical record lacks what survival needs.
    """
    courses = [arm.course(s) for s in range(belief.n)]
    known = {name: e.values for name, e in organs.items() if e.status != "unknown"}
    return patient_life_times(
        twin,
        survivors,
        belief.samples,
        np.array([course.end_days for course in courses]),
        seed=seed,
        pneumonitis=known.get("pneumonitis", 0.0),
        mean_heart_gy=known.get("mean_heart_dose", np.nan),
        systemic=Systemic.of(courses),
    )


def plan_local_days(
    twin: PatientTwin, arm: Arm, belief: Belief, survivors: np.ndarray, seed: int
) -> np.ndarray:
    """(samples,) day of local failure with the plan's drugs, whatever else happens; infinite where there is none."""
    courses = [arm.course(s) for s in range(belief.n)]
    ends = np.array([course.end_days for course in courses])
    failed = failure_days(survivors, belief.samples, twin.gtv_cm3, ends)
    chance = draws(twin.id, seed, np.arange(belief.n))[:, DRAWS.index("immune")]
    return Systemic.of(courses).local(failed, chance)


def failure_table(
    twin: PatientTwin,
    records: Sequence[PlanRecord],
    arms: Sequence[Arm],
    belief: Belief,
    survivors: np.ndarray,
    effects: Mapping[str, Mapping[str, Effect]],
    seed: int,
) -> pl.DataFrame:
    """The `failures` table.

    Where the clinical record does not allow survival, distant failure has no rows and local failure is not cut off by
    death.

    Args:
        twin: the patient.
        records: the plans.
        arms: what they became.
        belief: the samples.
        survivors: (plans, samples) clonogens that survive.
        effects: of each plan's slug, by name.
        seed: root of all chance.
    """
    frames = [table("failures", [])]
    for record, arm, left in zip(records, arms, survivors, strict=True):
        try:
            lives = plan_lives(twin, arm, belief, left, effects[record.slug], seed)
            days = {LOCAL: lives.local, DISTANT: lives.distant}
            death = lives.death
        except InputError:
            days = {LOCAL: plan_local_days(twin, arm, belief, left, seed)}
            death = np.full(belief.n, np.inf)
        for kind, day in days.items():
            seen = np.isfinite(day) & (day <= death)
            columns = {
                "plan": [record.slug] * belief.n,
                "sample": np.arange(belief.n, dtype=np.int32),
                "kind": [kind] * belief.n,
                "day": [float(d) if known else None for d, known in zip(day, seen, strict=True)],
            }
            frames.append(pl.DataFrame(columns, schema=table("failures", []).schema))
    return pl.concat(frames)
