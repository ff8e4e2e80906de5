"""What the form of a new comparison asks for, as scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from scenarios.plans.plan import Chemotherapy, Imaging, Immunotherapy, TreatmentPlan, preset, sentence
from scenarios.plans.policy import Policy, policies
from scenarios.plans.presets import PRESETS
from scenarios.plans.scenario import Gap, Scenario, distinct
from twin import InputError
from twin.inputs.bounds import check, shortened
from twin.inputs.quantities import Day, GapDays

MOST = 4  # scenarios that can be told apart side by side
SUGGESTED = (*dict.fromkeys(preset(name).label for name in PRESETS), "none")
_UNITS = {"gy": "Gy", "mm": "mm", "days": "days"}


@dataclass(frozen=True)
class Break:
    """A break in treatment: days off, the first of them, and how the lost fractions are made up."""

    days: GapDays
    from_day: Day
    make_up: str

    def __post_init__(self) -> None:
        check(GapDays, self.days, "the days off of a break")
        check(Day, self.from_day, "the first day of a break")


@dataclass(frozen=True)
class Asked:
    """What is given with every plan of the form.

    Args:
        gap: a break; each plan runs with and without it.
        chemotherapy: "none", "concurrent" or "sequential".
        immunotherapy: consolidation after radiotherapy.
        policies: kind -> parameters; each plan runs under each of them.
        during_days, after_days: spacing of follow-up images, days; None for none on a schedule.
        also: further days with images.
    """

    gap: Break | None = None
    chemotherapy: str = "none"
    immunotherapy: bool = False
    policies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    during_days: float | None = 7.0
    after_days: float | None = 30.0
    also: tuple[float, ...] = ()


def scenarios_of(plans: Sequence[str], asked: Asked = Asked()) -> list[Scenario]:
    """The scenarios that the form asks for: each plan under each policy, and all of these with the break.

    Args:
        plans: short forms or names of presets; never paths, so that no file can be reached through the form.
        asked: what is given with every plan.

    Raises:
        InputError: a plan that does not parse, none, more than four scenarios, or values that cannot be.

    Example:
        >>> [s.label for s in scenarios_of(["60/30"], Asked(Break(7, 14, "prolong")))]
        ['60/30', '60/30, 7 days off from day 14']
        >>> [s.label for s in scenarios_of(["60/30"], Asked(policies={"none": {}, "volume trigger": {"loss": 0.4}}))]
        ['60/30, no adaptation', '60/30, volume trigger']
    """
    for text in plans:
        if text.lower().endswith((".yaml", ".yml")):
            raise InputError(f"the plan {text!r} is a file; write plans like 60/30 here")
    try:
        policies = [policy_of(kind, values) for kind, values in asked.policies.items()]
        made = []
        for scenario in [Scenario.parse(text) for text in plans]:
            base = Scenario.model_validate({**dict(scenario), "plan": _with(scenario.plan, asked)})
            own: list[Policy | None] = [base.policy] if base.policy is not None else [*policies] or [None]
            made += [Scenario.model_validate({**dict(base), "policy": policy}) for policy in own]
        if asked.gap is not None:
            gaps = (Gap(from_day=asked.gap.from_day, days=asked.gap.days),)
            made += [
                Scenario.model_validate({**dict(s), "gaps": gaps, "make_up": asked.gap.make_up}) for s in made
            ]
    except ValidationError as error:
        raise InputError(f"these scenarios cannot be: {sentence(error)}") from None
    if len(made) > MOST:
        raise InputError(f"these are {len(made)} scenarios; compare at most {MOST} at a time")
    return distinct(made)


def _with(plan: TreatmentPlan, asked: Asked) -> TreatmentPlan:
    """A plan with the drugs and images of the form; its own drugs stay, and no drugs are given without radiation."""
    changed: dict[str, Any] = {}
    if plan.phases and plan.chemotherapy is None and asked.chemotherapy != "none":
        changed["chemotherapy"] = Chemotherapy.model_validate({"timing": asked.chemotherapy})
    if plan.phases and plan.immunotherapy is None and asked.immunotherapy:
        changed["immunotherapy"] = Immunotherapy()
    if changed and plan.name:
        changed["name"] = None  # a trial's name would hide what was added to it
    return TreatmentPlan.model_validate({**dict(plan), **changed, "imaging": _imaging(plan.imaging, asked)})


def _imaging(own: Imaging, asked: Asked) -> Imaging:
    also = tuple(sorted({*own.also, *asked.also}))
    return Imaging(during_days=asked.during_days, after_days=asked.after_days, also=also)


def policy_of(kind: str, values: Mapping[str, Any]) -> Policy:
    """A policy with the form's parameters; lists of numbers come as text.

    Args:
        kind: of the policy.
        values: parameters by name; None for the default.

    Example:
        >>> policy_of("fixed replans", {"at_gy": "20, 30", "turnaround_days": 2}).at_gy
        (20.0, 30.0)
    """
    cleaned: dict[str, Any] = {"kind": kind}
    for name, value in values.items():
        if isinstance(value, str):
            cleaned[name] = numbers_of(value, f"{kind}: {name}")
        elif value is not None:
            cleaned[name] = value
    return Policy.of(cleaned)


def numbers_of(text: str, what: str) -> tuple[float, ...]:
    """Numbers that are separated by commas or spaces.

    Args:
        text: that was typed.
        what: it is about, for the error.

    Raises:
        InputError: something else.

    Example:
        >>> numbers_of("20, 40.5", "days")
        (20.0, 40.5)
    """
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise InputError(f"{what} needs numbers like 20, 40, not {shortened(text)}") from None


def parameters(kind: str) -> list[tuple[str, str, Any]]:
    """Name, label and default of each parameter of a policy.

    Args:
        kind: of the policy.

    Example:
        >>> parameters("volume trigger")
        [('turnaround_days', 'turnaround, days', 3.0), ('loss', 'loss', 0.3)]
    """
    rows = []
    for name, info in policies()[kind].model_fields.items():
        if name == "kind" or (kind == "none" and name == "turnaround_days"):
            continue
        words = name.split("_")
        unit = _UNITS.get(words[-1])
        label = f"{' '.join(words[:-1])}, {unit}" if unit else " ".join(words)
        default = (
            ", ".join(f"{v:g}" for v in info.default) if isinstance(info.default, tuple) else info.default
        )
        rows.append((name, label, default))
    return rows
