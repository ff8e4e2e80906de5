"""One protocol of tumour kinetics for three grains: lumped (), dose bins (bins,) and field (z, y, x).

Shapes: B is any batch, usually (arm, sample); X is the grain. With more than one course, B[0] counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.core.course import Course
from twin import PatientTwin

Params = Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class TumourState:
    """Where a tumour stands: a checkpoint from which the future is the same as without stopping.

    Args:
        t_days: time, days.
        ordinal: index of the first event of the course that has not happened yet, one for each course.
        viable: (*B, *X) viable tumour as a fraction of the GTV's volume at day 0 (field: of a voxel).
        doomed: (*B, *X) cells that will die and are still there.
        remnant: (*B, *X) what never clears (fibrosis).
        unrepaired_gy: (*B, *X) carry-over of incomplete repair after the last fraction, Gy.
        log_survival: (*B, *X) float64 natural logarithm of the clonogens' survival.
        survivors: (*B,) clonogens drawn at the end of the course; nan before, 0 means controlled.
        step_viable, step_doomed: both at the last step of the time grid, where `t_days` lies between two
            steps; going on starts there, so that looking at a tumour does not change its future.
    """

    t_days: float
    ordinal: np.ndarray
    viable: np.ndarray
    doomed: np.ndarray
    remnant: np.ndarray
    unrepaired_gy: np.ndarray
    log_survival: np.ndarray
    survivors: np.ndarray
    step_viable: np.ndarray | None = None
    step_doomed: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """The checkpoint as plain arrays by name, for `np.savez`; `TumourState(**arrays)` takes them back."""
        return {name: np.asarray(value) for name, value in vars(self).items() if value is not None}


class Kinetics(Protocol):
    """A tumour's response to its courses."""

    def start(self, twin: PatientTwin, params: Params) -> TumourState:
        """The state at day 0 for parameters name -> (*B,)."""
        ...

    def advance(
        self, state: TumourState, params: Params, courses: Sequence[Course], to_days: float
    ) -> TumourState:
        """The state at a later time; the given state is not changed."""
        ...

    def gtv_cm3(self, state: TumourState) -> np.ndarray:
        """(*B,) tumour volume, cm3: the sum of viable, doomed and remnant."""
        ...
