"""Where tissue goes while the tumour shrinks: the phi_i by which delivered dose follows it (docs/model.md, 6).

The flow that draws lung into the place of lost tumour, in images of the follow-up, does not depend on time. So a point
of day 0 has one path for all samples and plans, along which it has come as far as the tumour has shrunk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import map_coordinates

from simulators.anatomy.deformation import Flow, elastic_tau, shrinkage_flow
from simulators.anatomy.tumour_site import site_between
from twin import PatientTwin, Scan, StructureSet

STEP = 0.05  # of -ln(volume), between two points of a path


@dataclass(frozen=True, eq=False)
class TissueMotion:
    """How the tissue around one patient's tumour moves.

    Args:
        flow: while the tumour shrinks.
        gtv_cm3: the tumour's volume on the baseline, cm3.
    """

    flow: Flow
    gtv_cm3: float

    @classmethod
    def of(cls, twin: PatientTwin) -> TissueMotion:
        """The motion of a patient's baseline anatomy.

        Args:
            twin: the patient, with a GTV and lungs.

        Raises:
            InputError: the baseline has no GTV or neither lung.
        """
        return _motion(twin.baseline, twin.contours)

    def stage(self, gtv_cm3: np.ndarray, erosion: np.ndarray) -> np.ndarray:
        """How far along its path tissue has come, in steps of `paths`.

        Args:
            gtv_cm3: volumes, cm3; a tumour that grows moves nothing.
            erosion: share of the loss that re-aerates in place, of a shape that broadcasts.
        """
        return np.minimum(elastic_tau(gtv_cm3, self.gtv_cm3, erosion), self.flow.max_tau) / STEP

    def paths(self, lps_mm: np.ndarray, stage: float) -> np.ndarray:
        """The paths of points, by the midpoint rule.

        Args:
            lps_mm: (n, 3) on the baseline anatomy, LPS mm.
            stage: the furthest that is asked for, in steps.

        Returns:
            (stages, n, 3) LPS mm, where the points are after 0, 1, 2, ... steps.
        """
        coarse, fine = self.flow.coarse, self.flow.geometry
        start = coarse.index(lps_mm)
        free = map_coordinates(self.flow.freedom, fine.index(lps_mm).T, order=1, mode="constant")
        near = np.flatnonzero(free > 0.0)
        at, found = start[near], [start]
        for _ in range(int(np.ceil(stage))):
            at = at + STEP * self._velocity(at + 0.5 * STEP * self._velocity(at))
            moved = start.copy()
            moved[near] += free[near, None] * (at - start[near])  # what keeps still, keeps still
            found.append(moved)
        return np.stack([coarse.lps(points) for points in found])

    def _velocity(self, index: np.ndarray) -> np.ndarray:
        """(n, 3) voxels of the coarse grid per unit of -ln(volume), at (n, 3) voxel indices."""
        spacing = self.flow.coarse.spacing_mm
        along = [
            map_coordinates(v, index.T, order=1, mode="constant") / s
            for v, s in zip(self.flow.velocity_mm, spacing, strict=True)
        ]
        return np.stack(along, axis=-1)


@lru_cache(maxsize=2)
def _motion(scan: Scan, structures: StructureSet) -> TissueMotion:
    site = site_between(scan, structures)
    return TissueMotion(shrinkage_flow(site), site.gtv_cm3)
