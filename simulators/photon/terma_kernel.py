"""Depths and fluences of divergent beams at voxels: loaded only when a dose is computed. Frames as in `ray_kernels`."""

import numpy as np
from numba import njit, prange

from simulators.dose import ray_kernels as ray


@njit(cache=True)
def depths(density, first, spacing, angles, v_mm, u_mm, t_mm, voxels):
    """Water-equivalent depth of voxels in each beam.

    Args:
        density: (z, y, x) float32 relative electron density, 0 outside the body.
        first: (3,) centre of its voxel (0, 0, 0) from the isocentre, (z, y, x) mm.
        spacing: (3,) voxel spacing, mm.
        angles: (beams,) gantry angles, rad.
        v_mm, u_mm, t_mm: the rays on which depths are known, evenly spaced.
        voxels: (n, 3) int32 indices.

    Returns:
        (n, beams) float32 mm; -1 for what no ray passes.
    """
    out = np.empty((voxels.shape[0], angles.size), np.float32)
    fan = np.empty((v_mm.size, u_mm.size, t_mm.size), np.float32)
    for b in range(angles.size):
        sx, sy = np.sin(angles[b]), -np.cos(angles[b])
        ray.depths(density, first, spacing, sx, sy, v_mm, u_mm, t_mm, fan)
        _at_voxels(fan, first, spacing, sx, sy, v_mm, u_mm, t_mm, voxels, out[:, b])
    return out


@njit(cache=True, parallel=True)
def _at_voxels(fan, first, spacing, sx, sy, v_mm, u_mm, t_mm, voxels, out):
    dv, du, dt = v_mm[1] - v_mm[0], u_mm[1] - u_mm[0], t_mm[1] - t_mm[0]
    for n in prange(voxels.shape[0]):
        z = first[0] + voxels[n, 0] * spacing[0]
        y = first[1] + voxels[n, 1] * spacing[1]
        x = first[2] + voxels[n, 2] * spacing[2]
        t = -(x * sx + y * sy)
        widen = (ray.SAD_MM + t) / ray.SAD_MM
        fu, fv = ((y * sx - x * sy) / widen - u_mm[0]) / du, (z / widen - v_mm[0]) / dv
        out[n] = ray.trilinear(fan, fv, fu, (t - t_mm[0]) / dt, np.float32(-1.0))


@njit(cache=True, fastmath=True, nogil=True)
def terma(
    begin, beyond, depth_mm, first, spacing, angles, fluence, v_mm, u_mm, voxels, table, table_step_mm, out
):
    """Energy released per mass at voxels by each beam.

    Args:
        begin, beyond: voxels that are done (`simulators.core.threads`).
        depth_mm: (n, beams) float32, as of `depths`.
        first, spacing, angles, voxels: as there.
        fluence: (beams, nv, nu) float32 energy fluence in the isocentre's plane.
        v_mm, u_mm: its pixels.
        table: (m,) float32 TERMA by depth.
        table_step_mm: between its entries.
        out: (n, beams) float32.
    """
    dv, du = v_mm[1] - v_mm[0], u_mm[1] - u_mm[0]
    for n in range(begin, beyond):
        z = first[0] + voxels[n, 0] * spacing[0]
        y = first[1] + voxels[n, 1] * spacing[1]
        x = first[2] + voxels[n, 2] * spacing[2]
        for b in range(angles.size):
            deep = depth_mm[n, b] / table_step_mm
            sx, sy = np.sin(angles[b]), -np.cos(angles[b])
            widen = (ray.SAD_MM - x * sx - y * sy) / ray.SAD_MM
            u, v = (y * sx - x * sy) / widen, z / widen
            fu, fv = (u - u_mm[0]) / du, (v - v_mm[0]) / dv
            if deep < 0 or fu < 0 or fv < 0 or fu >= u_mm.size - 1 or fv >= v_mm.size - 1:
                out[n, b] = 0.0
                continue
            iu, iv = int(fu), int(fv)
            a, c = fu - iu, fv - iv
            here = (fluence[b, iv, iu] * (1 - a) + fluence[b, iv, iu + 1] * a) * (1 - c)
            here += (fluence[b, iv + 1, iu] * (1 - a) + fluence[b, iv + 1, iu + 1] * a) * c
            k = min(int(deep), table.size - 2)
            released = table[k] + (table[k + 1] - table[k]) * min(deep - k, 1.0)
            out[n, b] = here * released / (widen * widen)
    return out
