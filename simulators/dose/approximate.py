"""Approximate photon dose from a prescription, where no planning system has given one.

Many coplanar 6 MV beams, each shaped to the PTV in its own view, are ray-traced through the CT's density
(docs/model.md, 6): primary attenuation, build-up, inverse square and a Gaussian penumbra; no scatter kernel, no
lateral disequilibrium, no optimisation. Always labelled approximate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulators.dose.medium import Medium, aligned, centred, place, union
from simulators.dose.targets import targets as grow_targets
from twin import DoseGrid, Geometry, InputError, Scan, StructureSet, Volume

SBRT_GY = 6.0  # from this dose per fraction on, the technique is stereotactic
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
        InputError: a prescription that is not positive, no body or target, or a CT that ends at the target.
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
    dose = patient.dose(technique, patient.medium.grid, BEAMS)
    volume = Volume(patient.medium.grid, dose, "DOSE", "Gy")
    reached = patient.in_ptv(volume)
    covered = np.percentile(reached, 5.0)
    if covered <= 0:
        raise InputError(
            f"the CT ends too near the tumour: no beam reaches {(reached <= 0).mean():.0%} of the target with its "
            f"margins; take a CT that holds more of the body, or import a planned dose"
        )
    dose *= prescription_gy / covered
    return DoseGrid(f"{prescription_gy:g}/{fractions}", volume, prescription_gy, "approximate", fractions)


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
        medium: the body on the dose grid.
        near: a finer grid around the PTV.
        distance_mm: signed distance to the PTV's surface on it, negative inside.
        ptv: the PTV's mask.
        isocentre: LPS (x, y, z), mm.
    """

    medium: Medium
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

        medium, ptv = Medium.of(scan, structures, spacing_mm), union(targets, "PTV")
        near = aligned(ptv.geometry, _NEAR_MM, _REACH_MM)
        filled = ptv.on(near) >= 0.5
        half = _NEAR_MM / 2
        distance = np.where(
            filled,
            half - distance_transform_edt(filled, sampling=_NEAR_MM),
            distance_transform_edt(~filled, sampling=_NEAR_MM) - half,
        )
        centre = ptv.geometry.lps(np.argwhere(ptv.array).mean(axis=0))
        return cls(medium, near, distance.astype(np.float32), ptv, centre)

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
        v_mm, u_mm = centred(half_v + _REACH_MM, step), centred(half_u + _REACH_MM, step)
        angles = np.arange(beams) * (2 * np.pi / beams)
        nearest = ray.nearest_distance(
            distance, *place(self.near, self.isocentre), angles, v_mm, u_mm, centred(half_u, _NEAR_MM)
        )
        aperture = np.clip(0.5 + (technique.margin_mm - nearest) / step, 0.0, 1.0)
        blur = PENUMBRA_SIGMA_MM / step
        fluence = gaussian_filter(aperture, (0.0, blur, blur)).astype(np.float32)
        t_mm = self.medium.along_mm(self.isocentre, 2 * step)
        inside = self.medium.density > 0 if grid is self.medium.grid else self.distance_mm <= _NEAR_MM
        return ray.beams_dose(
            self.medium.density, *self.medium.place(self.isocentre), angles, np.full(beams, 1.0 / beams), fluence,
            v_mm, u_mm, t_mm, inside, *place(grid, self.isocentre),
        )  # fmt: skip
