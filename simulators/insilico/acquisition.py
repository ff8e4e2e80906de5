"""How a clinic would have seen the truth: breathing, set-up after registration, a scanner's noise, a drawn contour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from simulators.anatomy.lung_injury import smooth_noise
from simulators.anatomy.tumour_mask import level
from simulators.anatomy.tumour_site import smooth, smoothstep, voxels
from simulators.anatomy.warp_kernels import warp_cubic
from simulators.core.chance import Key
from simulators.core.threads import in_threads
from simulators.insilico.thorax.texture import ct_noise
from twin import Geometry
from twin.structures import bounding_box

SETUP_MM = 1.0  # SD an axis, what rigid registration on the CT leaves [assumed]
TURN_DEG = 0.5  # SD an axis [assumed]
# Cranio-caudal displacement of the lower lung between two scans, SD: breathing phase and baseline shift; half of it at
# the carina, a third of it from front to back. Baseline shifts have an SD near 2 mm (Sonke 2008 [quoted from memory]).
BREATH_MM = 2.5
TUMOUR_SHIFT_MM = 1.0  # SD an axis, the tumour's own baseline shift [assumed]
NOISE_SPREAD_LN = 0.15  # between scans of one patient: dose and reconstruction differ [assumed]
ROUGH_MM = (0.8, 9.0)  # a drawn contour's deviation, SD, and how far apart its bumps are [assumed]
# A drawn volume's error is half the observer's, the same on each date, and half the day's [assumed].
OBSERVER_SHARE = 0.5
_SHIFT, _NOISE, _CONTOUR = 0, 1, 2  # added to a date's ordinal
_CONTOUR_STREAM = 100  # and to the stream of its contour
_NEAR_MM = 8.0
_TUMOUR_REACH_MM = 25.0


@dataclass(frozen=True, eq=False)
class Anatomy:
    """What of the baseline rules how its images move and look.

    Args:
        geometry: the grid.
        lung: (z, y, x) bool, both lungs.
        gtv: (z, y, x) bool.
        body: (z, y, x) bool.
        noise_hu: SD of the noise in the middle of the body at this grid's spacing.
        contour_error: relative SD of a drawn volume.
    """

    geometry: Geometry
    lung: np.ndarray
    gtv: np.ndarray
    body: np.ndarray
    noise_hu: float
    contour_error: float

    @cached_property
    def _moves(self) -> np.ndarray:
        """(z, y, x) float32, how far a place goes along with the diaphragm: 1 in the lower lung, 0 in walls."""
        free = smooth(self.lung | self.gtv, 6.0, self.geometry.spacing_mm)
        height = self.geometry.lps([(k, 0, 0) for k in range(self.geometry.shape[0])])[:, 2]
        planes = np.flatnonzero(self.lung.any(axis=(1, 2)))
        low, high = (height[planes[0]], height[planes[-1]]) if planes.size else (height[0], height[-1])
        up = np.clip((height - min(low, high)) / 220.0, 0.0, 1.0)
        return (free * (1.0 - 0.7 * up)[:, None, None]).astype(np.float32)

    @cached_property
    def _bump(self) -> np.ndarray:
        """(z, y, x) float32, 1 in the tumour, falling to 0 away from it and in walls."""
        step = voxels(_TUMOUR_REACH_MM + 4.0, self.geometry.spacing_mm)
        box = bounding_box(self.gtv, step)
        away = distance_transform_edt(~self.gtv[box], sampling=self.geometry.spacing_mm)
        out = np.zeros(self.geometry.shape, np.float32)
        out[box] = smoothstep(1.0 - away / _TUMOUR_REACH_MM)
        return out * smooth(self.lung | self.gtv, 4.0, self.geometry.spacing_mm)

    @cached_property
    def _noise_level(self) -> np.ndarray:
        """(z, y, x) float32: noise grows with the depth in the body, as in the in-silico thorax."""
        thin = (slice(None), slice(None, None, 4), slice(None, None, 4))
        spacing = np.multiply(self.geometry.spacing_mm, (1, 4, 4))
        body = np.pad(self.body[thin], ((0, 0), (1, 1), (1, 1)), constant_values=True)
        depth = (
            distance_transform_edt(body, sampling=spacing) if not body.all() else np.full(body.shape, 99.0)
        )
        depth = np.repeat(np.repeat(depth[:, 1:-1, 1:-1], 4, axis=1), 4, axis=2)
        z, y, x = self.geometry.shape
        level_of = 0.5 + 0.5 * np.clip(depth[:z, :y, :x] / 70.0, 0.0, 1.0)
        return smooth(level_of, 6.0, self.geometry.spacing_mm)

    def shift_mm(self, key: Key) -> np.ndarray:
        """(3, z, y, x) float32 (z, y, x) mm: a point of the acquired image + this = the point of the truth there.

        Args:
            key: of the date.
        """
        rng = key.at(ordinal=key.ordinal + _SHIFT).generator()
        setup, turn = rng.normal(0.0, SETUP_MM, 3), np.radians(rng.normal(0.0, TURN_DEG, 3))
        breath, own = rng.normal(0.0, BREATH_MM), rng.normal(0.0, TUMOUR_SHIFT_MM, 3)
        spacing = self.geometry.spacing_mm
        at = [
            ((np.arange(n) - (n - 1) / 2) * s).astype(np.float32)
            for n, s in zip(self.geometry.shape, spacing, strict=True)
        ]
        z, y, x = at[0][:, None, None], at[1][None, :, None], at[2][None, None, :]
        tz, ty, tx = turn
        rigid = (setup[0] + tx * y - ty * x, setup[1] - tx * z + tz * x, setup[2] + ty * z - tz * y)
        out = np.empty((3, *self.geometry.shape), np.float32)
        for k, (motion, share) in enumerate(zip(rigid, (1.0, 1.0 / 3.0, 0.0), strict=True)):
            out[k] = motion + (breath * share) * self._moves + own[k] * self._bump
        return out

    def noise(self, key: Key) -> np.ndarray:
        """(z, y, x) float32 HU, of one date.

        Args:
            key: of the date.
        """
        rng = key.at(ordinal=key.ordinal + _NOISE).generator()
        scale = np.float32(self.noise_hu * np.exp(NOISE_SPREAD_LN * rng.standard_normal()))
        return scale * self._noise_level * ct_noise(self.geometry.shape, self.geometry.spacing_mm[1], rng)

    def drawn(self, distance: np.ndarray, key: Key) -> np.ndarray:
        """(z, y, x) bool: the tumour as somebody would contour it on one date.

        Args:
            distance: (z, y, x) float32 signed distance to the true tumour's surface, mm, positive inside.
            key: of the date; the observer's is that of event 0.
        """
        observer = key.at(ordinal=0).generator().standard_normal()
        day = key.at(ordinal=key.ordinal + _CONTOUR).generator().standard_normal()
        error = np.sqrt(OBSERVER_SHARE) * observer + np.sqrt(1.0 - OBSERVER_SHARE) * day
        inside = distance > 0.0
        out = np.zeros(distance.shape, bool)
        if not inside.any():
            return out
        wanted = float(inside.sum()) * self.geometry.voxel_cm3 * np.exp(self.contour_error * error)
        box = bounding_box(inside, voxels(_NEAR_MM, self.geometry.spacing_mm))
        rough = smooth_noise(
            key, _CONTOUR_STREAM + key.ordinal, ROUGH_MM[1], self.geometry.crop(box), self.geometry
        )
        radius = (3.0 * wanted * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
        score = distance[box] + np.float32(min(ROUGH_MM[0], 0.12 * radius)) * rough
        wanted = max(wanted, self.geometry.voxel_cm3)  # whoever looks for a tumour finds a voxel of it
        out[box] = score > min(level(score, wanted, self.geometry.voxel_cm3), float(score.max()) - 1e-6)
        return out


def signed_distance_mm(mask: np.ndarray, spacing_mm) -> np.ndarray:
    """(z, y, x) float32 distance to a mask's surface, positive inside, cut at 8 mm outside.

    Args:
        mask: (z, y, x) bool.
        spacing_mm: (z, y, x).
    """
    out = np.full(mask.shape, -_NEAR_MM, np.float32)
    if mask.any():
        box = bounding_box(mask, voxels(_NEAR_MM + 4.0, spacing_mm))
        half = 0.5 * float(np.mean(spacing_mm))
        inner = distance_transform_edt(mask[box], sampling=spacing_mm)
        outer = distance_transform_edt(~mask[box], sampling=spacing_mm)
        out[box] = np.clip(np.where(mask[box], inner - half, half - outer), -_NEAR_MM, None)
    return out


def carried(values: np.ndarray, shift_mm: np.ndarray, spacing_mm, *, order: int = 3) -> np.ndarray:
    """(z, y, x) values where the shift takes them from: cubic (3), linear (1) or nearest (0).

    Args:
        values: (z, y, x).
        shift_mm: (3, z, y, x) float32 mm.
        spacing_mm: (z, y, x).
        order: of the interpolation.
    """
    shift = shift_mm / np.asarray(spacing_mm, dtype=np.float32)[:, None, None, None]
    if order == 3:
        out = np.array(values, dtype=np.float32)
        image = np.ascontiguousarray(values, dtype=np.float32)
        in_threads(warp_cubic, len(out), image, np.ascontiguousarray(shift), out)
        return out
    grid = np.indices(values.shape, dtype=np.float32) + shift
    if order == 0:
        z, y, x = (
            np.clip(np.rint(g), 0, n - 1).astype(np.intp) for g, n in zip(grid, values.shape, strict=True)
        )
        return values[z, y, x]
    return map_coordinates(values, grid, order=order, mode="nearest", output=np.float32)
