"""A replan when the tumour has shrunk enough."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen


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


POLICY = VolumeTrigger
