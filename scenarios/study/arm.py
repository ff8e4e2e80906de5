"""One plan in many patients known by numbers only: courses that all share, or under a policy one for each sample.

Sample 0 is the patient's truth, as everywhere in a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scenarios.comparison.beliefs import assuming
from scenarios.engine.adaptive import realise_adaptive
from scenarios.matching.doses import Matches, ReferencePatients
from scenarios.matching.replans import MatchedLibrary
from scenarios.plans.scenario import Scenario
from scenarios.study.cohort import Member
from scenarios.study.settings import Settings
from simulators.core.course import Course
from simulators.dose.approximate import SBRT_GY
from simulators.outcome.given import Given, plan_of
from twin import Belief

TRUTH_SEED = 2**40  # added to the seed: anatomy and measurements that no sample of the belief has


@dataclass(frozen=True, eq=False)
class ArmCourses:
    """The courses of one plan in some patients (p) and samples (s).

    Args:
        courses: one for all, or p x s of them, patient by patient.
        shrunk: organ, or "integral" -> (p, s) logarithm of what replans left of its dose; none without a policy.
        relative: patient by patient, dose grid name -> (bins,) dose over prescription in the tumour.
        bin_fraction: (bins,) share of the tumour in each bin, or () where it is one.
        decisions: rows of the `decisions` table.
    """

    courses: Sequence[Course]
    relative: Sequence[Mapping[str, np.ndarray]]
    bin_fraction: np.ndarray
    shrunk: Mapping[str, np.ndarray] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)

    def ends(self, shape: tuple[int, int]) -> np.ndarray:
        """(p, s) end of the courses, days."""
        return self.each(np.array([c.end_days for c in self.courses]), shape)

    def each(self, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        """(p, s) of a number of each course."""
        return np.broadcast_to(values, shape) if len(values) == 1 else values.reshape(shape)

    def given(self, shape: tuple[int, int]) -> Given:
        """What the courses mean to the outcome model, (p, s)."""
        found = Given.of(self.courses, self.relative, self.bin_fraction)
        return found.broadcast(*shape) if len(self.courses) == 1 else found.reshaped(*shape)

    def plans(self, shape: tuple[int, int]) -> list[str]:
        """(p,) names of what each patient is given, by the first sample of the belief."""
        if len(self.courses) == 1:
            return [plan_of(self.courses[0])] * shape[0]
        first = min(1, shape[1] - 1)
        return [plan_of(course) for course in self.courses[first :: shape[1]]]

    def groups(self) -> list[tuple[Course, np.ndarray]]:
        """Courses of equal fractions: one of them, and which of `courses` are like it."""
        keys = [tuple(np.round(c.dose_gy[c.dose_gy > 0], 9).tolist()) for c in self.courses]
        found: dict[tuple[float, ...], list[int]] = {}
        for i, key in enumerate(keys):
            found.setdefault(key, []).append(i)
        return [(self.courses[rows[0]], np.array(rows)) for rows in found.values()]


def stereotactic(scenario: Scenario) -> bool:
    """Whether a scenario's technique is SBRT."""
    return scenario.plan.largest_fraction_gy >= SBRT_GY


def policy_courses(
    scenario: Scenario,
    members: Sequence[Member],
    params: Mapping[str, np.ndarray],
    matches: Matches,
    settings: Settings,
) -> ArmCourses:
    """What a scenario with a policy becomes; it sees measured volumes, SUVs, shifts and a similar patient's doses.

    Args:
        scenario: with a policy.
        members: the patients.
        params: name -> (p, s) parameters, the truth first.
        matches: of the organ doses, (p, s).
        settings: what the study asks for.
    """
    assert scenario.policy is not None
    sbrt = stereotactic(scenario)
    courses: list[Course] = []
    relative: list[Mapping[str, np.ndarray]] = []
    shrunk: list[Mapping[str, np.ndarray]] = []
    decisions: list[dict[str, Any]] = []
    for i, member in enumerate(members):
        twin, own = member.light(), {name: values[i] for name, values in params.items()}
        mine: list[Course] = []
        doses: dict[str, np.ndarray] = {}
        levels: dict[str, int] = {}
        for samples, root in ((slice(0, 1), settings.seed + TRUTH_SEED), (slice(1, None), settings.seed)):
            belief = Belief({name: values[samples] for name, values in own.items()})
            if belief.n == 0:
                continue
            library = MatchedLibrary(
                scenario.plan, member.gtv_cm3, sbrt, ReferencePatients.of(sbrt), matches.part(i, samples)
            )
            arm = realise_adaptive(
                scenario, scenario.policy, assuming(twin, settings.prior, settings.samples, root), belief, library,
                days=settings.days, seed=root, tumour=settings.kinetics,
            )  # fmt: skip
            mine += arm.courses
            doses |= library.relative
            levels |= library.levels
            if samples.start:
                decisions += [{"patient": member.id, **row} for row in arm.decisions]
        courses += mine
        relative.append(doses)
        shrunk.append(library.log_factors(mine, levels))
    shape = params["alpha_per_gy"].shape
    factors = {organ: np.concatenate([s[organ] for s in shrunk]).reshape(shape) for organ in shrunk[0]}
    return ArmCourses(courses, relative, library.bin_fraction, factors, decisions)
