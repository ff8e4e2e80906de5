"""Scatter at the detector, by superposition of the scatter that pencil beams leave (scatter kernels).

A ray that loses p of its logarithm gives scatter in proportion to exp(-0.85 p) p^1.2 of its photons, the form of
Sun and Star-Lack (Phys Med Biol 55:6695, 2010) with rounded exponents, spread by a narrow and a broad Gaussian. The
strength is set so that 30 cm of acrylic in a half-fan field has the measured 4.51 of the primary without a grid and
1.28 with one of ratio 10 (Med Phys 43:3864, 2016). Every ray spreads alike; edges of the patient are not told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

_EXPONENT, _POWER = 0.85, 1.2
_NARROW_MM, _BROAD_MM, _BROAD_SHARE = 25.0, 100.0, 0.75  # at the isocentre
_STRENGTH = 0.287
# What a 1D grid of ratio 10 lets through (WE-AB-207A-10, Med Phys 43:3864, 2016).
GRID_PRIMARY, GRID_SCATTER = 0.706, 0.21
_CELL_MM = 10.0


class ScatterModel(Protocol):
    """What a patient scatters to the detector."""

    def of(self, attenuation: np.ndarray, incident: np.ndarray, steps_mm: tuple[float, float]) -> np.ndarray:
        """As `Scatter.of`."""
        ...


@dataclass(frozen=True)
class Scatter:
    """How strongly and how far a patient scatters.

    Args:
        grid: a grid stands before the detector.
        strength: relative to a linac's cone beam.
        spread: relative to the widths there.
    """

    grid: bool
    strength: float = 1.0
    spread: float = 1.0

    def to_primary(self) -> float:
        """What the grid leaves of scatter over what it leaves of the primary."""
        return GRID_SCATTER / GRID_PRIMARY if self.grid else 1.0

    def of(self, attenuation: np.ndarray, incident: np.ndarray, steps_mm: tuple[float, float]) -> np.ndarray:
        """Scatter beside the primary, both behind the grid, in units of the primary of the open beam.

        Args:
            attenuation: (views, nu, nv) minus the logarithm of the primary that the patient leaves.
            incident: (nu,) what reaches the patient.
            steps_mm: between pixels, at the isocentre.

        Returns:
            (views, nu, nv) float32.
        """
        from scipy.ndimage import gaussian_filter

        blocks = (max(1, round(_CELL_MM / steps_mm[0])), max(1, round(_CELL_MM / steps_mm[1])))
        cells_mm = [step * block for step, block in zip(steps_mm, blocks, strict=True)]
        p = _blocks(np.maximum(attenuation, 0.0), blocks)
        beam = _blocks(incident[None, :, None], (blocks[0], 1))
        source = self.strength * _STRENGTH * beam * np.exp(-_EXPONENT * p) * p**_POWER
        narrow, broad = (
            gaussian_filter(
                source, (0.0, *(self.spread * mm / c for c in cells_mm)), mode="constant", truncate=3.0
            )
            for mm in (_NARROW_MM, _BROAD_MM)
        )
        made = self.to_primary() * ((1 - _BROAD_SHARE) * narrow + _BROAD_SHARE * broad)
        return _enlarged(made.astype(np.float32), blocks, attenuation.shape[1:])


def _blocks(values: np.ndarray, blocks: tuple[int, int]) -> np.ndarray:
    """Means over blocks of pixels; the last ones hold what is left."""
    out = values
    for axis, step in zip((1, 2), blocks, strict=True):
        starts = np.arange(0, out.shape[axis], step)
        counts = np.diff(np.append(starts, out.shape[axis]))
        shape = [1, 1, 1]
        shape[axis] = counts.size
        out = np.add.reduceat(out, starts, axis=axis) / counts.reshape(shape)
    return out


def _enlarged(coarse: np.ndarray, blocks: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """Blocks interpolated to pixels, linearly."""
    out = coarse
    for axis, (step, n) in enumerate(zip(blocks, shape, strict=True), start=1):
        at = np.clip((np.arange(n) - (step - 1) / 2) / step, 0, out.shape[axis] - 1)
        low = np.minimum(at.astype(int), max(out.shape[axis] - 2, 0))
        high = np.minimum(low + 1, out.shape[axis] - 1)
        share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        out = np.take(out, low, axis) * (1 - share) + np.take(out, high, axis) * share
    return out
