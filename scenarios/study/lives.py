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
        q = _population(of, some, [arm.plans(shape)[rows] for arm in arms], settings.seed, samples)
        u = many_uniforms(settings.seed, [m.id for m in some], Purpose.TRUTH, _TRUE_LIFE, len(DRAWS))
        numbers = dict(zip(DRAWS, np.moveaxis(u, -1, 0), strict=True))

        def cases(s: slice, some=some, rows=rows, q=q, numbers=numbers) -> Cases:
            gtv_cm3 = np.array([m.gtv_cm3 for m in some])
            own, at_end = {k: v[:, rows, s] for k, v in harm.items()}, ends[:, rows, s]
            drawn = {k: v[..., s] for k, v in q.items()}
            return Cases.of(
                [m.clinical for m in some],
                gtv_cm3,
                given[:, rows, s],
                drawn,
                numbers,
                at_end,
                own,
                of.effects,
            )

        for name, found in cases(slice(None)).at_two_years().items():
            values.setdefault(name, np.empty((len(arms), *shape)))[:, rows] = found
        lives = cases(slice(0, 1)).lives()
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


def _population(
    of: Population, members: Sequence[Member], plans: Sequence[Sequence[str]], seed: int, samples: int
) -> dict[str, np.ndarray]:
    """The truth's draw of population, trial and arm, then those of a comparison's samples: name -> (a, p, s) or (p, s).

    Args:
        of: what is believed of it.
        members: the patients.
        plans: (a, p) names of what each is given.
        seed: root of all chance.
        samples: of the belief.
    """
    ids = [m.id for m in members]
    true = many_uniforms(seed, ids, Purpose.TRUTH, _TRUE_POPULATION, 4)
    index = np.broadcast_to((np.arange(samples) + 0.5) / max(1, samples), (len(ids), samples))
    trial = np.broadcast_to(of_trial(seed, samples), (len(ids), samples, 3))
    of_arms = []
    for plan in plans:
        own = many_uniforms(
            seed, [f"{i} {p}" for i, p in zip(ids, plan, strict=True)], Purpose.TRUTH, _TRUE_POPULATION, 2
        )
        shared = {p: of_arm(seed, p, samples) for p in set(plan)}
        of_arms.append(np.concatenate([own, np.stack([shared[p] for p in plan])], axis=1))
    return of.drawn(
        np.concatenate([true[..., 0], index], axis=1),
        np.concatenate([true[..., 1:], trial], axis=1),
        np.stack(of_arms),
    )
