"""Where a thorax takes up FDG, from its CT and structures."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from twin import Geometry, StructureSet, Volume
from twin.anatomy.coarse import Coarse
from twin.geometry import Box

# SUV by HU outside named compartments: air, lung, fat, muscle, marrow, cortical bone. Typical means of
# fasting patients (Wang Y et al., J Nucl Med 48:1253, 2007; Zincirkeser et al., J Int Med Res 35:231, 2007).
_HU = (-1000.0, -900.0, -750.0, -500.0, -130.0, -60.0, 20.0, 90.0, 180.0, 350.0, 900.0)
_SUV = (0.02, 0.25, 0.45, 0.60, 0.25, 0.30, 0.60, 0.70, 1.00, 1.00, 0.40)
BLOOD_POOL_SUV = 1.7
LIVER_SUV = 2.2
STOMACH_SUV = 1.6
SOFT_HU = (-20.0, 200.0)  # what may be blood pool, liver or heart: not fat, air or bone
_BRAIN_HU, _BRAIN_SUV = (
    (10.0, 28.0, 38.0),
    (0.3, 3.5, 9.0),
)  # fluid, white and grey matter [quoted from memory]
_AERATED_HU = -250.0
_BONE_HU, _RING_MM = 300.0, 2.0
_RING_SHARE = 0.6  # of what lies around the brain that is bone
_BRAIN_CM2 = 15.0  # spaces within bone that are smaller are canals and sinuses
_VENTRICLE_MM = (20.0, 31.0)  # inner and outer radius of the left ventricle's wall, blurred by its beat


class Compartment(IntEnum):
    """Regions whose uptake HU alone does not tell."""

    OUTSIDE = 0
    BODY = 1
    MEDIASTINUM = 2
    LIVER = 3
    STOMACH = 4
    MYOCARDIUM = 5
    LUNG = 6
    BRAIN = 7


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A patient's compartments and CT on the scanner's grid.

    Args:
        grid: the scanner's grid.
        hu: (z, y, x) float32 mean HU of each voxel.
        compartment: (z, y, x) uint8 of `Compartment`.
    """

    grid: Geometry
    hu: np.ndarray
    compartment: np.ndarray

    @classmethod
    def of(cls, ct: Volume, structures: StructureSet | None, grid: Geometry) -> Anatomy:
        """The compartments of a patient: the mediastinum lies between the lungs, the liver below the right one.

        Lungs and brain that nobody drew are found; a heart that is missing leaves its compartment out.

        Args:
            ct: the CT, HU.
            structures: what is drawn on it, or None.
            grid: the scanner's.
        """

        def mask(name: str) -> np.ndarray:
            if structures is None or name not in structures:
                return np.zeros(grid.shape, dtype=bool)
            return structures[name].mask.on(grid) > 0.5

        hu = block_mean(ct.on(grid.resampled(grid.spacing_mm[0] / 2), fill=-1000.0))
        left, right, heart = mask("Lung_L"), mask("Lung_R"), mask("Heart")
        drawn = bool((left | right).any())
        if not drawn:  # vessels within them and what was closed over are no lung
            left, right = (lung & (hu < _AERATED_HU) for lung in _lungs(ct, grid))
        lungs = left | right
        body = () if structures is None else structures.role("EXTERNAL")
        # Drawn lungs hold the body's air; without them it has to be found.
        found = hu > -400 if drawn else _body(ct, grid)
        inside = np.logical_or.reduce([mask(s.name) for s in body]) if body else found
        out = np.where(inside, Compartment.BODY, Compartment.OUTSIDE).astype(np.uint8)
        up, leftward = _facing(grid)
        out[_beyond(lungs, 2, 1) & _beyond(lungs, 2, -1) & inside] = Compartment.MEDIASTINUM
        if not drawn:
            out[_between(left, right) & inside] = Compartment.MEDIASTINUM
        under_left, under_right = (_beyond(m, 0, up) & ~_beyond(m, 0, -up) & inside for m in (left, right))
        out[under_left] = Compartment.STOMACH
        out[under_right] = Compartment.LIVER
        if heart.any():
            out[heart] = Compartment.MEDIASTINUM
            out[_ventricle_wall(heart, grid, up, leftward)] = Compartment.MYOCARDIUM
        out[lungs] = Compartment.LUNG
        brain = mask("Brain")
        if not brain.any():
            brain = skull_space(Volume(grid, hu, "CT", "HU"))
        out[brain & inside] = Compartment.BRAIN
        return cls(grid, hu, out)


def _body(ct: Volume, grid: Geometry) -> np.ndarray:
    """(z, y, x) bool: the patient in a CT on which nothing is drawn, with all air inside."""
    from twin.anatomy.lungs import find_body  # loads scipy

    coarse = Coarse.of(ct, grid.spacing_mm[0])
    return Volume(coarse.geometry, find_body(coarse).astype(np.uint8), "MASK", "1").on(grid) > 0.5


def _between(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(z, y, x) bool between the middles of both lungs, as far forwards and backwards as they reach: the heart
    lies there."""
    out = np.zeros(left.shape, bool)
    for k in np.flatnonzero(left.any(axis=(1, 2)) & right.any(axis=(1, 2))):
        rows = np.flatnonzero((left[k] | right[k]).any(axis=1))
        one, two = sorted(float(np.nonzero(lung[k])[1].mean()) for lung in (left, right))
        out[k, rows[0] : rows[-1] + 1, int(one) : int(two) + 1] = True
    return out


def _lungs(ct: Volume, grid: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """(z, y, x) bool: the left and the right lung of a CT on which none is drawn; empty where it shows none."""
    from twin.anatomy.lungs import find_body, find_lungs  # loads scipy

    coarse = Coarse.of(ct, grid.spacing_mm[0])
    body = find_body(coarse)
    if not body.any():
        return np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    middle = float(np.nonzero(body.any(axis=(0, 1)))[0].mean())
    found = find_lungs(coarse, body, np.zeros_like(body), middle)
    left, right = (Volume(coarse.geometry, m.astype(np.uint8), "MASK", "1").on(grid) > 0.5 for m in found)
    return left, right


def background_suv(hu: np.ndarray, compartment: np.ndarray, myocardium_suv: float) -> np.ndarray:
    """Uptake of normal tissue, SUV.

    Args:
        hu: HU.
        compartment: of `Compartment`, broadcast against hu.
        myocardium_suv: uptake of the left ventricle's wall, which depends on fasting.
    """
    suv = np.interp(hu, _HU, _SUV).astype(np.float32)
    soft = (hu > SOFT_HU[0]) & (hu < SOFT_HU[1])
    for where, value in (
        (Compartment.MEDIASTINUM, BLOOD_POOL_SUV),
        (Compartment.LIVER, LIVER_SUV),
        (Compartment.STOMACH, STOMACH_SUV),
        (Compartment.MYOCARDIUM, myocardium_suv),
    ):
        suv[soft & (compartment == where)] = value
    brain = np.broadcast_to(soft & (compartment == Compartment.BRAIN), suv.shape)
    suv[brain] = np.interp(np.broadcast_to(hu, suv.shape)[brain], _BRAIN_HU, _BRAIN_SUV)
    suv[np.broadcast_to(compartment == Compartment.OUTSIDE, suv.shape)] = 0.0
    return suv


def block_mean(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 x 2 blocks; an odd last voxel along an axis counts alone.

    Args:
        values: (z, y, x).
    """
    for axis in range(3):
        if values.shape[axis] % 2:
            values = np.concatenate([values, np.take(values, [-1], axis=axis)], axis=axis)
    z, y, x = values.shape
    return values.reshape(z // 2, 2, y // 2, 2, x // 2, 2).mean(axis=(1, 3, 5))


def _facing(grid: Geometry) -> tuple[int, int]:
    """Whether the z index grows upwards and the x index to the patient's left: +1 or -1 each."""
    return (1 if grid.rotation[2, 2] >= 0 else -1), (1 if grid.rotation[0, 0] >= 0 else -1)


def _ventricle_wall(heart: np.ndarray, grid: Geometry, up: int, leftward: int) -> np.ndarray:
    """A shell in the left lower half of the heart, open at its base, where the valves are."""
    spread = [float(np.std(c)) for c in np.nonzero(heart)]
    middle = [float(np.mean(c)) for c in np.nonzero(heart)]
    centre = (middle[0] - 0.8 * up * spread[0], middle[1], middle[2] + 0.8 * leftward * spread[2])
    z, y, x = np.ix_(
        *((np.arange(n) - c) * s for n, c, s in zip(heart.shape, centre, grid.spacing_mm, strict=True))
    )
    radius = np.sqrt(z**2 + y**2 + x**2)
    inner, outer = _VENTRICLE_MM
    base = (leftward * x - up * z) < -0.6 * outer
    return heart & (radius >= inner) & (radius <= outer) & ~base


def _beyond(mask: np.ndarray, axis: int, step: int) -> np.ndarray:
    """Where the mask lies at a greater (step 1) or smaller (step -1) index along an axis."""
    order = [slice(None)] * 3
    order[axis] = slice(None, None, -step)
    return np.logical_or.accumulate(mask[tuple(order)], axis=axis)[tuple(order)] & ~mask


def box_on(grid: Geometry, part: Geometry) -> Box:
    """The voxels of a grid that a crop on a finer grid of the same axes touches.

    Args:
        grid: the grid.
        part: the crop.
    """
    edges = grid.index(part.lps([(-0.5, -0.5, -0.5), np.subtract(part.shape, 0.5)]))
    low, high = np.floor(edges.min(axis=0) + 0.5 + 1e-6), np.ceil(edges.max(axis=0) + 0.5 - 1e-6)
    low = np.clip(low, 0, np.subtract(grid.shape, 1)).astype(int)
    high = np.clip(high, low + 1, grid.shape).astype(int)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def skull_space(hu: Volume) -> np.ndarray:
    """(z, y, x) bool within a ring of bone that is as large as a skull, slice by slice; not within ribs, which
    have gaps.

    Args:
        hu: a CT, axes upright.
    """
    from scipy.ndimage import binary_closing, binary_dilation, label

    step = max(1, round(_RING_MM / hu.geometry.spacing_mm[1]))
    bone = hu.array[:, ::step, ::step] > _BONE_HU
    out = np.zeros(bone.shape, bool)
    pixel_cm2 = hu.geometry.spacing_mm[1] * hu.geometry.spacing_mm[2] * step**2 / 100
    for k, plane in enumerate(bone):
        if np.count_nonzero(plane) * pixel_cm2 < 2:
            continue
        spaces, count = label(~binary_closing(plane, iterations=2))
        sizes = np.bincount(spaces.ravel(), minlength=count + 1) * pixel_cm2
        sizes[np.concatenate([spaces[[0, -1]].ravel(), spaces[:, [0, -1]].ravel()])] = 0.0  # these are open
        for hole in (spaces == n for n in range(1, count + 1) if sizes[n] > _BRAIN_CM2):
            rim = binary_dilation(hole, iterations=2) & ~hole
            out[k] |= hole & (plane[rim].mean() > _RING_SHARE)
    return out.repeat(step, 1).repeat(step, 2)[:, : hu.array.shape[1], : hu.array.shape[2]]
