"""More fractions where the tumour responds poorly."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen
from twin.inputs.quantities import Threshold


class PetResponse(Policy):
    """Adds fractions for poor responders, by the fall of SUVmax in mid-course (the idea of RTOG 1106)."""

    kind: Literal["pet response"] = "pet response"
    from_gy: Threshold = 36.0
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


POLICY = PetResponse
