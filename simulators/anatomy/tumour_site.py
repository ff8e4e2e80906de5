"""The region around a tumour on one scan: what may change there, and what must keep still."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import binary_fill_holes, distance_transform_edt, gaussian_filter, uniform_filter

from twin import Geometry, InputError, Scan, StructureSet
from twin.geometry import Box
from twin.structures import bounding_box

MARGIN_MM = 45.0
_RIM_MM = 5.0
_GAP_MM = 3.0
_AIR_TISSUE_HU = -150.0
_BONE_HU = 180.0


def smoothstep(x):
    """0 below 0, 1 above 1, 3x^2 - 2x^3 between.

    Args:
        x: any shape.
    """
    t = np.clip(x, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def voxels(length_mm: float, spacing_mm) -> tuple[int, int, int]:
    """A length as whole voxels along (z, y, x), rounded up.

    Args:
        length_mm: the length, mm.
        spacing_mm: of the voxels, (z, y, x).
    """
    n = [int(np.ceil(length_mm / s)) for s in spacing_mm]
    return n[0], n[1], n[2]


@dataclass(frozen=True, eq=False)
class TumourSite:
    """One crop around the GTV; arrays are (z, y, x) on it.

    Args:
        box: where the crop lies on the scan.
        geometry: its grid.
        hu: baseline CT, float32.
        gtv: the GTV.
        lung: both lungs without the GTV.
        inner: a smaller box within the crop, all that can be tumour after shrinkage: GTV and its rim.
        distance_mm: float32 signed distance to the GTV's surface, positive inside.
        still_mm: float32 distance to the nearest tissue that keeps still (chest wall, mediastinum, bone).
        gap: voxels between GTV and lung that belong to neither: partial volume and the contour's slack.
        gtv_cm3: volume of the GTV, cm3.
    """

    box: Box
    geometry: Geometry
    hu: np.ndarray
    gtv: np.ndarray
    lung: np.ndarray
    inner: Box
    distance_mm: np.ndarray
    still_mm: np.ndarray
    gap: np.ndarray
    gtv_cm3: float

    @property
    def radius_mm(self) -> float:
        """Radius of the sphere of the GTV's volume, mm."""
        return float((self.gtv_cm3 * 1000.0 * 3.0 / (4.0 * np.pi)) ** (1.0 / 3.0))


def lungs_of(structures: StructureSet) -> np.ndarray:
    """Both lungs on the whole grid, bool.

    Args:
        structures: what is drawn.

    Raises:
        InputError: neither lung is drawn.
    """
    names = [n for n in ("Lung_L", "Lung_R") if n in structures]
    if not names:
        raise InputError("the structures hold no Lung_L or Lung_R; import the scan again to have lungs found")
    return structures.mask(*names)


def tumour_site(scan: Scan, structures: StructureSet, lungs: np.ndarray) -> TumourSite:
    """Cut out and measure the surroundings of the GTV.

    Args:
        scan: the CT.
        structures: with at least one GTV.
        lungs: (z, y, x) bool on the whole grid.

    Raises:
        InputError: no GTV, or structures on another grid than the scan.
    """
    if not structures.geometry.same_grid(scan.volume.geometry):
        raise InputError(f"the structures were not drawn on the scan {scan.name}; contour that scan first")
    whole = structures.gtv()
    spacing = scan.volume.geometry.spacing_mm
    box = bounding_box(whole, voxels(MARGIN_MM, spacing))
    gtv = whole[box]
    lung = lungs[box] & ~gtv
    hu = scan.volume.array[box].astype(np.float32)
    inner = bounding_box(gtv, voxels(_RIM_MM + 1.0, spacing))
    outside = distance_transform_edt(~gtv, sampling=spacing)
    distance = _half_step(outside, spacing) - outside
    inside = distance_transform_edt(_without_holes(gtv[inner]), sampling=spacing)
    distance[inner] = np.where(gtv[inner], inside - _half_step(inside, spacing), distance[inner])
    gap = np.zeros_like(gtv)
    gap[inner] = _gap(hu[inner], gtv[inner], lung[inner], distance[inner], spacing)
    still = ~(lung | gtv | gap)
    # Vessels that a lung mask leaves out are too thin to hold the lung in place.
    still &= uniform_filter(still.astype(np.float32), voxels(9.0, spacing)) > 0.35
    still_mm = distance_transform_edt(~still, sampling=spacing) if still.any() else np.full(gtv.shape, 99.0)
    return TumourSite(
        box=box,
        geometry=scan.volume.geometry.crop(box),
        hu=hu,
        gtv=gtv,
        lung=lung,
        inner=inner,
        distance_mm=distance.astype(np.float32),
        still_mm=still_mm.astype(np.float32),
        gap=gap,
        gtv_cm3=float(gtv.sum()) * scan.volume.geometry.voxel_cm3,
    )


@lru_cache(maxsize=2)
def site_between(scan: Scan, structures: StructureSet) -> TumourSite:
    """`tumour_site` between the lungs that are drawn; made once for all who look at the same scan.

    Args:
        scan, structures: as there.

    Raises:
        InputError: as `tumour_site`, or neither lung is drawn.
    """
    return tumour_site(scan, structures, lungs_of(structures))


def _gap(hu, gtv, lung, distance, spacing) -> np.ndarray:
    """What lies between GTV and lung and belongs to neither: one voxel of anything, and partial volume beyond."""
    to_lung = distance_transform_edt(~lung, sampling=spacing) if lung.any() else np.full(gtv.shape, np.inf)
    near = (distance > -_GAP_MM) & (to_lung < _GAP_MM + min(spacing)) & ~lung & ~gtv
    thin = (hu < _AIR_TISSUE_HU) | (distance > -1.01 * min(spacing))
    return near & thin & (hu < _BONE_HU)


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """The mask with what it encloses in any plane, such as a bronchus: a tumour does not recede from its inside."""
    filled = mask.copy()
    for axis in range(3):
        into, planes = np.moveaxis(filled, axis, 0), np.moveaxis(mask, axis, 0)
        for i in np.flatnonzero(planes.any(axis=(1, 2))):
            into[i] |= binary_fill_holes(planes[i])
    return filled


def _half_step(distance, spacing):
    """Half of the first step of a distance transform, so that the surface lies between voxel centres."""
    return np.minimum(distance, np.mean(spacing[1:])) / 2.0


def rim_weight(site: TumourSite) -> np.ndarray:
    """(z, y, x) float32: 1 in the GTV and close around it, falling to 0 at 5 mm into lung, 0 in all else.

    Args:
        site: the tumour and its surroundings.
    """
    fade = smoothstep((site.distance_mm + _RIM_MM) / (_RIM_MM - 1.5)).astype(np.float32)
    return np.where(site.gtv | site.gap, np.float32(1.0), np.where(site.lung, fade, np.float32(0.0)))


def smooth(values: np.ndarray, sigma_mm: float, spacing_mm) -> np.ndarray:
    """Gaussian smoothing with a width in mm, float32.

    Args:
        values: (z, y, x).
        sigma_mm: SD of the Gaussian, mm.
        spacing_mm: of the voxels, (z, y, x).
    """
    return gaussian_filter(values.astype(np.float32), [sigma_mm / s for s in spacing_mm], mode="nearest")
