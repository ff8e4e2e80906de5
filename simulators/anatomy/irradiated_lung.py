"""The lung that one dose distribution injures: where it is, how strongly it reacts, and how it contracts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import grey_dilation, maximum_filter, minimum_filter

from simulators.anatomy.deformation import Flow, scar_velocity_mm
from simulators.anatomy.lung_injury import THRESHOLD_GY, Reaction, ablation, response
from simulators.anatomy.tumour_site import TumourSite, voxels
from twin import Geometry, Volume
from twin.geometry import Box
from twin.structures import bounding_box

_SHARED_MM = 3.0
# HU of what holds air beside lung: darker than fat, or between lung and what is denser than fat.
_AIR_HU, _LUNG_HU, _FAT_ENDS_HU = -200.0, -300.0, -30.0


@dataclass(frozen=True, eq=False)
class IrradiatedLung:
    """What the images after one course share; each part is made when first asked for.

    Args:
        eqd2: EQD2 with alpha/beta 3 Gy, on any grid.
        scan: the CT.
        lungs: (z, y, x) bool on its grid.
        site: the tumour's surroundings.
        share: (z, y, x) share of lung on the site's crop once the tumour is gone.
        flow: how the lung can move.
    """

    eqd2: Volume
    scan: Volume
    lungs: np.ndarray
    site: TumourSite
    share: np.ndarray
    flow: Flow

    @property
    def whole(self) -> Geometry:
        """Grid of the scan."""
        return self.scan.geometry

    @cached_property
    def box(self) -> Box:
        """The site's box on the scan, grown to hold all lung above the injury's threshold."""
        step = voxels(4.0, self.whole.spacing_mm)
        thin = (slice(None, None, step[0]), slice(None, None, step[1]), slice(None, None, step[2]))
        lungs = self.lungs[thin]
        spacing = np.multiply(self.whole.spacing_mm, step)
        coarse = Geometry(lungs.shape, tuple(spacing.tolist()), self.whole.origin_mm, self.whole.direction)
        hot = (self.eqd2.on(coarse) > THRESHOLD_GY) & lungs
        if not hot.any():
            return self.site.box
        grown = []
        for part, k, n, mine in zip(
            bounding_box(hot, (1, 1, 1)), step, self.whole.shape, self.site.box, strict=True
        ):
            grown.append(slice(min(part.start * k, mine.start), max(min(part.stop * k, n), mine.stop)))
        return grown[0], grown[1], grown[2]

    @cached_property
    def lung(self) -> np.ndarray:
        """(z, y, x) float32 share of lung on the box once the tumour is gone."""
        lung = self.lungs[self.box].astype(np.float32)
        lung[within(self.box, self.site.box)] = self.share
        return lung

    @cached_property
    def reaction(self) -> Reaction:
        """How the lung of the box answers."""
        # Lung that shares a voxel with its wall answers too, or a dark line would be left between injury and wall.
        near = grey_dilation(self.lung, [2 * n + 1 for n in voxels(_SHARED_MM, self.whole.spacing_mm)])
        lung = np.where(_holds_air(self.scan.array[self.box]), near, self.lung)
        dose = self.eqd2.on(self.whole.crop(self.box))
        return Reaction(response(dose) * lung, ablation(dose))

    @cached_property
    def scar_velocity_mm(self) -> np.ndarray:
        """(3, z, y, x) float32 flow of lung into scars on the flow's coarse grid, mm per unit of -ln(volume)."""
        dose = self.eqd2.on(self.flow.coarse)
        return scar_velocity_mm(self.flow, response(dose) * (1.0 + ablation(dose)))


def _holds_air(hu: np.ndarray) -> np.ndarray:
    """(z, y, x) bool: which voxels, if they lie at lung's wall, hold some of its air; fat of the same HU does not."""
    plane = (1, 3, 3)
    between = (minimum_filter(hu, plane) < _LUNG_HU) & (maximum_filter(hu, plane) > _FAT_ENDS_HU)
    return (hu < _AIR_HU) | between


def within(outer: Box, inner: Box) -> Box:
    """A box of the scan as seen from a larger one.

    Args:
        outer: of the scan.
        inner: of the scan, inside the outer one.
    """
    a, b, c = (slice(i.start - o.start, i.stop - o.start) for o, i in zip(outer, inner, strict=True))
    return a, b, c
