"""Lumped tumours and tumours in dose bins: the kinetics for curves, control and cohorts.

Between events v' = g(V) v with Gompertz growth of the whole volume V and d' = -ln2 d / T_half; a fraction moves
v (1 - S) from viable to doomed. Strang splitting on half-day steps: second order, stable and positive for every
step. The clonogens' survival is a number of its own, kept as a float64 logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from simulators.core.course import Course
from simulators.core.kinetics import Kinetics, Params, TumourState
from simulators.core.threads import in_threads
from simulators.tumour.timeline import (
    Timeline,
    batch_shape,
    check_batch,
    check_forward,
    local_doses,
    ordinals_at,
    parameter_table,
)
from twin import DoseGrid, InputError, PatientTwin
from twin.structures import bounding_box

STEP_DAYS = 0.5


@dataclass(frozen=True, eq=False)
class DoseVolumeKinetics:
    """A tumour without shape: one compartment, or one for each dose bin of the GTV.

    Args:
        gtv0_cm3: tumour volume at day 0, cm3; a number, or an array that broadcasts to the batch.
        bin_fraction: share of the GTV in each bin, (bins,) summing to 1; () for a lumped tumour.
        relative_dose: dose grid name -> (bins,) ratio of the local dose to the prescribed one.
        linear_above_gy: dose of a fraction above which survival goes on along its tangent (LQ-L), Gy.
        step_days: spacing of the time grid, days.

    Example:
        >>> kinetics = DoseVolumeKinetics(60.0)
        >>> kinetics.bin_fraction.shape
        ()
    """

    gtv0_cm3: float | np.ndarray
    bin_fraction: np.ndarray = field(default_factory=lambda: np.ones(()))
    relative_dose: Mapping[str, np.ndarray] = field(default_factory=dict)
    linear_above_gy: float = np.inf
    step_days: float = STEP_DAYS

    @classmethod
    def from_dose(
        cls, twin: PatientTwin, grids: Mapping[str, DoseGrid], bins: int = 20
    ) -> DoseVolumeKinetics:
        """Bins of equal volume from the GTV's voxels, ranked by their dose in the first grid.

        Args:
            twin: the patient, with a GTV.
            grids: name in the courses -> dose; every dose is sampled at the same voxels. None gives one bin.
            bins: how many.
        """
        if not grids:
            return cls(twin.gtv_cm3)
        mask = twin.contours.gtv()
        box = bounding_box(mask)
        part, inside = twin.contours.geometry.crop(box), mask[box]
        ratios = {
            name: grid.volume.on(part)[inside].astype(np.float64) / grid.prescription_gy
            for name, grid in grids.items()
        }
        order = np.argsort(next(iter(ratios.values())), kind="stable")
        groups = np.array_split(order, min(bins, len(order)))
        return cls(
            twin.gtv_cm3,
            np.array([len(g) for g in groups]) / len(order),
            {name: np.array([ratio[g].mean() for g in groups]) for name, ratio in ratios.items()},
        )

    def start(self, twin: PatientTwin, params: Params) -> TumourState:
        """The state at day 0: all viable but for the remnant."""
        batch = batch_shape(params)
        share = np.broadcast_to(np.asarray(params["remnant_fraction"], np.float64), batch)
        remnant = np.multiply.outer(share, self.bin_fraction)
        return TumourState.untreated(self.bin_fraction - remnant, remnant, batch)

    def advance(
        self, state: TumourState, params: Params, courses: Sequence[Course], to_days: float
    ) -> TumourState:
        """The state at a later time, events at that very time included; the given state is not changed."""
        return self.follow(state, params, courses, np.array([to_days], dtype=np.float64))[1]

    def gtv_cm3(self, state: TumourState) -> np.ndarray:
        """(*B,) tumour volume, cm3."""
        cells = state.viable + state.doomed + state.remnant
        return np.asarray(self.gtv0_cm3 * (cells.sum(axis=-1) if self.bin_fraction.ndim else cells))

    def follow(
        self, state: TumourState, params: Params, courses: Sequence[Course], days: np.ndarray
    ) -> tuple[np.ndarray, TumourState]:
        """Volumes at many times in one call.

        Args:
            state: where to begin.
            params: name -> (*B,).
            courses: one for all rows, or one for each index of the batch's first axis.
            days: (n,) ascending times, none before the state's, days.

        Returns:
            (*B, n) tumour volume in cm3, and the state at the last time.

        Raises:
            InputError: times that go back, or courses that do not fit the batch.
        """
        from simulators.tumour.dose_volume_kernel import TOGETHER, advance_rows

        days = _ascending(days, state.t_days)
        batch = state.viable.shape[: state.viable.ndim - self.bin_fraction.ndim]
        check_batch(courses, batch)
        rows, timeline = int(np.prod(batch)), Timeline.of(courses)
        first = timeline.first_event(np.broadcast_to(state.ordinal, len(courses)))
        cells = _rows(state, rows)
        volumes = np.empty((len(days), rows))
        weight = self.bin_fraction.reshape(-1).astype(np.float64)
        course_of, block = _blocks(len(courses), rows, TOGETHER)
        events = (
            first, timeline.begin[1:], timeline.first_fraction, timeline.last_fraction(first), timeline.time_days,
            timeline.kind, local_doses(timeline, self.relative_dose, (weight.size,)), timeline.scale,
        )  # fmt: skip
        own = (
            parameter_table(params, batch),
            np.broadcast_to(np.asarray(self.gtv0_cm3, np.float64), batch).ravel(),
            weight,
        )
        times = timeline.last_step(first, state.t_days, self.step_days), days
        steps = self.step_days, float(self.linear_above_gy)

        def advance(begin: int, beyond: int) -> None:
            mine = block[begin : beyond + 1]
            given: list[Any] = [
                *times,
                *steps,
                course_of[begin:beyond],
                mine,
                *events,
                *own,
                *cells.values(),
                volumes,
            ]
            advance_rows(*given)

        in_threads(advance, len(course_of))
        whole, end = state.viable.shape, float(days[-1])
        after = {name: v.T.reshape(batch if name == "survivors" else whole) for name, v in cells.items()}
        state = replace(state, t_days=end, ordinal=ordinals_at(courses, end), **after)
        return np.moveaxis(volumes.reshape(len(days), *batch), 0, -1), state


def _ascending(days: np.ndarray, t_days: float) -> np.ndarray:
    """Times as float64, refused where they do not ascend from where the tumour stands, or go on beyond all bounds."""
    days = np.asarray(days, dtype=np.float64)
    check_forward(days[0], days[-1])
    if days[0] < t_days or (np.diff(days) < 0).any():
        raise InputError(f"times must ascend from day {t_days:g}, where the tumour stands")
    return days


def _blocks(courses: int, rows: int, together: int) -> tuple[np.ndarray, np.ndarray]:
    """(blocks,) course of each block of rows, and (blocks + 1,) where they begin; each course has as many rows."""
    each = rows // courses
    begin = np.add.outer(np.arange(courses) * each, np.arange(0, each, together))
    return np.repeat(np.arange(courses), begin.shape[1]), np.append(begin.ravel(), rows)


def _rows(state: TumourState, rows: int) -> dict[str, np.ndarray]:
    """Copies of the cells for the kernel by field of the state: float64 tables (bins, rows), and survivors (rows,)."""
    steps = (
        (state.viable, state.doomed) if state.step_viable is None else (state.step_viable, state.step_doomed)
    )
    values = {
        "viable": state.viable,
        "doomed": state.doomed,
        "remnant": state.remnant,
        "unrepaired_gy": state.unrepaired_gy,
        "log_survival": state.log_survival,
        "step_viable": steps[0],
        "step_doomed": steps[1],
    }
    tables = {
        name: np.array(np.asarray(v).reshape(rows, -1).T, np.float64, order="C") for name, v in values.items()
    }
    return {**tables, "survivors": np.array(state.survivors, dtype=np.float64).reshape(rows)}


def trajectory(
    kinetics: Kinetics, twin: PatientTwin, params: Params, courses: Sequence[Course], days: np.ndarray
) -> tuple[np.ndarray, TumourState]:
    """Tumour volumes of all samples of all courses from day 0.

    Args:
        kinetics: any grain; dose bins take one kernel call for everything.
        twin: the patient.
        params: name -> (*B,); B[0] counts the courses when there is more than one.
        courses: what each arm became.
        days: (n,) ascending times, days.

    Returns:
        (*B, n) tumour volume in cm3, and the state at the last time.
    """
    state = kinetics.start(twin, params)
    if isinstance(kinetics, DoseVolumeKinetics):
        return kinetics.follow(state, params, courses, days)
    volumes = []
    for day in days:
        state = kinetics.advance(state, params, courses, float(day))
        volumes.append(kinetics.gtv_cm3(state))
    return np.stack(volumes, axis=-1), state
