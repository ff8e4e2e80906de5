"""A plan as it happens: interruptions, and how they are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_serializer, field_validator, model_validator

from scenarios.plans.plan import Frozen, TreatmentPlan, preset, sentence, slug_of
from scenarios.plans.policy import Policy
from scenarios.plans.presets import find_preset, known_preset
from twin import InputError
from twin.inputs.mapping import read_mapping
from twin.inputs.quantities import Day, FractionNumber, GapDays, SomeFractions

_MOST_AT_ONCE = 40  # scenarios side by side
MakeUp = Literal["prolong", "friday", "none"]


class Gap(Frozen):
    """Days on which nobody is treated: a break, a bank holiday, a machine that is down.

    Args:
        from_day: first day, from day 0.
        days: how many.
    """

    from_day: Day
    days: GapDays = 1

    def __contains__(self, day: int) -> bool:
        return self.from_day <= day < self.from_day + self.days


class Scenario(Frozen):
    """A plan with what comes between.

    Args:
        plan: what was prescribed; `imaging` given beside it takes the place of its own.
        name: shown instead of the plan's label.
        late_start_days: how many days later than day 0 it begins.
        gaps: days without treatment.
        missed: numbers of the fractions that the patient misses, the first being 1.
        make_up: "prolong" gives lost fractions at the end, "friday" as second fractions on Fridays and the rest
            at the end, "none" leaves them out.
        stop_after: the course ends early after so many fractions.
        policy: decides at each image during treatment; without one the course runs as it stands, and nothing
            happens to the anatomy but the tumour's own change.

    Example:
        >>> Scenario(plan=TreatmentPlan.parse("60/30"), gaps=(Gap(from_day=14, days=7),)).label
        '60/30, 7 days off from day 14'
    """

    plan: TreatmentPlan
    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,_+/-]{0,59}$")
    late_start_days: Day = 0
    gaps: tuple[Gap, ...] = Field((), max_length=30)
    missed: tuple[FractionNumber, ...] = Field((), max_length=200)
    make_up: MakeUp = "prolong"
    stop_after: SomeFractions | None = None
    policy: Policy | None = None

    @model_validator(mode="before")
    @classmethod
    def _imaging_beside_the_plan(cls, data: Any) -> Any:
        """`imaging` beside a plan is the plan's."""
        if not isinstance(data, Mapping) or "imaging" not in data:
            return data
        told = dict(data)
        plan, imaging = told.get("plan"), told.pop("imaging")
        fields = plan.model_dump() if isinstance(plan, TreatmentPlan) else plan
        if not isinstance(fields, Mapping):
            return told  # no plan, which is refused
        return {**told, "plan": {**fields, "imaging": imaging}}

    @field_validator("policy", mode="before")
    @classmethod
    def _known_policy(cls, policy: Any) -> Policy | None:
        return None if policy is None else Policy.of(policy)

    @field_validator("missed")
    @classmethod
    def _sorted(cls, missed: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(missed)))

    @model_validator(mode="after")
    def _policy_fits(self) -> Scenario:
        if self.policy is not None and not self.plan.more:
            self.policy.check(self.plan.total_gy, self.plan.label)
        return self

    @field_serializer("policy")
    def _policy_with_its_kind(self, policy: Policy | None) -> dict[str, Any] | None:
        return None if policy is None else {"kind": policy.kind, **policy.model_dump(exclude_defaults=True)}

    @classmethod
    def of(cls, plan: TreatmentPlan | Scenario) -> Scenario:
        """The scenario in which a plan happens as planned."""
        return plan if isinstance(plan, Scenario) else cls(plan=plan)

    @classmethod
    def parse(cls, text: str) -> Scenario:
        """A scenario from a plan's short form, or from a YAML file that holds a plan or a scenario.

        Raises:
            InputError: the text is none of these; the sentence names the accepted forms.
        """
        named = find_preset(text)
        if named is not None and named.policy is not None:
            return scenario_preset(text)
        if not text.strip().endswith((".yaml", ".yml")):
            return cls(plan=TreatmentPlan.parse(text))
        path = Path(text.strip())
        data = read_mapping(path)
        if "plan" not in data:
            return cls(plan=TreatmentPlan.from_yaml(path))
        try:
            if isinstance(data["plan"], str):
                data["plan"] = TreatmentPlan.parse(data["plan"])
            return cls.model_validate(data)
        except ValidationError as error:
            raise InputError(f"the scenario {path} cannot be: {sentence(error)}") from None

    def to_yaml(self) -> str:
        """The scenario as YAML; `parse` gives the same scenario back."""
        import yaml

        return yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False)

    @property
    def label(self) -> str:
        """The name, or the plan's label and what differs from it."""
        if self.name:
            return self.name
        words = [self.plan.label]
        if self.late_start_days:
            words.append(f"{self.late_start_days} days late")
        words += [f"{g.days} days off from day {g.from_day}" for g in self.gaps]
        if self.missed:
            words.append(f"{len(self.missed)} missed")
        if self.make_up != "prolong" and (self.gaps or self.missed):
            words.append({"friday": "made up on Fridays", "none": "not made up"}[self.make_up])
        if self.stop_after is not None:
            words.append(f"stopped after {self.stop_after}")
        if self.policy is not None:
            words.append("no adaptation" if self.policy.kind == "none" else self.policy.kind)
        return ", ".join(words)

    @property
    def slug(self) -> str:
        """The label in characters that every file system takes."""
        return slug_of(self.label)


def scenario_preset(name: str) -> Scenario:
    """The plan of a name with the policy that belongs to it.

    Args:
        name: as in `scenarios.plans.presets.PRESETS`; case does not matter.

    Raises:
        InputError: no such preset; the sentence lists them.

    Example:
        >>> scenario_preset("isotoxic").policy.most_gy
        79.2
    """
    plan = preset(name)
    return Scenario(plan=plan, policy=known_preset(name).policy, name=plan.name)


def distinct(plans: Sequence[TreatmentPlan | Scenario]) -> list[Scenario]:
    """The plans as scenarios, if they can be told apart.

    Raises:
        InputError: no plan at all, too many, or two with one label.
    """
    scenarios = [Scenario.of(p) for p in plans]
    if not scenarios:
        raise InputError("a comparison needs at least one plan; give --plan 60/30")
    if len(scenarios) > _MOST_AT_ONCE:
        raise InputError(f"{len(scenarios)} plans are too many; compare at most {_MOST_AT_ONCE} at a time")
    for one, other in pairwise(sorted(scenarios, key=lambda s: s.slug)):
        if one.slug == other.slug:
            raise InputError(f"the plan {other.label!r} is given twice; give two plans different names")
    return scenarios
