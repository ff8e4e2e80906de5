"""Backprojection of filtered projections, voxel by voxel: loaded only when something is reconstructed."""

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True, parallel=True)
def spread_back(filtered, first, spacing, angles, u_mm, v_mm, divergence, out):
    """Add what each view says of each voxel.

    Args:
        filtered: (views, nu, nv) float32, weighted by angle.
        first: (3,) centre of the image's voxel (0, 0, 0) from the isocentre, (y, x, z) mm.
        spacing: (3,) mm.
        angles, u_mm, v_mm, divergence: as in `forward_kernel`.
        out: (y, x, z) float32, added to.
    """
    ny, nx, nz = out.shape
    nu, nv = u_mm.size, v_mm.size
    across, along = divergence
    du = u_mm[1] - u_mm[0] if nu > 1 else 1.0
    dv = v_mm[1] - v_mm[0] if nv > 1 else 1.0
    last = np.float32(nv - 1)
    plane = along == 0.0 and nv == nz and abs(dv - spacing[2]) < 1e-6 and abs(v_mm[0] - first[2]) < 1e-3
    for j in prange(ny):
        y = first[0] + j * spacing[0]
        mixed = np.zeros(nv + 1, np.float32)
        for view in range(angles.size):
            sx, sy = np.sin(angles[view]), -np.cos(angles[view])
            for i in range(nx):
                x = first[1] + i * spacing[1]
                s = x * sx + y * sy
                near = 1.0 / (1.0 - across * s)
                f = ((y * sx - x * sy) * near - u_mm[0]) / du
                if f < 0.0 or f > nu - 1:
                    continue
                m = min(int(f), nu - 2)
                c = np.float32(f - m)
                a, b = filtered[view, m], filtered[view, m + 1]
                weight = np.float32(near * near)
                p, q, line = weight * (np.float32(1.0) - c), weight * c, out[j, i]
                if plane:
                    for k in range(nz):
                        line[k] += p * a[k] + q * b[k]
                    continue
                for k in range(nv):
                    mixed[k] = p * a[k] + q * b[k]
                mixed[nv] = mixed[nv - 1]
                wide = 1.0 / (1.0 - along * s)
                start, step = np.float32((first[2] * wide - v_mm[0]) / dv), np.float32(spacing[2] * wide / dv)
                for k in range(nz):
                    at = min(max(start + np.float32(k) * step, np.float32(0.0)), last)
                    h = np.uint32(at)  # unsigned: a signed index would be looked at for its sign
                    line[k] += mixed[h] + (at - np.float32(h)) * (mixed[h + 1] - mixed[h])
