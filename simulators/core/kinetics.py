"""One protocol of tumour kinetics for three grains: lumped (), dose bins (bins,) and field (z, y, x).

Shapes: B is any batch, usually (arm, sample); X is the grain. With more than one course, B[0] counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.core.course import Course
from simulators.core.treatment import TumourView
from twin import Belief, DoseGrid, PatientTwin

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

    @classmethod
    def untreated(cls, viable: np.ndarray, remnant: np.ndarray, batch: tuple[int, ...]) -> TumourState:
        """A tumour on day 0.

        Args:
            viable: (*B, *X).
            remnant: (*B, *X).
            batch: B.
        """
        zeros = np.zeros_like(viable)
        return cls(
            t_days=0.0,
            ordinal=np.zeros(1, dtype=np.int64),
            viable=viable,
            doomed=zeros,
            remnant=remnant,
            unrepaired_gy=zeros,
            log_survival=np.zeros(viable.shape),
            survivors=np.full(batch, np.nan),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The checkpoint as plain arrays by name, for `np.savez`; `TumourState(**arrays)` takes them back."""
        return {name: np.asarray(value) for name, value in vars(self).items() if value is not None}


class Kinetics(Protocol):
    """A tumour's response to its courses."""

    def start(self, twin: PatientTwin, params: Params) -> TumourState:
        """The state at day 0 for parameters name -> (*B,).

        Args:
            twin: the patient.
            params: parameter -> (*B,).
        """
        ...

    def advance(
        self, state: TumourState, params: Params, courses: Sequence[Course], to_days: float
    ) -> TumourState:
        """The state at a later time; the given state is not changed.

        Args:
            state: where to begin.
            params: parameter -> (*B,).
            courses: one for all, or one for each index of the batch's first axis.
            to_days: the wanted time, days from day 0.
        """
        ...

    def gtv_cm3(self, state: TumourState) -> np.ndarray:
        """(*B,) tumour volume, cm3: the sum of viable, doomed and remnant.

        Args:
            state: of the tumours.
        """
        ...


class ShapedKinetics(Kinetics, Protocol):
    """The grain that images are made from: the tumour has a place."""

    def view(self, state: TumourState, params: Params) -> TumourView:
        """What a generator of images sees of a state without batch.

        Args:
            state: of one tumour.
            params: parameter -> () of its sample.
        """
        ...


class TumourModel(Protocol):
    """A model of the tumour that can be asked for by name: the samples that it takes, and its grains."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    def believed(self, twin: PatientTwin, belief: Belief, seed: int) -> Belief:
        """The samples that this model's grains take, as many as those given.

        Args:
            twin: the patient.
            belief: equal-weight samples of the prior, or of what the patient's observations left of it.
            seed: the run's seed.

        Returns:
            A belief with the same samples of whatever this model has no parameter for.

        Raises:
            InputError: the belief has learned from observations, and this model can not.
        """
        ...

    def dose_bins(
        self, gtv0_cm3: float, bin_fraction: np.ndarray, relative_dose: Mapping[str, np.ndarray]
    ) -> Kinetics:
        """The grain for curves and tables.

        Args:
            gtv0_cm3: tumour volume at day 0, cm3.
            bin_fraction: (bins,) share of the tumour in each dose bin, summing to 1.
            relative_dose: dose grid name -> (bins,) ratio of the local dose to the prescribed one.
        """
        ...

    def field(self, twin: PatientTwin, doses: Mapping[str, DoseGrid]) -> ShapedKinetics:
        """The grain for images.

        Args:
            twin: the patient, with a GTV.
            doses: name in the courses -> dose.

        Raises:
            InputError: this model's tumour has no shape, or the patient's cannot be given one.
        """
        ...
