"""More fractions as far as the organs allow."""

from __future__ import annotations

from typing import Literal

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen
from twin.inputs.quantities import Share, Threshold


class Isotoxic(Policy):
    """Escalates by whole fractions as far as lung and oesophagus allow (De Ruysscher 2008: mean lung dose 19 Gy)."""

    kind: Literal["isotoxic"] = "isotoxic"
    mean_lung_gy: Threshold = 19.0
    oesophagus_v60: Share = 0.17
    most_gy: Threshold = 79.2

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


POLICY = Isotoxic
