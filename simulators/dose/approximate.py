"""Approximate photon dose from a prescription, where no planning system has given one.

Many coplanar 6 MV beams, each shaped to the PTV in its own view, are ray-traced through the CT's density
(docs/model.md, 6): primary attenuation, build-up, inverse square and a Gaussian penumbra; no scatter kernel, no
lateral disequilibrium, no optimisation. Always labelled approximate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from simulators.dose.targets import targets as grow_targets
from twin import DoseGrid, Geometry, InputError, Scan, StructureSet, Volume
from twin.structures import bounding_box

SBRT_GY = 6.0  # from this dose per fraction on, the technique is stereotactic
# HU to electron density relative to water: nominal values of the tissue-equivalent inserts of the phantom that
# clinics calibrate with (CIRS 062: air, lung inhale, lung exhale, adipose, water, muscle, bone 200, 800 and
# 1250 mg/cm3). The last entry extends the bone line to metal.
HU_POINTS = (-1000.0, -794.0, -491.0, -64.0, 0.0, 41.0, 229.0, 816.0, 1250.0, 3000.0)
DENSITY_POINTS = (0.001, 0.190, 0.489, 0.949, 1.0, 1.043, 1.117, 1.456, 1.695, 2.66)
BEAMS = 72  # a full turn; 36 give the same means and faint spokes far from the target
# One Gaussian for the source, the leaves' ends and the electrons' range in tissue and lung [quoted from memory].
PENUMBRA_SIGMA_MM = 5.5
_SEARCH_BEAMS = 24  # enough for the hot spot
_NEAR_MM = 2.0  # grid of the target's surface and of the search for the aperture
_REACH_MM = 16.0  # how far outside the PTV its distance is known


@dataclass(frozen=True)
class Technique:
    """How the beams are shaped.

    Args:
        spacing_mm: voxel of the dose grid, mm.
        margin_mm: the aperture's margin around the PTV across the beam, mm.
        hot_spot: if given, the margin is chosen so that the maximum is this multiple of the prescription.
        along_mm: further margin along the axis of rotation, where no other beam helps the penumbra.
    """

    spacing_mm: float
    margin_mm: float
    hot_spot: float | None
    along_mm: float = 4.0


CONVENTIONAL = Technique(4.0, margin_mm=3.0, hot_spot=None)
# Prescribed to the 74 % isodose, within RTOG 0915's 60 to 90 %: it keeps R50 % lowest for small, uneven targets.
STEREOTACTIC = Technique(3.0, margin_mm=0.0, hot_spot=1.35, along_mm=6.0)


def electron_density(hu: np.ndarray) -> np.ndarray:
    """Electron density relative to water from HU, float32.

    Args:
        hu: any shape.

    Example:
        >>> electron_density(np.array([-1000, 0, 229])).round(3).tolist()
        [0.0010000000474974513, 1.0, 1.1169999837875366]
    """
    return np.interp(hu, HU_POINTS, DENSITY_POINTS).astype(np.float32)


def approximate_dose(
    scan: Scan,
    structures: StructureSet,
    prescription_gy: float,
    fractions: int,
    *,
    targets: StructureSet | None = None,
) -> DoseGrid:
    """A dose distribution for a prescription: 95 % of the PTV receives the prescribed dose or more.

    Args:
        scan: CT in HU.
        structures: on the scan's grid, with a body (role EXTERNAL) and at least one GTV.
        prescription_gy: total dose, Gy.
        fractions: number of fractions; 6 Gy a fraction or more takes the stereotactic technique.
        targets: a set with the PTV (role PTV); grown from the GTVs where None.

    Returns:
        Dose of the whole course, Gy, on a grid of 4 mm (stereotactic 3 mm) that covers the body.

    Raises:
        InputError: a prescription that is not positive, or no body or target.
    """
    if not (np.isfinite(prescription_gy) and prescription_gy > 0 and fractions >= 1):
        raise InputError(f"a prescription needs a positive dose and number of fractions, not "
                         f"{prescription_gy:g}/{fractions}")  # fmt: skip
    sbrt = prescription_gy / fractions >= SBRT_GY
    if targets is None:
        targets = grow_targets(scan, structures, sbrt=sbrt)
    technique = STEREOTACTIC if sbrt else CONVENTIONAL
    patient = _Patient.of(scan, structures, targets, technique.spacing_mm)
    if technique.hot_spot is not None:
        technique = replace(technique, margin_mm=_margin_for(patient, technique))
    dose = patient.dose(technique, patient.grid, BEAMS)
    volume = Volume(patient.grid, dose, "DOSE", "Gy")
    dose *= prescription_gy / np.percentile(patient.in_ptv(volume), 5.0)
    return DoseGrid(f"{prescription_gy:g}/{fractions}", volume, prescription_gy, approximate=True)


def _margin_for(patient: _Patient, technique: Technique) -> float:
    """The aperture margin, mm, that brings the maximum to the technique's hot spot, to 0.1 mm or 1 %."""
    low, high = -8.0, 8.0  # the hot spot falls as the aperture opens
    while high - low > 0.1:
        middle = (low + high) / 2
        dose = patient.dose(replace(technique, margin_mm=middle), patient.near, _SEARCH_BEAMS)
        covered = np.percentile(patient.in_ptv(Volume(patient.near, dose, "DOSE", "Gy")), 5.0)
        hot = dose.max() / max(covered, 1e-6)
        if abs(hot - technique.hot_spot) < 0.01:
            return middle
        low, high = (middle, high) if hot > technique.hot_spot else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True, eq=False)
class _Patient:
    """What the beams see, on grids aligned with the patient's axes.

    Args:
        grid: the dose grid.
        density: relative electron density on it, 0 outside the body.
        near: a finer grid around the PTV.
        distance_mm: signed distance to the PTV's surface on it, negative inside.
        ptv: the PTV's mask.
        isocentre: LPS (x, y, z), mm.
    """

    grid: Geometry
    density: np.ndarray
    near: Geometry
    distance_mm: np.ndarray
    ptv: Volume
    isocentre: np.ndarray

    @classmethod
    def of(cls, scan: Scan, structures: StructureSet, targets: StructureSet, spacing_mm: float) -> _Patient:
        """Prepare a patient for beams.

        Raises:
            InputError: no body or no PTV.
        """
        from scipy.ndimage import distance_transform_edt

        body, ptv = _union(structures, "EXTERNAL"), _union(targets, "PTV")
        grid = _aligned(body.geometry, spacing_mm, 0.0)
        inside = body.on(grid) > 0.5
        around = scan.volume.crop(structures.geometry.box_of(body.geometry))
        density = electron_density(around.on(grid, fill=-1000.0)) * inside
        near = _aligned(ptv.geometry, _NEAR_MM, _REACH_MM)
        filled = ptv.on(near) >= 0.5
        half = _NEAR_MM / 2
        distance = np.where(
            filled,
            half - distance_transform_edt(filled, sampling=_NEAR_MM),
            distance_transform_edt(~filled, sampling=_NEAR_MM) - half,
        )
        centre = ptv.geometry.lps(np.argwhere(ptv.array).mean(axis=0))
        return cls(grid, density, near, distance.astype(np.float32), ptv, centre)

    def in_ptv(self, dose: Volume) -> np.ndarray:
        """Dose at the PTV's voxels, (n,)."""
        return dose.on(self.ptv.geometry)[self.ptv.array > 0]

    def dose(self, technique: Technique, grid: Geometry, beams: int) -> np.ndarray:
        """Relative dose of evenly spread beams on `grid` inside the body, or on `near` inside the PTV."""
        from scipy.ndimage import gaussian_filter, minimum_filter1d

        from simulators.dose import ray_kernels as ray

        distance = minimum_filter1d(self.distance_mm, 2 * round(technique.along_mm / _NEAR_MM) + 1, axis=0)
        half_v, *across = np.asarray(self.near.extent_mm) / 2
        half_u = float(np.hypot(*across))
        step = technique.spacing_mm / 1.6
        v_mm, u_mm = _centred(half_v + _REACH_MM, step), _centred(half_u + _REACH_MM, step)
        angles = np.arange(beams) * (2 * np.pi / beams)
        nearest = ray.nearest_distance(
            distance, *self._place(self.near), angles, v_mm, u_mm, _centred(half_u, _NEAR_MM)
        )
        aperture = np.clip(0.5 + (technique.margin_mm - nearest) / step, 0.0, 1.0)
        blur = PENUMBRA_SIGMA_MM / step
        fluence = gaussian_filter(aperture, (0.0, blur, blur)).astype(np.float32)
        corners = np.abs(self.grid.lps(_corners(self.grid.shape)) - self.isocentre)[:, :2]
        t_mm = _centred(float(np.linalg.norm(corners, axis=1).max()) + 2 * step, self.grid.spacing_mm[0])
        inside = self.density > 0 if grid is self.grid else self.distance_mm <= _NEAR_MM
        return ray.beams_dose(
            self.density, *self._place(self.grid), angles, np.full(beams, 1.0 / beams), fluence,
            v_mm, u_mm, t_mm, inside, *self._place(grid),
        )  # fmt: skip

    def _place(self, grid: Geometry) -> tuple[np.ndarray, np.ndarray]:
        """First voxel from the isocentre and spacing of a grid, (z, y, x) mm."""
        first = (np.asarray(grid.origin_mm) - self.isocentre)[::-1]
        return np.ascontiguousarray(first), np.asarray(grid.spacing_mm)


def _union(structures: StructureSet, role) -> Volume:
    """The mask of all structures of a role, cropped to them."""
    found = structures.role(role)
    if not found:
        raise InputError(f"the dose needs a structure of role {role}; there is none among: "
                         f"{', '.join(structures.names) or 'no structures'}")  # fmt: skip
    if len(found) == 1:
        return found[0].mask
    whole = structures.mask(*(s.name for s in found))
    box = bounding_box(whole)
    return Volume(structures.geometry.crop(box), whole[box].astype(np.uint8), "MASK", "1")


def _corners(shape) -> np.ndarray:
    """(8, 3) fractional indices of a grid's outer corners."""
    return np.array(list(product(*((-0.5, n - 0.5) for n in shape))))


def _aligned(geometry: Geometry, spacing_mm: float, margin_mm: float) -> Geometry:
    """A cubic grid along the patient's axes that covers another grid and a margin."""
    corners = geometry.lps(_corners(geometry.shape))
    low, high = corners.min(axis=0) - margin_mm, corners.max(axis=0) + margin_mm
    count = np.maximum(1, np.ceil((high - low) / spacing_mm - 1e-6)).astype(int)
    x0, y0, z0 = (float(v) for v in (low + high) / 2 - (count - 1) / 2 * spacing_mm)
    nx, ny, nz = (int(n) for n in count)
    return Geometry((nz, ny, nx), (spacing_mm, spacing_mm, spacing_mm), (x0, y0, z0))


def _centred(half_mm: float, step_mm: float) -> np.ndarray:
    """Evenly spaced positions from -half to +half or a little beyond, symmetric about 0."""
    n = int(np.ceil(half_mm / step_mm))
    return np.arange(-n, n + 1) * step_mm
