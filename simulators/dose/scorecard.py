"""A plan held against published dose constraints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from simulators.dose.constraints import Constraint, ConstraintSet, constraint_sets, metric, metric_unit
from simulators.dose.dvh import Dvh, dvh
from twin import InputError, StructureSet, Volume

Verdict = Literal["pass", "fail", "estimated", "not applicable", "unknown"]


@dataclass(frozen=True)
class Score:
    """What one constraint says of a plan.

    Args:
        set_name: the constraint set.
        source: its citation.
        constraint: the constraint.
        verdict: "pass" or "fail"; "estimated" where the organ was not drawn by a person, whatever the value;
            "not applicable" outside the fractionation for which the constraint holds; "unknown" where there
            is no such organ.
        value: the metric, in the unit of `unit`, or None where it is not known or not applicable.
        met: whether the value keeps to the limit, for "pass", "fail" and "estimated".
        approximate: the dose was computed by this software, not by a planning system.
    """

    set_name: str
    source: str
    constraint: Constraint
    verdict: Verdict
    value: float | None = None
    met: bool | None = None
    approximate: bool = False

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return metric_unit(self.constraint.metric)


def scorecard(
    dose: Volume,
    structures: StructureSet,
    *,
    prescription_gy: float,
    fractions: int,
    sets: Sequence[ConstraintSet] | None = None,
    approximate: bool = False,
    factor: Callable[[str], float] = lambda _: 1.0,
) -> list[Score]:
    """Every constraint of every set, in their order.

    Args:
        dose: physical dose of the whole course, Gy.
        structures: on any grid of the frame.
        prescription_gy: prescribed dose, Gy.
        fractions: number of fractions.
        sets: constraint sets; those that come with the software where None.
        approximate: mark the scores as resting on an approximate dose.
        factor: by what the dose of a structure is to be multiplied, where its method is known to be off.

    Raises:
        InputError: a prescription that is not positive.
    """
    if prescription_gy <= 0 or fractions < 1:
        raise InputError(f"a prescription needs a positive dose, not {prescription_gy:g}/{fractions}")
    curves: dict[str, Dvh | None] = {}

    def curve(name: str) -> Dvh | None:
        if name not in curves:
            try:
                curves[name] = dvh(dose, structures, name).times(factor(name))
            except InputError:
                curves[name] = None
        return curves[name]

    scores = []
    for group in constraint_sets() if sets is None else sets:
        for constraint in group.constraints:
            score = Score(group.name, group.source, constraint, "not applicable", approximate=approximate)
            if group.holds_for(constraint, prescription_gy / fractions, fractions):
                score = _scored(score, curve(constraint.structure), prescription_gy)
            scores.append(score)
    return scores


def _scored(score: Score, found: Dvh | None, prescription_gy: float) -> Score:
    if found is None:
        return replace(score, verdict="unknown")
    value = metric(found, score.constraint.metric, prescription_gy)
    limit = score.constraint.limit
    met = value >= limit if score.constraint.at_least else value <= limit
    verdict: Verdict = "estimated" if found.estimated else "pass" if met else "fail"
    return replace(score, verdict=verdict, value=value, met=met)
