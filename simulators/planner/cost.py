"""What a plan's dose costs, and its derivative by the dose of each sample voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.planner.template import Objective


@dataclass(frozen=True, eq=False)
class Term:
    """An objective on sample voxels.

    Args:
        objective: the objective.
        level: its dose, a share of the prescription: one, or one for each voxel.
        voxels: (m,) which sample voxels.
        share: (m,) what each stands for, over the whole that the objective is about.
    """

    objective: Objective
    level: float | np.ndarray
    voxels: np.ndarray
    share: np.ndarray

    def add(self, dose: np.ndarray, gradient: np.ndarray) -> float:
        """The cost of a dose (n,); its derivative is added to `gradient` (n,)."""
        here, weight = dose[self.voxels], self.objective.weight
        if self.objective.kind == "mean_at_most":
            above = max(0.0, float(here @ self.share) - float(self.level))
            gradient[self.voxels] += 2 * weight * above * self.share
            return weight * above**2
        passed = here - self.level
        if self.objective.kind == "at_least":
            passed = np.minimum(passed, 0.0)
        elif self.objective.kind == "volume_at_most":
            passed = np.where(here > self._allowed(here), 0.0, np.maximum(passed, 0.0))
        else:
            passed = np.maximum(passed, 0.0)
        gradient[self.voxels] += 2 * weight * passed * self.share
        return weight * float(passed**2 @ self.share)

    def _allowed(self, dose: np.ndarray) -> float:
        """The dose above which lies the volume that may be above the level."""
        order = np.argsort(dose)[::-1]
        above = np.cumsum(self.share[order])
        at = int(np.searchsorted(above, self.objective.volume_percent / 100))
        return float(dose[order[min(at, dose.size - 1)]])
