"""No adaptation."""

from __future__ import annotations

from typing import Literal

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen


class NoAdaptation(Policy):
    """The plan goes on whatever is seen: the arm that others are compared with."""

    kind: Literal["none"] = "none"

    def decide(self, seen: Seen) -> Decision:
        """Continue."""
        return CONTINUE


POLICY = NoAdaptation
