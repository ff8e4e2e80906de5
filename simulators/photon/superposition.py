"""Photon dose by superposition: energy released along divergent rays, carried on along cones that scale with density.

TERMA is ray-traced through the patient; point kernels are collapsed on a fixed set of directions and transported by
recursion (collapsed cone, Ahnesjo, Med Phys 16:577, 1989; docs/model.md, 6). All beams share the decays of their
kernels, so that one transport a direction serves them together: a plan costs hardly more than a beam. Kernels are
aligned with each beam's axis, not tilted to its rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.core.threads import in_threads
from simulators.dose.medium import Medium
from simulators.photon import machine
from simulators.photon.cones import cosines, directions, shares
from simulators.photon.passage import absorption, divergence, levels, lines

REFERENCE = 0.0244  # TERMA's scale: the maximum of a 10 x 10 cm2 field of unit fluence in water, SSD 100 cm
_SCATTER_MM = 20.0  # how far beyond that scatter is carried along z
_LEAST = 0.002  # of the largest TERMA: what releases less is left out
_SPREAD_MM = 40.0  # how far beyond an aperture the flattening filter's fluence is kept


@dataclass(frozen=True, eq=False)
class Beams:
    """Coplanar beams on one isocentre.

    Args:
        isocentre: LPS (x, y, z), mm.
        gantry_rad: (b,) angles; 0 from the front, a quarter turn from the patient's left.
        fluence: (b, nv, nu) float32 what the leaves let through in the isocentre's plane, 1 for an open field.
        v_mm: (nv,) positions along z, evenly spaced.
        u_mm: (nu,) positions across, evenly spaced.
    """

    isocentre: np.ndarray
    gantry_rad: np.ndarray
    fluence: np.ndarray
    v_mm: np.ndarray
    u_mm: np.ndarray

    def trimmed(self) -> Beams:
        """The same without pixels at the edges that are closed in all beams."""
        v = np.flatnonzero((self.fluence > 0).any(axis=(0, 2)))
        u = np.flatnonzero((self.fluence > 0).any(axis=(0, 1)))
        if v.size == 0:
            return self
        rows, columns = (slice(max(0, x[0] - 1), x[-1] + 2) for x in (v, u))
        kept = self.fluence[:, rows, columns]
        return Beams(self.isocentre, self.gantry_rad, kept, self.v_mm[rows], self.u_mm[columns])

    def blurred(self, voxel_mm: float) -> Beams:
        """The fluence that reaches the patient from a source of finite size, averaged over voxels.

        Args:
            voxel_mm: of the dose grid, mm.
        """
        from scipy.ndimage import gaussian_filter

        step = float(self.u_mm[1] - self.u_mm[0])
        margin = int(np.ceil(_SPREAD_MM / step))
        whole = np.pad(self.fluence, ((0, 0), (margin, margin), (margin, margin)))
        narrow = np.hypot(machine.FOCUS_SIGMA_MM, voxel_mm / 12**0.5) / step
        broad = machine.FILTER_SIGMA_MM / step
        seen = (1 - machine.FILTER_WEIGHT) * gaussian_filter(whole, (0.0, narrow, narrow), truncate=3.0)
        seen += machine.FILTER_WEIGHT * gaussian_filter(whole, (0.0, broad, broad), truncate=3.0)
        wider = np.arange(-margin, margin + 1) * step
        v_mm, u_mm = (
            np.concatenate([x[0] + wider[:margin], x, x[-1] + wider[margin + 1 :]])
            for x in (self.v_mm, self.u_mm)
        )
        return Beams(self.isocentre, self.gantry_rad, seen.astype(np.float32), v_mm, u_mm)


def superposed(medium: Medium, beams: Beams, *, device: str | None = None) -> np.ndarray:
    """The dose of beams in a patient.

    Args:
        medium: the patient.
        beams: the beams.
        device: a torch device that carries the energy on; numba on the CPU's cores where None.

    Returns:
        (z, y, x) float32 on the medium's grid, 0 outside the body; 1 is the dose of an open 10 x 10 cm2 field at its
        maximum in water, SSD 100 cm.
    """
    spacing_mm = medium.grid.spacing_mm[0]
    whole = np.zeros(medium.density.shape, np.float32)
    seen = beams.trimmed().blurred(spacing_mm)
    voxels = reached(medium, seen)
    released = terma(medium, seen, voxels, depths(medium, seen, voxels))
    if not len(voxels):
        return whole
    total = released.sum(axis=1)
    counted = total > _LEAST * total.max()
    voxels, released = voxels[counted], released[counted]
    taken = shares(beams.gantry_rad)
    cosine = cosines(taken, beams.gantry_rad)
    # What scatters further along z is under a hundredth of the dose.
    room = int(_SCATTER_MM / spacing_mm)
    part = slice(max(0, voxels[0, 0] - room), voxels[-1, 0] + room + 1)
    density = medium.density[part]
    there = Medium(medium.grid.crop((part, slice(0, density.shape[1]), slice(0, density.shape[2]))), density)
    voxels = voxels - np.array([part.start, 0, 0], np.int32)
    if device is None:
        whole[part] = _on_cores(there, voxels, released, taken, cosine)
    else:
        from simulators.photon.torch_transport import on_device

        whole[part] = on_device(there, voxels, released, taken, cosine, device)
    return whole / np.float32(REFERENCE)


def reached(medium: Medium, beams: Beams) -> np.ndarray:
    """(n, 3) int32 voxels of the body that lie between the beams' first and last rays along z."""
    first, spacing = medium.place(beams.isocentre)
    half = float(np.abs(medium.along_mm(beams.isocentre, 0.0)).max())
    reach = (machine.SAD_MM + half) / machine.SAD_MM * np.array([beams.v_mm[0], beams.v_mm[-1]])
    low, high = np.clip((reach - first[0]) // spacing[0] + (0, 1), 0, len(medium.density)).astype(int)
    voxels = np.argwhere(medium.density[low:high] > 0)
    voxels[:, 0] += low
    return voxels.astype(np.int32)


def depths(medium: Medium, beams: Beams, voxels: np.ndarray) -> np.ndarray:
    """(n, beams) float32 water-equivalent depth of voxels, mm; -1 beyond a beam's rays."""
    from simulators.photon import terma_kernel

    step = medium.grid.spacing_mm[0]
    v_mm = np.arange(beams.v_mm[0], beams.v_mm[-1] + step, step)
    u_mm = np.arange(beams.u_mm[0], beams.u_mm[-1] + step, step)
    return terma_kernel.depths(
        medium.density, *medium.place(beams.isocentre), beams.gantry_rad, v_mm, u_mm,
        medium.along_mm(beams.isocentre, 2 * step), voxels,
    )  # fmt: skip


def terma(medium: Medium, beams: Beams, voxels: np.ndarray, depth_mm: np.ndarray) -> np.ndarray:
    """(n, beams) float32 energy that each beam releases per mass at voxels."""
    from simulators.photon import terma_kernel

    released = np.empty(depth_mm.shape, np.float32)
    in_threads(
        terma_kernel.terma, len(voxels), depth_mm, *medium.place(beams.isocentre), beams.gantry_rad, beams.fluence,
        beams.v_mm, beams.u_mm, voxels, machine.terma_table(), 10 * machine.TABLE_STEP_CM, released,
    )  # fmt: skip
    return released


def _on_cores(
    medium: Medium, voxels: np.ndarray, released: np.ndarray, taken: np.ndarray, cosine: np.ndarray
) -> np.ndarray:
    from simulators.photon.transport_kernel import CHUNKS, transport

    level, density = levels(medium)
    row = np.full(level.shape, len(voxels), np.uint32)
    dose = np.zeros(level.shape, np.float32)
    for axis in range(3):
        chosen, planes, length_cm = lines(medium, axis)
        turned = (axis, *(a for a in range(3) if a != axis))
        order = np.lexsort(
            tuple(voxels[:, a] for a in reversed(turned))
        )  # neighbours on a line are so in memory
        row[tuple(voxels[order].T)] = np.arange(len(voxels))
        here = np.ascontiguousarray(level.transpose(turned))
        spread = divergence(length_cm, cosine[chosen])
        absorbed, passed = (t.transpose(0, 2, 1).copy() for t in absorption(length_cm, density))
        passed *= spread[:, :, None]
        absorbed[:, :, 0], passed[:, :, 0] = 0.0, 1.0  # nothing absorbs outside the body
        there = np.zeros((CHUNKS, *here.shape), np.float32)
        in_threads(
            transport, CHUNKS, here, _spans(here), np.ascontiguousarray(row.transpose(turned)),
            released[order].T.copy(), taken[chosen], absorbed, passed, spread, planes,
            directions()[chosen, axis] > 0, there,
        )  # fmt: skip
        dose += there.sum(axis=0).transpose(np.argsort(turned))
    return dose


def _spans(level: np.ndarray) -> np.ndarray:
    """(p, q, 2) first and one past the last of what is not 0 along the last axis; equal where all is."""
    there = level > 0
    first, last = there.argmax(axis=2), level.shape[2] - there[:, :, ::-1].argmax(axis=2)
    return np.stack([first, np.where(there.any(axis=2), last, first)], axis=2)
