"""A replan on what the plan would give to the patient as the day's image shows him."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from scenarios.plans.policy import CONTINUE, Decision, Policy, Seen
from twin.inputs.quantities import Share, Threshold


class DoseOfTheDay(Policy):
    """Replans where the target is no longer covered, or an organ gets more than its limit and than was planned.

    Args:
        coverage: least D95 of the target on the day, over the prescription.
        mean_lung_gy: highest mean dose of lungs - GTV.
        more_gy: by how much that must exceed what was planned: anatomy that changed, not a plan that was hard to make.
        most: replans of a course.
    """

    kind: Literal["dose of the day"] = "dose of the day"
    pixels: ClassVar[bool] = True
    coverage: Share = 0.95
    mean_lung_gy: Threshold = 20.0
    more_gy: Threshold = 1.0
    most: int = Field(2, ge=1, le=20)

    def decide(self, seen: Seen) -> Decision:
        """Replan by the dose of the day, while half a week of treatment is left."""
        if seen.replans >= self.most or seen.fractions_planned - seen.fractions_given <= 3:
            return CONTINUE
        dose = seen.dose_of_day
        covered = dose.d("target", 95) / dose.prescription_gy
        if covered < self.coverage:
            return Decision("replan", f"D95 of the target is {covered:.1%} of the prescription")
        lung_gy = dose.mean_gy("Lungs-GTV")
        if lung_gy > max(self.mean_lung_gy, seen.mean_lung_gy + self.more_gy):
            return Decision("replan", f"mean lung dose {lung_gy:.1f} Gy, {seen.mean_lung_gy:.1f} planned")
        return Decision("continue", f"D95 of the target {covered:.1%}, mean lung dose {lung_gy:.1f} Gy")


POLICY = DoseOfTheDay
