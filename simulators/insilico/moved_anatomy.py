"""Follow-ups of a patient to whom something happened: the tumour has moved, lung behind it collapsed, fluid gathered.

A step after any generator of images, so that all of them show what a policy sees and what the fractions meet. A moved
tumour keeps its shape, and what is around it gives way by a smooth, invertible flow that fades out in lung and sooner
in walls. Collapse and effusion are those of the in-silico truth (`simulators.insilico.response_lung`). No scan says
which of its lung is collapsed already, so atelectasis comes here and never opens; infiltrates are not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt, shift

from simulators.anatomy.deformation import GRID_MM, Flow, displacement_mm
from simulators.anatomy.events import AnatomyEvents
from simulators.anatomy.irradiated_lung import within
from simulators.anatomy.lattice import SplineBasis
from simulators.anatomy.tumour_site import smooth, smoothstep, voxels
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import FollowUp
from simulators.insilico.acquisition import carried, signed_distance_mm
from simulators.insilico.response import Response
from simulators.insilico.response_lung import LungResponse
from simulators.insilico.traits import Traits
from twin import Scan, StructureSet, Volume
from twin.geometry import Box
from twin.structures import bounding_box

_RIGID_MM = 6.0  # around the tumour's path, where lung moves along [assumed]
_REACH_MM, _WALL_MM = 30.0, 8.0  # over which the motion fades out, in lung and in walls [assumed]
_TUMOUR_SHARE = 0.3  # of a coarse voxel that moves with the tumour
_MARGIN_MM = 10.0
_KEPT = 4
_HU_RANGE = (-1024, 3071)
_ALL_CLOSED = 0.5  # threshold of collapse, far below the tumour's relative volume of 1


@dataclass(frozen=True, eq=False)
class ChangedAnatomy:
    """One patient's thorax, and what events make of it.

    Args:
        scan: the baseline CT.
        structures: on it: a GTV, and lungs where they are to collapse.
        key: chance of the patterns; its sample and event do not count.
    """

    scan: Scan
    structures: StructureSet
    key: Key
    _flows: dict[tuple[float, ...], tuple[Box, Flow]] = field(default_factory=dict)

    def after(self, followup: FollowUp, events: AnatomyEvents, sample: int, day: float) -> FollowUp:
        """The follow-up of a sample to whom some events have happened by a day, days from the start of treatment.

        Its displacement says where each point lay on the baseline, through the events and what the generator moved.

        Args:
            followup: without events.
            events: of all samples.
            sample: of the belief.
            day: days from the start of treatment.
        """
        moved = events.displacement_mm(sample, day)
        since = {kind: day - float(events.day[kind][sample]) for kind in events.present(sample, day)}
        in_lung = self._lung is not None and not {"atelectasis", "effusion"}.isdisjoint(since)
        if not (moved.any() or in_lung):
            return followup
        whole = self.scan.volume.geometry
        old = whole.box_of(followup.scan.geometry)
        box = _union(old, *([self._flow(moved)[0]] if moved.any() else []), *([self._box] if in_lung else []))
        part = within(box, old)
        hu = self.scan.volume.array[box].astype(np.float32)
        hu[part] = followup.scan.array
        gtv, injury = (np.zeros(hu.shape, np.uint8) for _ in range(2))
        gtv[part], injury[part] = followup.gtv.array, followup.injury.array
        displacement = np.zeros((3, *hu.shape), np.float32)
        displacement[(slice(None), *part)] = followup.displacement_mm
        if in_lung:
            inside = within(box, self._box)
            hu[inside] = self._with_lung_events(hu[inside], gtv[inside], since)
        if moved.any():
            place, flow = self._flow(moved)
            here = within(box, place)
            back = displacement_mm(flow, flow.velocity_mm)
            spacing = whole.spacing_mm
            hu[here] = carried(hu[here], back, spacing)
            gtv[here] = carried(signed_distance_mm(gtv[here] > 0, spacing), back, spacing, order=1) > 0.0
            injury[here] = carried(injury[here], back, spacing, order=0)
            for k in range(3):
                displacement[k][here] = back[k] + carried(displacement[k][here], back, spacing, order=1)
        geometry = whole.crop(box)
        return replace(
            followup,
            scan=Volume(geometry, np.rint(np.clip(hu, *_HU_RANGE)).astype(np.int16), "CT", "HU"),
            gtv=Volume(geometry, gtv, "MASK", "1"),
            injury=Volume(geometry, injury, "MASK", "1"),
            displacement_mm=displacement,
        )

    def forward_mm(self, moved_mm: np.ndarray, geometry) -> np.ndarray | None:
        """Where the tissue of the baseline has gone when the tumour is displaced by (z, y, x) mm.

        Args:
            moved_mm: displacement of the tumour, (z, y, x) mm.
            geometry: where it is wanted.

        Returns:
            (3, z, y, x) float32 mm on the given grid, 0 far from the tumour; None where nothing moved.
        """
        if not np.any(moved_mm):
            return None
        _, flow = self._flow(moved_mm)
        there = displacement_mm(flow, -flow.velocity_mm)
        return np.stack([Volume(flow.geometry, u, "MASK", "1").on(geometry) for u in there])

    @cached_property
    def _gtv(self) -> np.ndarray:
        return self.structures.gtv()

    @cached_property
    def _lung_names(self) -> list[str]:
        return [n for n in ("Lung_L", "Lung_R") if n in self.structures]

    def _flow(self, moved_mm: np.ndarray) -> tuple[Box, Flow]:
        """Where tissue moves, and the flow that carries the tumour along: at the same speed all along its path."""
        address = tuple(float(v) for v in moved_mm)
        if address not in self._flows:
            while len(self._flows) >= _KEPT:
                self._flows.pop(next(iter(self._flows)))
            self._flows[address] = self._new_flow(np.asarray(moved_mm, dtype=np.float64))
        return self._flows[address]

    def _new_flow(self, moved_mm: np.ndarray) -> tuple[Box, Flow]:
        whole = self.scan.volume.geometry
        far = float(np.linalg.norm(moved_mm))
        box = bounding_box(self._gtv, voxels(far + _RIGID_MM + _REACH_MM + GRID_MM, whole.spacing_mm))
        fine = whole.crop(box)
        coarse = fine.resampled(GRID_MM)
        gtv = Volume(fine, self._gtv[box].astype(np.float32), "MASK", "1").on(coarse)
        lungs = self._gtv[box].copy()
        for name in self._lung_names:
            lungs |= self.structures.mask(name)[box]
        free = smooth(Volume(fine, lungs.astype(np.float32), "MASK", "1").on(coarse), 3.0, coarse.spacing_mm)
        step = moved_mm / np.asarray(coarse.spacing_mm)
        path = np.zeros(coarse.shape, dtype=bool)
        for t in np.linspace(0.0, 1.0, 1 + int(np.ceil(far / GRID_MM))):
            path |= shift(gtv, t * step, order=1) > _TUMOUR_SHARE
        away = distance_transform_edt(~path, sampling=coarse.spacing_mm)
        in_lung = smoothstep(1.0 - (away - _RIGID_MM) / _REACH_MM) * free
        speed = np.maximum(in_lung, smoothstep(1.0 - away / _WALL_MM)).astype(np.float32)
        velocity = (moved_mm.reshape(3, 1, 1, 1) * speed).astype(np.float32)
        everywhere = np.ones((1, 1, 1), dtype=np.float32)
        basis = SplineBasis.between(fine, coarse)
        return box, Flow(fine, coarse, velocity, 1.0, speed, free, speed, everywhere, basis)

    @cached_property
    def _own_lung(self) -> str | None:
        """Name of the lung in which most of the tumour's surroundings lie."""
        near = bounding_box(self._gtv, voxels(_MARGIN_MM, self.scan.volume.geometry.spacing_mm))
        share = {name: int(self.structures.mask(name)[near].sum()) for name in self._lung_names}
        return max(share, key=share.__getitem__) if any(share.values()) else None

    @cached_property
    def _box(self) -> Box:
        """The tumour's lung and the tumour."""
        assert self._own_lung is not None
        both = self.structures.mask(self._own_lung) | self._gtv
        return bounding_box(both, voxels(_MARGIN_MM, self.scan.volume.geometry.spacing_mm))

    @cached_property
    def _lung(self) -> LungResponse | None:
        """What the tumour's lung can do; None where it is not drawn."""
        name = self._own_lung
        if name is None:
            return None
        part = self.scan.volume.crop(self._box)
        drawn = StructureSet(part.geometry, ()).with_mask(name, "OAR", self.structures.mask(name)[self._box])
        drawn = drawn.with_mask("GTVp", "GTV", self._gtv[self._box])
        volume = float(self._gtv.sum()) * part.geometry.voxel_cm3
        key = Key(self.key.root, self.key.patient_id, Purpose.ANATOMY)
        traits = Traits.draw(key.root, key.patient_id, gtv_cm3=volume, central=False, squamous=False)
        traits = replace(traits, closing=_ALL_CLOSED, effusion_day=0.0)
        return Response(Scan(self.scan.name, self.scan.time_days, part), drawn, traits, 0.0, key).lung

    def _with_lung_events(self, hu: np.ndarray, gtv: np.ndarray, since: dict[str, float]) -> np.ndarray:
        """The tumour's lung after its events, of which so many days have passed; the tumour itself stays."""
        assert self._lung is not None
        changed = self._lung.collapse(hu, 1.0) if "atelectasis" in since else hu
        if "effusion" in since:
            changed = self._lung.effuse(changed, since["effusion"])
        tumour = smooth(gtv.astype(bool), 0.8, self.scan.volume.geometry.spacing_mm)
        return changed + tumour * (hu - changed)


def _union(*boxes: Box) -> Box:
    """The smallest box that holds all of them."""
    z, y, x = (
        slice(min(b[axis].start for b in boxes), max(b[axis].stop for b in boxes)) for axis in range(3)
    )
    return z, y, x
