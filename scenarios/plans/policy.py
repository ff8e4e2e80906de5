"""Adaptation policies: what they see, what they may answer, and the ones that are built in.

A policy sees what a clinic would see, with its error, and never the truth. One of your own is a subclass of
`Policy` with a `kind` and a `decide`; see docs/policies.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from scenarios.plans.plan import Frozen
from twin import Belief, InputError, Volume

Action = Literal["continue", "replan", "escalate", "de-escalate", "boost", "stop"]


@dataclass(frozen=True)
class Seen:
    """What a clinic sees of one patient at an imaging event.

    Args:
        day: days from day 0.
        fractions_given: number of fractions so far.
        fractions_planned: of the course as it is planned now.
        fraction_gy: dose of one fraction, Gy.
        gtv_cm3: tumour volume measured on this scan, cm3, with contouring error.
        gtv_at_plan_cm3: the volume measured on the scan of the plan that is in use, cm3.
        suv_ratio: SUVmax over that of day 0, with measurement error.
        shift_mm: the tumour's displacement from where the plan in use expects it, mm, with registration error.
        findings: other changes seen on the scan (atelectasis, effusion, infiltrate).
        mean_lung_gy: mean dose of lungs - GTV of the course as it is planned now, Gy.
        oesophagus_v60: share of the oesophagus above 60 Gy of the course as it is planned now; nan where unknown.
        replans: how many replans were ordered so far.
        belief: what is believed of this patient's tumour, the same for all samples.
        scan, gtv: the follow-up CT (the region that changed) and the tumour drawn on it, where the policy has
            `pixels`; else None.
    """

    day: float
    fractions_given: int
    fractions_planned: int
    fraction_gy: float
    gtv_cm3: float
    gtv_at_plan_cm3: float
    suv_ratio: float
    shift_mm: float
    findings: tuple[str, ...]
    mean_lung_gy: float
    oesophagus_v60: float
    replans: int
    belief: Belief | None = None
    scan: Volume | None = None
    gtv: Volume | None = None

    @property
    def dose_given_gy(self) -> float:
        """Prescribed dose of the fractions so far, Gy."""
        return self.fractions_given * self.fraction_gy


@dataclass(frozen=True)
class Decision:
    """A policy's answer.

    Args:
        action: what to do.
        reason: why, for the patient's record.
        fractions: how many fractions more (escalate, boost) or fewer (de-escalate).
    """

    action: Action
    reason: str
    fractions: int = 0


CONTINUE = Decision("continue", "nothing called for a change")


class Policy(Frozen):
    """Base of all policies: parameters are fields, `kind` is its name in YAML."""

    kind: str
    turnaround_days: float = Field(
        3.0, ge=0, le=30
    )  # of an offline replan: 1 to 5 working days, no source found
    known: ClassVar[dict[str, type[Policy]]] = {}
    pixels: ClassVar[bool] = (
        False  # whether it looks at the follow-up CT, not only at what was measured on it
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Make the policy known by its kind."""
        super().__pydantic_init_subclass__(**kwargs)
        Policy.known[cls.model_fields["kind"].default] = cls

    @classmethod
    def of(cls, data: Any) -> Policy:
        """A policy from its kind, or from a mapping with its kind and parameters.

        Raises:
            InputError: no policy has that kind.
        """
        if isinstance(data, Policy):
            return data
        fields = {"kind": data} if isinstance(data, str) else dict(data)
        found = cls.known.get(str(fields.get("kind")))
        if found is None:
            raise InputError(
                f"unknown policy {fields.get('kind')!r}; there are: {', '.join(sorted(cls.known))}"
            )
        return found.model_validate(fields)

    def decide(self, seen: Seen) -> Decision:
        """What to do for one patient at one imaging event."""
        raise NotImplementedError

    def check(self, total_gy: float, label: str) -> None:
        """Refuse a plan that the policy contradicts, with a ValueError."""


class NoAdaptation(Policy):
    """The plan goes on whatever is seen: the arm that others are compared with."""

    kind: Literal["none"] = "none"

    def decide(self, seen: Seen) -> Decision:
        """Continue."""
        return CONTINUE


class FixedReplans(Policy):
    """A replan on the first scan after given doses: week 2 and week 4 of 60/30 (Guckenberger 2011; PMC3665644)."""

    kind: Literal["fixed replans"] = "fixed replans"
    at_gy: tuple[float, ...] = (20.0, 40.0)

    def check(self, total_gy: float, label: str) -> None:
        """A replan cannot come after the last fraction."""
        late = [gy for gy in self.at_gy if gy >= total_gy > 0]
        if late:
            raise ValueError(f"a replan at {late[0]:g} Gy comes after the last fraction of {label}")

    def decide(self, seen: Seen) -> Decision:
        """Replan when the next of the doses has been given."""
        if seen.replans < len(self.at_gy) and seen.dose_given_gy >= self.at_gy[seen.replans]:
            return Decision(
                "replan", f"{seen.dose_given_gy:g} Gy given, replan planned at {self.at_gy[seen.replans]:g}"
            )
        return CONTINUE


class VolumeTrigger(Policy):
    """A replan when the tumour has lost a share of the volume that the plan in use was made for."""

    kind: Literal["volume trigger"] = "volume trigger"
    loss: float = Field(0.3, gt=0, lt=1)

    def decide(self, seen: Seen) -> Decision:
        """Replan on enough measured regression, while half a week of treatment is left."""
        lost = 1 - seen.gtv_cm3 / seen.gtv_at_plan_cm3
        if lost >= self.loss and seen.fractions_planned - seen.fractions_given > 3:
            return Decision("replan", f"the tumour lost {lost:.0%} of {seen.gtv_at_plan_cm3:.1f} cm3")
        return CONTINUE


class TrafficLight(Policy):
    """The traffic light of Kwint (2014): orange and red call for action, yellow is only noted."""

    kind: Literal["traffic light"] = "traffic light"
    orange_mm: float = Field(5.0, gt=0)
    red_mm: float = Field(10.0, gt=0)

    def decide(self, seen: Seen) -> Decision:
        """Replan when the tumour has left its place or a lobe has collapsed or opened."""
        left = seen.fractions_planned - seen.fractions_given
        light = "red" if seen.shift_mm >= self.red_mm else "orange" if seen.shift_mm >= self.orange_mm else ""
        if light and left > 1:
            return Decision(
                "replan", f"{light}: the tumour lies {seen.shift_mm:.0f} mm from where the plan has it"
            )
        if seen.findings:
            return Decision("continue", f"yellow: {', '.join(seen.findings)}")
        return CONTINUE


class Isotoxic(Policy):
    """Escalates by whole fractions as far as lung and oesophagus allow (De Ruysscher 2008: mean lung dose 19 Gy)."""

    kind: Literal["isotoxic"] = "isotoxic"
    mean_lung_gy: float = Field(19.0, gt=0)
    oesophagus_v60: float = Field(0.17, ge=0, le=1)
    most_gy: float = Field(79.2, gt=0)

    def decide(self, seen: Seen) -> Decision:
        """Escalate once, on the first scan, by as many fractions as both limits leave room for."""
        if (
            seen.replans
            or seen.fractions_planned * seen.fraction_gy >= self.most_gy
            or seen.oesophagus_v60 > self.oesophagus_v60
        ):
            return CONTINUE
        per_fraction = seen.mean_lung_gy / seen.fractions_planned
        by_lung = int((self.mean_lung_gy - seen.mean_lung_gy) / per_fraction)
        by_dose = int(self.most_gy / seen.fraction_gy + 1e-9) - seen.fractions_planned
        more = min(by_lung, by_dose)
        if more > 0 and seen.fractions_given <= seen.fractions_planned // 3:
            return Decision(
                "escalate",
                f"mean lung dose {seen.mean_lung_gy:.1f} Gy leaves room for {more} fractions",
                more,
            )
        return CONTINUE


class PetResponse(Policy):
    """Adds fractions for poor responders, by the fall of SUVmax in mid-course (the idea of RTOG 1106)."""

    kind: Literal["pet response"] = "pet response"
    from_gy: float = Field(36.0, gt=0)
    poor: float = Field(0.7, gt=0, lt=2)
    fractions: int = Field(5, ge=1, le=15)

    def decide(self, seen: Seen) -> Decision:
        """Decide once, on the first scan after `from_gy`."""
        week_gy = 5 * seen.fraction_gy
        if (
            not self.from_gy <= seen.dose_given_gy < self.from_gy + week_gy
            or seen.fractions_given >= seen.fractions_planned
        ):
            return CONTINUE
        if seen.suv_ratio >= self.poor:
            return Decision("boost", f"SUVmax still {seen.suv_ratio:.0%} of day 0", self.fractions)
        return Decision("continue", f"SUVmax fell to {seen.suv_ratio:.0%}")
