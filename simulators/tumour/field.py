"""The tumour as a field on a grid around the GTV: the kinetics for images.

Viable, doomed and remnant are fractions of a voxel. Dose, kill, repair and clonogens are those of each voxel, growth
is the global g(V) of the lumped tumour, and viable tumour invades its domain, lung and GTV, by diffusion
(D = 0.02 mm2/d); nothing crosses pleura, bone or the walls of the crop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

import numpy as np

from simulators.core.course import Course
from simulators.core.kinetics import Params, TumourState
from simulators.core.treatment import TumourView
from simulators.tumour.dose_volume import STEP_DAYS
from simulators.tumour.timeline import (
    Timeline,
    batch_shape,
    check_batch,
    check_forward,
    ordinals_at,
    parameter_table,
)
from twin import DoseGrid, Geometry, InputError, PatientTwin
from twin.geometry import Shape
from twin.structures import bounding_box

INVASION_MM2_PER_D = 0.02  # lambda^2 rho with lambda 2 mm, rho 0.005 /d [quoted from memory]
_LUNGS = ("Lung_L", "Lung_R")


@dataclass(frozen=True, eq=False)
class FieldKinetics:
    """A tumour with shape, on an isotropic grid.

    Args:
        geometry: the field's grid.
        occupancy: (z, y, x) float32 share of each voxel that is tumour at day 0.
        domain: (z, y, x) bool, where tumour may spread to.
        relative_dose: dose grid name -> (z, y, x) float32 ratio of the local dose to the prescribed one.
        invasion_mm2_per_d: diffusion constant of viable tumour, mm2/d.
        linear_above_gy: dose of a fraction above which survival goes on along its tangent (LQ-L), Gy.
        step_days: spacing of the time grid for growth and clearance, days; invasion takes four of them.

    Raises:
        InputError: tumour outside the domain or on the grid's border, which nothing crosses.
    """

    geometry: Geometry
    occupancy: np.ndarray
    domain: np.ndarray
    relative_dose: Mapping[str, np.ndarray] = field(default_factory=dict)
    invasion_mm2_per_d: float = INVASION_MM2_PER_D
    linear_above_gy: float = np.inf
    step_days: float = STEP_DAYS

    def __post_init__(self) -> None:
        held = np.zeros(self.geometry.shape, dtype=bool)
        held[1:-1, 1:-1, 1:-1] = np.asarray(self.domain)[1:-1, 1:-1, 1:-1]
        if (np.asarray(self.occupancy)[~held] > 0).any():
            raise InputError("a tumour field must lie inside its domain and off the border of its grid")

    @classmethod
    def from_twin(
        cls,
        twin: PatientTwin,
        doses: Mapping[str, DoseGrid],
        *,
        spacing_mm: float = 2.0,
        margin_mm: float = 20.0,
    ) -> FieldKinetics:
        """The field around a patient's GTV.

        Args:
            twin: the patient, with a GTV.
            doses: name in the courses -> dose.
            spacing_mm: isotropic voxel size, mm.
            margin_mm: room around the GTV, mm.
        """
        contours = twin.contours
        whole = contours.geometry
        gtv = contours.gtv()
        margin = cast(tuple[int, int, int], tuple(int(np.ceil(margin_mm / s)) for s in whole.spacing_mm))
        box = bounding_box(gtv, margin)
        part = whole.crop(box)
        inner = part.resampled(spacing_mm)
        occupancy = np.pad(partial_volume(gtv[box], part, inner), 1)
        lungs = contours.mask(*(name for name in _LUNGS if name in contours))[box]
        domain = (np.pad(partial_volume(lungs, part, inner), 1) >= 0.5) | (occupancy > 0)
        corner = cast(tuple[float, float, float], tuple(inner.lps((-1, -1, -1)).tolist()))
        geometry = replace(inner, shape=cast(Shape, occupancy.shape), origin_mm=corner)
        relative = {
            name: grid.volume.on(geometry) / np.float32(grid.prescription_gy) for name, grid in doses.items()
        }
        return cls(geometry, occupancy, domain, relative)

    @cached_property
    def _walls(self) -> tuple[np.ndarray, np.ndarray]:
        """Domain as float32 without the crop's border, and of each voxel the faces to others, each over h^2."""
        inside = np.zeros(self.geometry.shape, dtype=np.float32)
        inside[1:-1, 1:-1, 1:-1] = np.asarray(self.domain)[1:-1, 1:-1, 1:-1]
        faces = np.zeros_like(inside)
        for axis, h_mm in enumerate(self.geometry.spacing_mm):
            faces += inside * (np.roll(inside, 1, axis) + np.roll(inside, -1, axis)) / np.float32(h_mm**2)
        return inside, faces

    def start(self, twin: PatientTwin, params: Params) -> TumourState:
        """The state at day 0: all viable but for the remnant."""
        batch = batch_shape(params)
        share = np.broadcast_to(np.asarray(params["remnant_fraction"], np.float32), batch)
        remnant = np.multiply.outer(share, self.occupancy).astype(np.float32)
        return TumourState.untreated(self.occupancy - remnant, remnant, batch)

    def advance(
        self, state: TumourState, params: Params, courses: Sequence[Course], to_days: float
    ) -> TumourState:
        """The state at a later time, events at that very time included; the given state is not changed.

        Raises:
            InputError: a time before the state's, courses that do not fit the batch, or an unknown dose grid.
        """
        check_forward(state.t_days, to_days)
        batch = state.viable.shape[:-3]
        check_batch(courses, batch)
        rows, shape = int(np.prod(batch)), self.geometry.shape
        timeline = Timeline.of(courses)
        first = timeline.first_event(np.broadcast_to(state.ordinal, len(courses)))
        begin = timeline.last_step(first, state.t_days, 4 * self.step_days)
        ordinals = ordinals_at(courses, to_days)
        acts = timeline.acts(first, to_days)

        def own(values: np.ndarray, dtype: type) -> np.ndarray:
            return np.array(values, dtype=dtype).reshape(rows, *shape)

        def untouched(values: np.ndarray, dtype: type) -> np.ndarray:
            return own(values, dtype) if acts else np.asarray(values, dtype=dtype).reshape(rows, *shape)

        step_viable = own(state.viable if state.step_viable is None else state.step_viable, np.float32)
        step_doomed = own(state.doomed if state.step_doomed is None else state.step_doomed, np.float32)
        carry, logs = untouched(state.unrepaired_gy, np.float32), untouched(state.log_survival, np.float64)
        viable, doomed = np.empty_like(step_viable), np.empty_like(step_doomed)
        remnant = state.remnant.reshape(rows, *shape)
        survivors = np.array(state.survivors, dtype=np.float64).reshape(rows)
        table = np.ascontiguousarray(parameter_table(params, batch).T)
        for i in range(rows):
            survivors[i] = self._advance_one(
                timeline,
                i * len(courses) // rows,
                (float(begin[i * len(courses) // rows]), float(to_days)),
                first,
                table[i],
                (viable[i], doomed[i], remnant[i], carry[i], logs[i], survivors[i]),
                (step_viable[i], step_doomed[i]),
            )
        whole = state.viable.shape
        return replace(
            state,
            t_days=float(to_days),
            ordinal=ordinals,
            viable=viable.reshape(whole),
            doomed=doomed.reshape(whole),
            unrepaired_gy=carry.reshape(whole),
            log_survival=logs.reshape(whole),
            survivors=survivors.reshape(batch),
            step_viable=step_viable.reshape(whole),
            step_doomed=step_doomed.reshape(whole),
        )

    def _advance_one(self, timeline, course, times, first, row, cells, steps) -> float:
        """One sample of one course through the kernel; returns its survivors."""
        from simulators.tumour.field_kernel import advance_field, total

        viable, doomed, remnant, carry, logs, survivors = cells
        inside, faces = self._walls
        return advance_field(
            times[0],
            times[1],
            self.step_days,
            4 * self.step_days,
            self.invasion_mm2_per_d,
            np.asarray(self.geometry.spacing_mm),
            float(self.linear_above_gy),
            first[course],
            timeline.begin[course + 1],
            timeline.first_fraction[course],
            timeline.last_fraction(first)[course],
            timeline.time_days,
            timeline.kind,
            timeline.dose_gy,
            timeline.scale,
            self._grid_index(timeline),
            self._ratios,
            row,
            self.occupancy,
            inside,
            faces,
            np.zeros(self.geometry.shape, dtype=np.float32),
            viable,
            doomed,
            total(remnant),
            carry,
            logs,
            survivors,
            *steps,
        )

    @cached_property
    def _ratios(self) -> np.ndarray:
        """(grids, z, y, x) float32 of all relative doses."""
        if not self.relative_dose:
            return np.ones((1, 1, 1, 1), dtype=np.float32)
        return np.stack([np.asarray(r, dtype=np.float32) for r in self.relative_dose.values()])

    def _grid_index(self, timeline: Timeline) -> np.ndarray:
        """(events,) index into `_ratios`; -1 where a fraction gives the prescribed dose everywhere."""
        names = list(self.relative_dose)
        unknown = {g for g in timeline.grid if g is not None and names and g not in names}
        if unknown:
            raise InputError(
                f"fractions use the dose grid {sorted(unknown)[0]!r}, of which the kinetics know no dose"
            )
        return np.array([names.index(g) if g in names else -1 for g in timeline.grid], dtype=np.int64)

    def gtv_cm3(self, state: TumourState) -> np.ndarray:
        """(*B,) tumour volume, cm3."""
        from simulators.tumour.field_kernel import total

        shape = self.geometry.shape
        parts = [
            np.ascontiguousarray(a).reshape(-1, *shape) for a in (state.viable, state.doomed, state.remnant)
        ]
        sums = [sum(total(part[i]) for part in parts) for i in range(len(parts[0]))]
        return np.asarray(sums).reshape(state.viable.shape[:-3]) * self.geometry.voxel_cm3

    def view(self, state: TumourState, params: Params) -> TumourView:
        """What a generator of images sees of a state without batch.

        Args:
            state: of one tumour.
            params: parameter -> () of its sample.
        """
        return TumourView(
            gtv_cm3=float(self.gtv_cm3(state)),
            gtv0_cm3=float(self.occupancy.sum(dtype=np.float64)) * self.geometry.voxel_cm3,
            erosion=float(params["erosion_fraction"]),
            geometry=self.geometry,
            viable=state.viable,
            doomed=state.doomed,
            remnant=state.remnant,
        )


def partial_volume(mask: np.ndarray, fine: Geometry, coarse: Geometry) -> np.ndarray:
    """Share of each voxel of a grid that a mask fills; the mask's volume is kept exactly.

    Args:
        mask: (z, y, x) on `fine`.
        fine: the mask's grid.
        coarse: a grid with the same first corner and axes, as `Geometry.resampled` makes it.

    Returns:
        Float32 array of `coarse.shape`.
    """
    values = np.asarray(mask, dtype=np.float64)
    for axis in range(3):
        old = np.arange(fine.shape[axis] + 1) * fine.spacing_mm[axis]
        new = np.arange(coarse.shape[axis] + 1) * coarse.spacing_mm[axis]
        overlap = np.minimum(new[1:, None], old[1:]) - np.maximum(new[:-1, None], old[:-1])
        weights = np.clip(overlap, 0.0, None) / coarse.spacing_mm[axis]
        values = np.moveaxis(np.tensordot(weights, values, axes=(1, axis)), 0, axis)
    return values.astype(np.float32)
