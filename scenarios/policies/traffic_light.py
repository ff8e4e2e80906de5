"""A replan when the tumour has left its place."""

from __future__ import annotations

from typing import Literal

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen
from twin.inputs.quantities import Millimetres


class TrafficLight(Policy):
    """The traffic light of Kwint (2014): orange and red call for action, yellow is only noted."""

    kind: Literal["traffic light"] = "traffic light"
    orange_mm: Millimetres = 5.0
    red_mm: Millimetres = 10.0

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


POLICY = TrafficLight
