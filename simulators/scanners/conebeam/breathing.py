"""Breathing: where the lungs and what lies below them stand in each view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin import Geometry

LEVELS = 6  # of displacement: views of one level see one image
_LUNG_HU = (-950.0, -350.0)
_FADE_MM = 12.0  # from what moves to what stands still
_BELOW_MM = 60.0  # the liver and what else the diaphragm carries
_APEX_SHARE = 0.3  # of the motion at the diaphragm
_PERIOD_SPREAD = 0.1


@dataclass(frozen=True, eq=False)
class Breathing:
    """How far each place moves along z, and when.

    Args:
        share: (z, y, x) float32 of the diaphragm's motion.
        mm: (levels,) displacement of the diaphragm upwards.
        level: (views,) index of each view's.
    """

    share: np.ndarray
    mm: np.ndarray
    level: np.ndarray

    @classmethod
    def of(
        cls, hu: np.ndarray, geometry: Geometry, times_s: np.ndarray, amplitude_mm: float, period_s: float,
        rng: np.random.Generator,
    ) -> Breathing:  # fmt: skip
        """A patient who breathes about the phase that the CT shows.

        Args:
            hu: (z, y, x) of the CT.
            geometry: its grid.
            times_s: (views,) when each view was taken.
            amplitude_mm: of the diaphragm, from end to end.
            period_s: of a breath, on average.
            rng: of its beginning and of each breath's length.
        """
        if amplitude_mm == 0.0:
            return cls(np.zeros((0, 0, 0), np.float32), np.zeros(1), np.zeros(times_s.size, int))
        # cos^4: longer at the end of breathing out (Lujan et al., Med Phys 26:715, 1999).
        breaths = int(times_s[-1] / period_s) + 4
        lengths = period_s * np.exp(_PERIOD_SPREAD * rng.standard_normal(breaths))
        phase = np.interp(
            times_s + rng.uniform(0, period_s), np.append(0, np.cumsum(lengths)), np.arange(breaths + 1)
        )
        at = amplitude_mm * (np.cos(np.pi * phase) ** 4 - 3 / 8)
        edges = np.linspace(at.min(), at.max() + 1e-6, LEVELS + 1)
        level = np.clip(np.digitize(at, edges) - 1, 0, LEVELS - 1)
        return cls(_share(hu, geometry), (edges[1:] + edges[:-1]) / 2, level)

    def moved(self, hu: np.ndarray, level: int, slice_mm: float) -> np.ndarray:
        """(z, y, x) HU at a level.

        Args:
            hu: at rest.
            level: which.
            slice_mm: between slices.
        """
        if self.mm[level] == 0.0:
            return hu
        shift = self.mm[level] / slice_mm * self.share
        z = np.clip(np.arange(hu.shape[0], dtype=np.float32)[:, None, None] - shift, 0, hu.shape[0] - 1)
        low = z.astype(np.int32)
        high = np.minimum(low + 1, hu.shape[0] - 1)
        part = z - low
        return (1 - part) * np.take_along_axis(hu, low, 0) + part * np.take_along_axis(hu, high, 0)


def _share(hu: np.ndarray, geometry: Geometry) -> np.ndarray:
    from scipy.ndimage import gaussian_filter, maximum_filter1d

    step = (1, 2, 2)
    thin = hu[:, ::2, ::2]
    lung = (thin > _LUNG_HU[0]) & (thin < _LUNG_HU[1])
    spacing = [s * f for s, f in zip(geometry.spacing_mm, step, strict=True)]
    below = 2 * max(1, round(_BELOW_MM / spacing[0])) + 1
    # What lies below lung moves with it: slices run upwards.
    carried = maximum_filter1d(lung, below, axis=0, origin=-(below // 2), mode="constant")
    free = gaussian_filter(carried.astype(np.float32), [_FADE_MM / s for s in spacing])
    planes = np.flatnonzero(lung.sum(axis=(1, 2)) > 0.1 * max(1, lung.sum(axis=(1, 2)).max()))
    if planes.size == 0:
        return np.zeros(hu.shape, np.float32)
    up = np.clip((np.arange(hu.shape[0]) - planes[0]) / max(planes[-1] - planes[0], 1), 0, 1)
    free *= (1 - (1 - _APEX_SHARE) * up)[:, None, None].astype(np.float32)
    return free.repeat(2, 1).repeat(2, 2)[:, : hu.shape[1], : hu.shape[2]]
