"""The anatomy on which a replan is made: the tumour shrunk, and the tissue around it drawn in, as on the day's scan.

It is the mechanistic follow-up of a tumour that lost a share of its volume by shrinking only: what eroded leaves its
place to lung, but stays a target (docs/policies.md). Where the mechanistic generator cannot draw the patient, the
tissue stands still and only the target is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.core.chance import Key, Purpose
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView
from twin import DoseGrid, Field, Geometry, PatientTwin, Scan, StructureSet, Volume

_MID_COURSE_DAYS = 21.0


@dataclass(frozen=True, eq=False)
class DayAnatomy:
    """A scan, what is to be treated on it, and where the tissue of day 0 has gone.

    Args:
        scan: the CT of the day.
        structures: its structures, with the carried GTVs.
        geometry: crop of the baseline CT on which the tissue moved, or None where it stands still.
        displacement_mm: (3, z, y, x) along (z, y, x): point of the day + this = its point of day 0.
    """

    scan: Scan
    structures: StructureSet
    geometry: Geometry | None = None
    displacement_mm: np.ndarray | None = None

    @classmethod
    def of(cls, twin: PatientTwin, share: float) -> DayAnatomy:
        """That of a tumour with a share of its volume left."""
        from simulators.treatment.mechanistic import MechanisticTreatment

        request = TreatmentRequest(
            scan=twin.baseline,
            structures=twin.contours,
            dose_since=None,
            eqd2_since=None,
            fractions_since=0,
            elapsed_days=_MID_COURSE_DAYS,
            since_rt_end_days=-_MID_COURSE_DAYS,
            clinical=twin.clinical,
            tumour=TumourView(share * twin.gtv_cm3, twin.gtv_cm3, erosion=0.0),
            key=Key(0, twin.id, Purpose.IMAGE),
        )
        generator = MechanisticTreatment()
        if generator.domain(request) is not None:
            return cls(twin.baseline, shrunk(twin.contours, share))
        (followup,) = generator.generate([request])
        return cls(
            Scan(twin.baseline.name, _MID_COURSE_DAYS, _whole(followup, twin)),
            _carried(followup, twin.contours),
            followup.scan.geometry,
            followup.displacement_mm,
        )

    def follow(self, lps: np.ndarray) -> np.ndarray:
        """Where points of day 0, (..., 3) LPS mm, lie on the day."""
        if self.geometry is None or self.displacement_mm is None:
            return lps
        return Field(self.geometry, self.displacement_mm, "reference").on_day(lps)

    def on_day_0(self, dose: DoseGrid) -> DoseGrid:
        """A dose of the day on the tissue of day 0."""
        from dataclasses import replace

        if self.geometry is None:
            return dose
        volume = dose.volume
        points = volume.geometry.lps(np.moveaxis(np.indices(volume.geometry.shape), 0, -1))
        array = sampled(volume, self.follow(points)).astype(np.float32)
        return replace(dose, volume=Volume(volume.geometry, array, "DOSE", "Gy"))


def _whole(followup: FollowUp, twin: PatientTwin) -> Volume:
    """The follow-up's CT on the whole grid."""
    base = twin.baseline.volume
    array = base.array.copy()
    array[base.geometry.box_of(followup.scan.geometry)] = followup.scan.array
    return Volume(base.geometry, array, base.modality, base.unit)


def _carried(followup: FollowUp, structures: StructureSet) -> StructureSet:
    """The GTVs on the follow-up: each voxel of its mask belongs to the structure that its tissue came from."""
    from scipy.ndimage import map_coordinates

    box = structures.geometry.box_of(followup.gtv.geometry)
    inside = followup.gtv.array.astype(bool)
    spacing = np.reshape(structures.geometry.spacing_mm, (3, 1, 1, 1))
    source = np.indices(inside.shape) + followup.displacement_mm / spacing
    gtvs = structures.role("GTV")
    whose = []
    for structure in gtvs:
        whole = np.zeros(structures.geometry.shape, dtype=np.float32)
        whole[structures.box(structure)] = structure.mask.array > 0
        whose.append(map_coordinates(whole[box], source, order=1, mode="nearest"))
    owner = np.argmax(whose, axis=0)
    for k, structure in enumerate(gtvs):
        mask = np.zeros(structures.geometry.shape, dtype=bool)
        mask[box] = inside & (owner == k)
        if mask.any():
            structures = structures.with_mask(structure.name, "GTV", mask, colour=structure.colour)
    return structures


def shrunk(structures: StructureSet, share: float) -> StructureSet:
    """The structures with GTVs shrunk from their surfaces to a share of their volume, on tissue that stands still."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    for structure in structures.role("GTV"):
        mask = structure.mask.array.astype(bool)
        padded = np.pad(mask, 1)
        depth = distance_transform_edt(padded, structures.geometry.spacing_mm)
        depth += gaussian_filter(padded.astype(np.float64), 2.0)  # parts voxels of one depth
        depth = depth[1:-1, 1:-1, 1:-1]
        kept = mask & (depth >= np.quantile(depth[mask], 1 - share))
        whole = np.zeros(structures.geometry.shape, dtype=bool)
        whole[structures.box(structure)] = kept
        structures = structures.with_mask(structure.name, "GTV", whole, colour=structure.colour)
    return structures


def sampled(volume: Volume, lps: np.ndarray) -> np.ndarray:
    """Values of a volume at LPS positions (..., 3), linearly interpolated."""
    from scipy.ndimage import map_coordinates

    index = np.moveaxis(volume.geometry.index(lps), -1, 0).reshape(3, -1)
    values = map_coordinates(volume.array, index, order=1, mode="nearest", output=np.float64)
    return values.reshape(lps.shape[:-1])
