"""Adaptation policies: what they see and what they may answer.

A policy sees what a clinic would see, with its error, and never the truth. One of your own is a subclass of
`Policy` with a `kind` and a `decide`; see docs/policies.md. Those built in are the files of `scenarios.policies`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from models.registry import Registry
from scenarios.plans.plan import Frozen
from scenarios.plans.sight import Images, SeenDose
from twin import Belief, InputError, Volume
from twin.inputs.bounds import shortened

POLICIES = Registry("policy", "policies", "scenarios.policies")  # a kind's spaces are dashes in its name
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
        images: the day's images and doses, which are made when a policy with `pixels` asks for them; else None.
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
    images: Images | None = None

    @property
    def scan(self) -> Volume:
        """The region of the CT that changed, as the generator of follow-ups draws it, without a scanner."""
        return self._images.scan

    @property
    def gtv(self) -> Volume:
        """The tumour drawn on `scan`."""
        return self._images.gtv

    @property
    def ct(self) -> Volume:
        """The CT of the day, HU: acquired, or made of the day's cone-beam CT, on that one's grid."""
        return self._images.ct

    @property
    def dose_of_day(self) -> SeenDose:
        """What the plan in use would give, in all its fractions, to the patient as `ct` shows him."""
        return self._images.dose_of_day

    @property
    def accumulated(self) -> SeenDose:
        """What the fractions so far gave, each on the last image before it, on the anatomy of day 0."""
        return self._images.accumulated

    @property
    def _images(self) -> Images:
        if self.images is None:
            raise InputError("it looks at images, which are made for policies with `pixels = True` alone")
        return self.images

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
    pixels: ClassVar[bool] = (
        False  # whether it looks at images and doses of the day, not only at what was measured
    )

    @classmethod
    def of(cls, data: Any) -> Policy:
        """A policy from its kind, or from a mapping with its kind and parameters.

        Raises:
            InputError: no policy has that kind, or it is neither.
        """
        if isinstance(data, Policy):
            return data
        if not isinstance(data, str | Mapping):
            raise InputError(f"a policy is a kind, or a mapping with its kind, not {shortened(data)}")
        fields = {"kind": data} if isinstance(data, str) else dict(data)
        found: type[Policy] = POLICIES[str(fields.get("kind")).replace(" ", "-")]
        return found.model_validate({**fields, "kind": _kind(found)})

    def decide(self, seen: Seen) -> Decision:
        """What to do for one patient at one imaging event."""
        raise NotImplementedError

    def check(self, total_gy: float, label: str) -> None:
        """Refuse a plan that the policy contradicts, with a ValueError."""


def policies() -> dict[str, type[Policy]]:
    """All policies by their kind, the built-in ones first."""
    return {_kind(policy): policy for policy in POLICIES.values()}


def _kind(policy: type[Policy]) -> str:
    return str(policy.model_fields["kind"].default)
