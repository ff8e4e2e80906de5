"""Replans at given doses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen
from twin.inputs.quantities import Threshold


class FixedReplans(Policy):
    """A replan on the first scan after given doses: week 2 and week 4 of 60/30 (Guckenberger 2011; PMC3665644)."""

    kind: Literal["fixed replans"] = "fixed replans"
    at_gy: tuple[Threshold, ...] = Field((20.0, 40.0), max_length=20)

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


POLICY = FixedReplans
