"""The CTs from which follow-up images of a patient may start: the baseline, and later ones that lie on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from twin import Geometry, PatientTwin, Scan, StructureSet, Volume
from twin.structures import bounding_box

_ORGANS = ("Body", "Lung_L", "Lung_R")
_AIR_HU = -300


@dataclass(frozen=True, eq=False)
class Start:
    """A CT of the patient and what is drawn on it, both on the baseline's grid once they are asked for.

    Args:
        acquired: the CT as it was acquired.
        drawn: what is drawn on it, a tumour among it.
        baseline: of the patient.
    """

    acquired: Scan
    drawn: StructureSet
    baseline: Scan

    @property
    def day(self) -> float:
        """When it was acquired, days from day 0."""
        return self.acquired.time_days

    @property
    def first(self) -> bool:
        """Whether it is the baseline itself."""
        return self.acquired is self.baseline

    @cached_property
    def scan(self) -> Scan:
        """The CT; where it shows less than the baseline does, the baseline's voxels stand in."""
        here = self.baseline.volume
        if self.acquired.volume.geometry.same_grid(here.geometry):
            return self.acquired
        hu = self.acquired.volume.on(here.geometry, fill=np.nan)
        hu = np.where(np.isnan(hu), here.array, np.rint(hu)).astype(np.int16)
        return replace(self.acquired, volume=Volume(here.geometry, hu, "CT", "HU"))

    @cached_property
    def structures(self) -> StructureSet:
        """What is drawn on it, with the organs that it shows and nobody drew."""
        if self.first:
            return self.drawn
        found = on_grid(self.drawn, self.baseline.volume.geometry)
        if all(name in found for name in _ORGANS):
            return found
        from twin.anatomy.organs import complete  # loads scipy

        return complete(self.scan, found)

    @cached_property
    def gtv_cm3(self) -> float:
        """Volume of the tumour that is drawn on it, on the baseline's voxels, cm3."""
        return float(np.count_nonzero(self.structures.gtv())) * self.structures.geometry.voxel_cm3

    def whole(self, image: Volume) -> Volume:
        """A follow-up of this CT as all that differs from the baseline: itself, or the whole body.

        Args:
            image: the part of this CT that changed, HU.
        """
        if self.first:
            return image
        whole = self.scan.volume
        shown = (whole.array > _AIR_HU) | (self.baseline.volume.array > _AIR_HU)
        hu = whole.array.copy()
        hu[whole.geometry.box_of(image.geometry)] = image.array
        return Volume(whole.geometry, hu, "CT", "HU").crop(bounding_box(shown))


def starts(twin: PatientTwin) -> list[Start]:
    """The CTs from which images may start, by time, the baseline first.

    A later CT is one where it was acquired in the baseline's frame or registered with it well enough, and the tumour is
    drawn on it or was carried to it.

    Args:
        twin: the patient.
    """
    baseline = twin.baseline
    found = [Start(baseline, twin.contours, baseline)]
    for scan in twin.acquired:
        poor = scan.registration is not None and scan.registration.poor
        if scan.volume.modality != "CT" or scan.time_days <= baseline.time_days or poor:
            continue
        drawn = twin.drawn_on(scan)
        if drawn is not None and drawn.role("GTV"):
            found.append(Start(scan, drawn, baseline))
    return found


def until(found: Sequence[Start], day: float) -> list[Start]:
    """The CTs from which the image of a day may start, the latest first.

    Args:
        found: of `starts`.
        day: of the image, days from day 0.
    """
    return [start for start in reversed(found) if start.day <= day] or list(found[:1])


def on_grid(drawn: StructureSet, grid: Geometry) -> StructureSet:
    """Structures on another grid; what is too small for its voxels is gone.

    Args:
        drawn: on any grid of the frame.
        grid: the other one.
    """
    if drawn.geometry.same_grid(grid):
        return drawn
    found = StructureSet(grid, (), drawn.time_days)
    for one in drawn:
        edged = _edged(one.mask)
        box = grid.covering(edged.geometry)
        whole = np.zeros(grid.shape, bool)
        if box is not None:
            whole[box] = edged.on(grid.crop(box)) > 0.5
        if whole.any():
            found = found.with_mask(
                one.name, one.role, whole, estimated=one.estimated, carried_from=one.carried_from
            )
    return found


def _edged(mask: Volume) -> Volume:
    """A mask with a voxel of nothing around it, so that its outermost voxels end half a voxel beyond their centres."""
    grid, (z, y, x) = mask.geometry, mask.geometry.shape
    wider = replace(grid, shape=(z + 2, y + 2, x + 2), origin_mm=tuple(grid.lps((-1, -1, -1)).tolist()))
    return Volume(wider, np.pad(mask.array, 1), "MASK", "1")
