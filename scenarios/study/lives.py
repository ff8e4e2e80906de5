"""Control, failure and death of a study's patients as calibrated on trials: expected values, and a true life each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.comparison.effect import Effect
from scenarios.study.arm import ArmCourses
from scenarios.study.cohort import Member
from scenarios.study.organs import Organs
from scenarios.study.settings import Settings
from simulators.core.chance import Purpose, many_uniforms
from simulators.core.outcome import LifeTimes, OutcomeModel
from simulators.outcome.calibrated import CalibratedOutcomes
from simulators.outcome.cases import POPULATION, Cases, Population, complete, of_arm, of_trial
from simulators.outcome.given import Given
from simulators.outcome.life import DRAWS

_TOGETHER = 20  # patients whose curves are in memory at once
_TRUE_LIFE, _TRUE_POPULATION = np.full(1, 2), np.full(1, 3)  # numbers of the truth that nothing else uses
_FIELDS = ("local", "distant", "death", "cause")


@dataclass(frozen=True, eq=False)
class Future:
    """What becomes of some patients (p) under each plan (a).

    Args:
        effects: outcome -> expected values (a, p, s) in draws of the population; the truth's own draw first.
        lives: (a, p) of the truth, failures in nodes with the distant ones; nan but for local failure where age, sex or
            stage is missing.
    """

    effects: Mapping[str, Effect]
    lives: LifeTimes


def after_treatment(
    members: Sequence[Member], arms: Sequence[ArmCourses], organs: Organs, settings: Settings, samples: int
) -> Future:
    """Control, failure and death of every patient.

    All patients share the draws of population, trial and arm, so that a mean over them within a draw is an expected
    value in it. The truth of each has a draw of its own, so that the lives of a
    cohort are not those of one guess.

    Args:
        members: the patients.
        arms: what each plan became.
        organs: their doses.
        settings: what the study asks for.
        samples: of the belief, after the truth.
    """
    shape = (len(members), 1 + samples)
    of = population_of(settings.outcomes)
    given = Given.stacked([arm.given(shape) for arm in arms])
    ends = np.stack([arm.ends(shape) for arm in arms])
    harm = {"mean_heart_dose": organs.mean_heart_gy, "pneumonitis": organs.pneumonitis}
    values: dict[str, np.ndarray] = {}
    drawn = {f: np.empty((len(arms), len(members))) for f in _FIELDS}
    for begin in range(0, len(members), _TOGETHER):
        rows = slice(begin, begin + _TOGETHER)
        some = members[rows]
        plans = [arm.plans(shape)[rows] for arm in arms]
        u = many_uniforms(settings.seed, [m.id for m in some], Purpose.TRUTH, _TRUE_LIFE, len(DRAWS))
        numbers = dict(zip(DRAWS, np.moveaxis(u, -1, 0), strict=True))

        def cases(q: Mapping[str, np.ndarray], s: slice, some=some, rows=rows, numbers=numbers) -> Cases:
            gtv_cm3 = np.array([m.gtv_cm3 for m in some])
            own, at_end = {k: v[:, rows, s] for k, v in harm.items()}, ends[:, rows, s]
            records = [m.clinical for m in some]
            return Cases.of(records, gtv_cm3, given[:, rows, s], q, numbers, at_end, own, of.effects)

        truth = cases(_true_population(of, some, plans, settings.seed), slice(0, 1))
        belief = cases(_population(of, plans, settings.seed, samples), slice(1, None))
        for s, these in ((slice(0, 1), truth), (slice(1, None), belief)):
            for name, found in these.at_two_years().items():
                values.setdefault(name, np.empty((len(arms), *shape)))[:, rows, s] = found
        lives = truth.lives()
        assert lives.regional is not None  # the calibrated model tells it from distant failure
        elsewhere = np.minimum(lives.distant, lives.regional)
        for f, found in zip(_FIELDS, (lives.local, elsewhere, lives.death, lives.cause), strict=True):
            drawn[f][:, rows] = found[..., 0]
    unknown = np.array([not complete(m.clinical) for m in members])
    values["overall_survival_2y"][:, unknown] = np.nan
    for f in ("distant", "death"):
        drawn[f][:, unknown] = np.nan
    return Future({k: _effect(k, v) for k, v in values.items()}, LifeTimes(**drawn))


def _effect(name: str, values: np.ndarray) -> Effect:
    note = "age, sex and stage I to III are needed" if name == "overall_survival_2y" else ""
    return Effect(values, "probability", "expected", note=note)


def population_of(model: OutcomeModel) -> Population:
    """What an outcome model believes of the population; the usual where it is another model.

    Args:
        model: of the study.
    """
    return model.population if isinstance(model, CalibratedOutcomes) else POPULATION


def _true_population(
    of: Population, members: Sequence[Member], plans: Sequence[Sequence[str]], seed: int
) -> dict[str, np.ndarray]:
    """Each patient's own draw of population, trial and arm: name -> (a, p, 1) or (p, 1).

    Args:
        of: what is believed of it.
        members: the patients.
        plans: (a, p) names of what each is given.
        seed: root of all chance.
    """
    ids = [m.id for m in members]
    own = many_uniforms(seed, ids, Purpose.TRUTH, _TRUE_POPULATION, 4)
    of_arms = [
        many_uniforms(
            seed, [f"{i} {p}" for i, p in zip(ids, plan, strict=True)], Purpose.TRUTH, _TRUE_POPULATION, 2
        )
        for plan in plans
    ]
    return of.drawn(own[..., 0], own[..., 1:], np.stack(of_arms))


def _population(
    of: Population, plans: Sequence[Sequence[str]], seed: int, samples: int
) -> dict[str, np.ndarray]:
    """The draws of a comparison's samples, which all patients share: name -> (a, p or 1, s) or (1, s).

    Args:
        of: what is believed of it.
        plans: (a, p) names of what each is given.
        seed: root of all chance.
        samples: of the belief.
    """
    index = (np.arange(samples)[None] + 0.5) / max(1, samples)
    alike = all(len(set(plan)) == 1 for plan in plans)
    shared = {p: of_arm(seed, p, samples) for p in {p for plan in plans for p in plan}}
    of_arms = [np.stack([shared[p] for p in (plan[:1] if alike else plan)]) for plan in plans]
    return of.drawn(index, of_trial(seed, samples)[None], np.stack(of_arms))
