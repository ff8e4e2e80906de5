"""Line integrals by Joseph's method (IEEE Trans Med Imaging 1:192, 1982): loaded only when something is projected.

All rays of one view and column lie above one line of the axial plane: the object is interpolated once on that line,
for all z, and each ray then reads it by its height.
"""

import numpy as np
from numba import njit, prange


@njit(cache=True, fastmath=True, inline="always")
def _blend(volume, j, i, dj, di, part, line):
    """One line of z between two neighbours of the axial plane; nothing lies outside."""
    ny, nx, nz = volume.shape
    first, second = np.float32(1.0 - part), np.float32(part)
    if j < 0 or i < 0:
        first = np.float32(0.0)
    if j + dj >= ny or i + di >= nx:
        second = np.float32(0.0)
    a = volume[min(max(j, 0), ny - 1), min(max(i, 0), nx - 1)]
    b = volume[min(max(j + dj, 0), ny - 1), min(max(i + di, 0), nx - 1)]
    for k in range(nz):
        line[k] = first * a[k] + second * b[k]
    line[nz] = line[nz - 1]


@njit(cache=True, fastmath=True, inline="always")
def _empty(line):
    """Whether nothing lies on a line: most lines of bone, and those beside the patient."""
    for value in line:  # noqa: SIM110 - numba compiles no generator
        if value != 0.0:
            return False
    return True


@njit(cache=True, fastmath=True, inline="always")
def _read(line, start, step, last, total):
    """Add a line's values at evenly spaced heights, in voxels; the first and last voxels go on for ever."""
    for k in range(total.size):
        at = min(max(start + np.float32(k) * step, np.float32(0.0)), last)
        m = np.uint32(at)  # unsigned: a signed index would be looked at for its sign
        c = at - np.float32(m)
        total[k] += line[m] + c * (line[m + 1] - line[m])


@njit(cache=True, fastmath=True, parallel=True)
def line_integrals(volume, first, spacing, angles, u_mm, v_mm, divergence, out):
    """Integrals of an object along all rays of a beam.

    Args:
        volume: (y, x, z) float32, per mm.
        first: (3,) centre of its voxel (0, 0, 0) from the isocentre, (y, x, z) mm.
        spacing: (3,) mm.
        angles, u_mm, v_mm: as of a `Beam`.
        divergence: across and along z, per mm.
        out: (views, nu, nv) float32, written.
    """
    ny, nx, nz = volume.shape
    nu, nv = u_mm.size, v_mm.size
    across, along = divergence
    dv = v_mm[1] - v_mm[0] if nv > 1 else 1.0
    last = np.float32(nz - 1)
    for n in prange(angles.size * nu):
        view, i = n // nu, n % nu
        sx, sy = np.sin(angles[view]), -np.cos(angles[view])
        u = u_mm[i]
        by, bx = u * sx, -u * sy
        dy, dx = sy - u * across * sx, sx + u * across * sy
        line, total = np.empty(nz + 1, np.float32), np.zeros(nv, np.float32)
        through_y = abs(dy) * spacing[1] >= abs(dx) * spacing[0]
        steps = ny if through_y else nx
        for j in range(steps):
            if through_y:
                s = (first[0] + j * spacing[0] - by) / dy
                f = (bx + s * dx - first[1]) / spacing[1]
                cells = nx
            else:
                s = (first[1] + j * spacing[1] - bx) / dx
                f = (by + s * dy - first[0]) / spacing[0]
                cells = ny
            if f <= -1.0 or f >= cells:
                continue
            m = int(np.floor(f))
            if through_y:
                _blend(volume, j, m, 0, 1, f - m, line)
            else:
                _blend(volume, m, j, 1, 0, f - m, line)
            if _empty(line):
                continue
            widen = 1.0 - along * s
            start = np.float32((v_mm[0] * widen - first[2]) / spacing[2])
            _read(line, start, np.float32(dv * widen / spacing[2]), last, total)
        step = spacing[0] / abs(dy) if through_y else spacing[1] / abs(dx)
        for k in range(nv):
            rise = v_mm[k] * along
            out[view, i, k] = total[k] * np.float32(step * np.sqrt(dx * dx + dy * dy + rise * rise))
