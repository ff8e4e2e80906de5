"""The pencil-beam approximation that plans are optimised on.

Primary and scattered dose of a broad beam at a water-equivalent depth, each times a blurred fluence. A correction by
superposition makes it right where the plan is (`corrected`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from simulators.core.threads import in_threads
from simulators.dose.medium import Medium
from simulators.photon import machine
from simulators.photon.cones import directions, shares
from simulators.photon.superposition import REFERENCE, Beams, depths

_TABLE_STEP_MM = 2.0
_TABLE_MM = 700.0
# Lateral widths in water at 10 cm depth, fitted to the kernel's own growth with field size: electrons 2.1 mm, 42 % of
# the scatter 11 mm and the rest 62 mm.
_ELECTRONS_MM = 2.1
_NEAR_SHARE, _NEAR_MM, _FAR_MM = 0.42, 11.0, 62.0


@cache
def broad_beam() -> tuple[np.ndarray, np.ndarray]:
    """Primary and scattered dose of a broad parallel beam by depth of water, in steps of 2 mm, float32."""
    taken = shares(np.zeros(1))[:, :, 0].astype(float)
    cosine = directions()[:, 1]
    step_cm = _TABLE_STEP_MM / 10
    depth = (np.arange(int(_TABLE_MM / _TABLE_STEP_MM)) + 0.5) * step_cm
    table = machine.terma_table()
    terma = np.interp(depth, np.arange(table.size) * machine.TABLE_STEP_CM, table)
    way = step_cm / np.maximum(np.abs(cosine), 1e-3)[:, None] * np.array(machine.DECAY)
    passed = np.exp(-way)
    kept = (1 - passed) / way
    dose = np.zeros((depth.size, taken.shape[1]))
    for ways, order in ((cosine > 0, range(depth.size)), (cosine <= 0, range(depth.size - 1, -1, -1))):
        carried = np.zeros((int(ways.sum()), taken.shape[1]))
        for k in order:
            source = terma[k] * taken[ways]
            dose[k] += (source + (carried - source) * kept[ways]).sum(axis=0)
            carried = source + (carried - source) * passed[ways]
    dose /= REFERENCE
    scatter = dose[:, machine.SCATTER]
    return (dose.sum(axis=1) - scatter).astype(np.float32), scatter.astype(np.float32)


@dataclass(frozen=True, eq=False)
class PencilBeams:
    """Dose of beams' fluence at sample voxels.

    Args:
        beams: their geometry; fluence is given to `dose`.
        spacing_mm: voxel of the dose grid.
        pixel, across, along: (beams, n) where each voxel lies in each beam's fluence.
        primary, scatter: (beams, n) float32 dose of unit fluence.
        gain: (n,) float32 factor of the correction.
        offset: (n,) float32 its summand.
    """

    beams: Beams
    spacing_mm: float
    pixel: np.ndarray
    across: np.ndarray
    along: np.ndarray
    primary: np.ndarray
    scatter: np.ndarray
    gain: np.ndarray
    offset: np.ndarray

    @classmethod
    def of(cls, medium: Medium, beams: Beams, voxels: np.ndarray) -> PencilBeams:
        """Of the beams' directions and pixels.

        Args:
            medium: the patient.
            beams: whose directions and pixels.
            voxels: (n, 3) int32 sample voxels of the medium's grid.
        """
        first, spacing = medium.place(beams.isocentre)
        z, y, x = (first + voxels * spacing).T
        sx, sy = np.sin(beams.gantry_rad)[:, None], -np.cos(beams.gantry_rad)[:, None]
        widen = (machine.SAD_MM - x * sx - y * sy) / machine.SAD_MM
        step = float(beams.u_mm[1] - beams.u_mm[0])
        u, v = ((y * sx - x * sy) / widen - beams.u_mm[0]) / step, (z / widen - beams.v_mm[0]) / step
        depth = depths(medium, beams, voxels).T
        width = beams.u_mm.size
        out = (u < 0) | (v < 0) | (u >= width - 1) | (v >= beams.v_mm.size - 1) | (depth < 0)
        iu, iv = np.where(out, 0, u).astype(np.int32), np.where(out, 0, v).astype(np.int32)
        at = np.arange(broad_beam()[0].size) * _TABLE_STEP_MM + _TABLE_STEP_MM / 2
        primary, scatter = ((np.interp(depth, at, t) / widen**2).astype(np.float32) for t in broad_beam())
        return cls(
            beams, float(spacing[0]), np.where(out, -1, iv * width + iu).astype(np.int32),
            (u - iu).astype(np.float32), (v - iv).astype(np.float32), primary, scatter,
            np.ones(len(voxels), np.float32), np.zeros(len(voxels), np.float32),
        )  # fmt: skip

    def dose(self, fluence: np.ndarray) -> np.ndarray:
        """(n,) dose at the voxels of a fluence (beams, nv, nu)."""
        return self.gain * self._bare(fluence) + self.offset

    def pull(self, gradient: np.ndarray) -> np.ndarray:
        """(beams, nv, nu) derivative of a cost by the fluence, from that by the voxels' doses (n,)."""
        from simulators.planner.pencil_kernel import transpose

        shape = self.beams.fluence.shape
        narrow, broad = np.zeros((2, shape[0], shape[1] * shape[2]), np.float32)
        in_threads(
            transpose, shape[0], (gradient * self.gain).astype(np.float32), self.pixel, self.across, self.along,
            self.primary, self.scatter, shape[2], narrow, broad,
        )  # fmt: skip
        return self._narrow(narrow.reshape(shape)) + self._broad(broad.reshape(shape))

    def corrected(self, fluence: np.ndarray, true: np.ndarray) -> PencilBeams:
        """The same, right for one fluence.

        Args:
            fluence: (beams, nv, nu).
            true: (n,) its dose by superposition.
        """
        bare = self._bare(fluence)
        gain = np.clip(true / np.maximum(bare, 1e-3 * bare.max()), 0.6, 1.5).astype(np.float32)
        return replace(self, gain=gain, offset=(true - gain * bare).astype(np.float32))

    def _bare(self, fluence: np.ndarray) -> np.ndarray:
        from simulators.planner.pencil_kernel import BLOCK, forward

        flat = (len(fluence), -1)
        dose = np.zeros(self.pixel.shape[1], np.float32)
        in_threads(
            forward, -(-len(dose) // BLOCK), self._narrow(fluence).reshape(flat), self._broad(fluence).reshape(flat),
            self.pixel, self.across, self.along, self.primary, self.scatter, fluence.shape[2], dose,
        )  # fmt: skip
        return dose

    def _narrow(self, fluence: np.ndarray) -> np.ndarray:
        width = np.hypot(np.hypot(_ELECTRONS_MM, machine.FOCUS_SIGMA_MM), self.spacing_mm / 12**0.5)
        return self.blurred(fluence, float(width))

    def _broad(self, fluence: np.ndarray) -> np.ndarray:
        far = self.blurred(fluence, _FAR_MM)
        return _NEAR_SHARE * self.blurred(fluence, _NEAR_MM) + (1 - _NEAR_SHARE) * far

    def blurred(self, fluence: np.ndarray, sigma_mm: float) -> np.ndarray:
        """A fluence (beams, nv, nu) through a Gaussian; its own transpose.

        Args:
            fluence: the fluence.
            sigma_mm: width, mm.
        """
        along, across = (
            _blur(x.size, float(x[1] - x[0]) / sigma_mm) for x in (self.beams.v_mm, self.beams.u_mm)
        )
        return np.matmul(along, np.matmul(fluence.astype(np.float32), across))


@cache
def _blur(n: int, step: float) -> np.ndarray:
    """(n, n) float32 matrix of a Gaussian whose pixels are so many of its widths apart; symmetric."""
    distance = np.arange(1 - n, n) * step
    weight = np.exp(-(distance**2) / 2)
    whole = weight.sum() if n * step > 4 else (2 * np.pi) ** 0.5 / step
    weight = weight / whole
    return weight[np.arange(n)[:, None] - np.arange(n) + n - 1].astype(np.float32)
