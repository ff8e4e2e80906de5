"""The voxels at which a plan is optimised, and what each stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.dose.medium import Medium, union
from simulators.planner.cost import Term
from simulators.planner.template import Template
from twin import StructureSet, Volume

_NEAR_MM = 20.0  # from the PTV; each voxel counts
_FAR_MM = 60.0  # above and below it: what lies beyond hardly changes
# Further out one voxel, by chance, of each cell so wide: a lattice would let narrow beams pass between its points.
_CELLS_MM = ((50.0, 6.0), (np.inf, 8.0))  # up to this distance, cells of this width
FAR_MM = 20.0  # from the PTV: where protocols ask for D2cm
_EARLY_MM = 2.0  # before that, where voxels still lie close


@dataclass(frozen=True, eq=False)
class Sample:
    """Sample voxels of a patient.

    Args:
        voxels: (n, 3) int32 indices of the medium's grid.
        weight: (n,) voxels that each stands for.
        distance_mm: (n,) from the PTV's surface, negative inside.
        members: structure -> (n,) share of the voxel that belongs to it.
        ptv_cm3: volume of the PTV.
    """

    voxels: np.ndarray
    weight: np.ndarray
    distance_mm: np.ndarray
    members: dict[str, np.ndarray]
    ptv_cm3: float

    @classmethod
    def of(cls, medium: Medium, structures: StructureSet, targets: StructureSet) -> Sample:
        """Of a patient.

        Args:
            medium: the patient.
            structures: with the organs.
            targets: with the PTV.
        """
        from scipy.ndimage import distance_transform_edt

        drawn = union(targets, "PTV")
        ptv = drawn.on(medium.grid)
        step = medium.grid.spacing_mm[0]
        inside = ptv >= 0.5
        distance = np.where(inside, -distance_transform_edt(inside), distance_transform_edt(~inside)) * step
        reach = np.flatnonzero(inside.any(axis=(1, 2)))
        low, high = reach[0] - int(_FAR_MM / step), reach[-1] + int(_FAR_MM / step) + 1
        weight_of = _weights(distance, step, slice(max(0, low), high)) * (medium.density > 0)
        voxels = np.argwhere(weight_of)
        at = tuple(voxels.T)
        members = {"PTV": np.where(inside[at], ptv[at], 0.0), "Body": np.where(inside[at], 0.0, 1.0)}
        for s in (*structures.role("OAR"), *(t for t in targets.role("PTV") if t.name not in members)):
            members[s.name] = s.mask.on(medium.grid)[at]
        lungs = [members[n] for n in ("Lung_L", "Lung_R") if n in members]
        if lungs:
            tumour = Volume(structures.geometry, structures.gtv().astype(np.uint8), "MASK", "1")
            members["Lungs"] = np.clip(sum(lungs) - tumour.on(medium.grid)[at], 0.0, 1.0)
        weight = weight_of[at].astype(float)
        ptv_cm3 = float(np.count_nonzero(drawn.array)) * drawn.geometry.voxel_cm3
        return cls(voxels.astype(np.int32), weight, distance[at], members, ptv_cm3)

    def terms(self, template: Template, prescription_gy: float) -> list[Term]:
        """The template's objectives; those of organs that are not drawn are left out.

        Args:
            template: the technique's.
            prescription_gy: Gy.
        """
        found = []
        limits = template.limits_for(self.ptv_cm3)
        for objective in template.objectives:
            share = self.members.get(objective.structure)
            if share is None or not (share > 0).any():
                continue
            voxels = np.flatnonzero(share > 0)
            volume = (share * self.weight)[voxels]
            whole = self.members["PTV"] if objective.structure == "Body" else share
            level: float | np.ndarray = objective.level(prescription_gy)
            kind: dict[str, object] = {}
            if objective.kind == "falloff":
                mm, percent = np.array(objective.by_mm).T
                level = np.interp(self.distance_mm[voxels], mm, percent / 100)
            elif objective.kind == "far_at_most":
                level *= (limits["d2cm_percent"][1] or np.inf) / 100
                far = self.distance_mm[voxels] >= FAR_MM - _EARLY_MM
                voxels, volume = voxels[far], volume[far]
            elif objective.kind == "half_at_most":
                beside = level * (limits["r50"][1] or np.inf) - 1  # that volume, less the PTV's, in PTVs
                level, kind = 0.5, {"kind": "volume_at_most", "volume_percent": 100 * beside}
            kept = objective.model_copy(update=kind)
            found.append(Term(kept, level, voxels, volume / float(whole @ self.weight)))
        return found


def _weights(distance_mm: np.ndarray, step_mm: float, planes: slice) -> np.ndarray:
    """(z, y, x) int32 how many voxels each stands for, 0 where it is not sampled: chance of a fixed seed.

    Args:
        distance_mm: (z, y, x) from the PTV.
        step_mm: voxel.
        planes: where voxels further out are sampled.
    """
    weight = (distance_mm <= _NEAR_MM).astype(np.int32)
    rng = np.random.default_rng(0)
    beyond = _NEAR_MM
    for reach, apart in _CELLS_MM:
        every = int(np.ceil(apart / step_mm))
        starts = [np.arange(0, n, every) for n in distance_mm.shape]
        cells = np.stack(np.meshgrid(*starts, indexing="ij"), axis=-1).reshape(-1, 3)
        picked = cells + rng.integers(0, every, cells.shape)
        picked = picked[(picked < distance_mm.shape).all(axis=1)]
        picked = picked[(picked[:, 0] >= planes.start) & (picked[:, 0] < planes.stop)]
        there = distance_mm[tuple(picked.T)]
        weight[tuple(picked[(there > beyond) & (there <= reach)].T)] = every**3
        beyond = reach
    return weight
