"""Numba kernels that move images: loaded only by the modules that warp.

Those with `first` and `beyond` do that part of the planes along z (`simulators.core.threads`).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit
def _catmull_rom(t):
    """Weights of the four neighbours of a point at fraction t (Keys 1981, a = -1/2)."""
    a = t * (-0.5 + t * (1.0 - 0.5 * t))
    b = 1.0 + t * t * (-2.5 + 1.5 * t)
    c = t * (0.5 + t * (2.0 - 1.5 * t))
    return a, b, c, 1.0 - a - b - c


@njit(cache=True, nogil=True)
def warp_cubic(first, beyond, image, shift, out):
    """Write image(x + shift(x)) to `out` wherever the shift is not zero; beyond its neighbours no value goes.

    Args:
        image: (z, y, x) float32.
        shift: (3, z, y, x) float32, voxels.
        out: (z, y, x) float32; points that do not move are left as they are.
    """
    nz, ny, nx = image.shape
    for z in range(first, beyond):
        for y in range(ny):
            for x in range(nx):
                dz, dy, dx = shift[0, z, y, x], shift[1, z, y, x], shift[2, z, y, x]
                if dz == 0.0 and dy == 0.0 and dx == 0.0:
                    continue
                pz = min(max(z + dz, 0.0), nz - 1.0)
                py = min(max(y + dy, 0.0), ny - 1.0)
                px = min(max(x + dx, 0.0), nx - 1.0)
                iz, iy, ix = int(pz), int(py), int(px)
                wz, wy, wx = _catmull_rom(pz - iz), _catmull_rom(py - iy), _catmull_rom(px - ix)
                total, low, high = 0.0, np.inf, -np.inf
                for a in range(4):
                    za = min(max(iz + a - 1, 0), nz - 1)
                    plane = 0.0
                    for b in range(4):
                        yb = min(max(iy + b - 1, 0), ny - 1)
                        row = 0.0
                        for c in range(4):
                            value = image[za, yb, min(max(ix + c - 1, 0), nx - 1)]
                            row += wx[c] * value
                            if 0 < a < 3 and 0 < b < 3 and 0 < c < 3:  # the eight corners of its cell
                                low, high = min(low, value), max(high, value)
                        plane += wy[b] * row
                    total += wz[a] * plane
                out[z, y, x] = min(max(total, low), high)


@njit(cache=True, nogil=True)
def warp_linear(image, shift):
    """Values image(x + shift(x)), linear between voxels; outside are those of the border.

    To the bit those of `scipy.ndimage.map_coordinates` at points in float32, in a third of the time.

    Args:
        image: (z, y, x) float32.
        shift: (3, z, y, x) float32, voxels.
    """
    nz, ny, nx = image.shape
    out = np.empty(image.shape, dtype=np.float32)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                pz = min(max(np.float64(np.float32(z) + shift[0, z, y, x]), 0.0), nz - 1.0)
                py = min(max(np.float64(np.float32(y) + shift[1, z, y, x]), 0.0), ny - 1.0)
                px = min(max(np.float64(np.float32(x) + shift[2, z, y, x]), 0.0), nx - 1.0)
                iz, iy, ix = int(pz), int(py), int(px)
                fz, fy, fx = pz - iz, py - iy, px - ix
                total = 0.0
                for a in range(2):
                    za, wz = min(iz + a, nz - 1), fz if a else 1.0 - fz
                    for b in range(2):
                        yb, wy = min(iy + b, ny - 1), fy if b else 1.0 - fy
                        for c in range(2):
                            wx = fx if c else 1.0 - fx
                            total += image[za, yb, min(ix + c, nx - 1)] * wz * wy * wx
                out[z, y, x] = total
    return out


@njit(cache=True, nogil=True)
def compose(first, beyond, shift, out):
    """The displacement of a map applied twice, shift(x) + shift(x + shift(x)), linear between nodes.

    Args:
        shift: (3, z, y, x) float32, voxels.
        out: like it.
    """
    _, nz, ny, nx = shift.shape
    for z in range(first, beyond):
        for y in range(ny):
            for x in range(nx):
                pz = min(max(z + shift[0, z, y, x], 0.0), nz - 1.0)
                py = min(max(y + shift[1, z, y, x], 0.0), ny - 1.0)
                px = min(max(x + shift[2, z, y, x], 0.0), nx - 1.0)
                iz, iy, ix = min(int(pz), nz - 2), min(int(py), ny - 2), min(int(px), nx - 2)
                fz, fy, fx = pz - iz, py - iy, px - ix
                for k in range(3):
                    near = (1 - fy) * ((1 - fx) * shift[k, iz, iy, ix] + fx * shift[k, iz, iy, ix + 1])
                    near += fy * ((1 - fx) * shift[k, iz, iy + 1, ix] + fx * shift[k, iz, iy + 1, ix + 1])
                    far = (1 - fy) * ((1 - fx) * shift[k, iz + 1, iy, ix] + fx * shift[k, iz + 1, iy, ix + 1])
                    far += fy * (
                        (1 - fx) * shift[k, iz + 1, iy + 1, ix] + fx * shift[k, iz + 1, iy + 1, ix + 1]
                    )
                    out[k, z, y, x] = shift[k, z, y, x] + (1 - fz) * near + fz * far


@njit(cache=True, nogil=True)
def stretched(first, beyond, displacement, spacing_mm, out):
    """How far tissue is stretched along the direction in which it is most, times its length, by central differences.

    That is 1/s of the least singular value s of the matrix of x + displacement(x), taken for all from the norm of its
    inverse, which is exact where tissue is stretched along one direction alone.

    Args:
        displacement: (3, z, y, x) float32 in (z, y, x) mm: where each point came from.
        spacing_mm: (3,) float32.
        out: (z, y, x) float32.
    """
    _, nz, ny, nx = displacement.shape
    m = np.empty((3, 3), dtype=np.float32)
    for z in range(first, beyond):
        za, zb = max(z - 1, 0), min(z + 1, nz - 1)
        for y in range(ny):
            ya, yb = max(y - 1, 0), min(y + 1, ny - 1)
            for x in range(nx):
                xa, xb = max(x - 1, 0), min(x + 1, nx - 1)
                for k in range(3):
                    along_z = displacement[k, zb, y, x] - displacement[k, za, y, x]
                    along_y = displacement[k, z, yb, x] - displacement[k, z, ya, x]
                    along_x = displacement[k, z, y, xb] - displacement[k, z, y, xa]
                    m[k, 0] = along_z / (max(zb - za, 1) * spacing_mm[0])
                    m[k, 1] = along_y / (max(yb - ya, 1) * spacing_mm[1])
                    m[k, 2] = along_x / (max(xb - xa, 1) * spacing_mm[2])
                    m[k, k] += 1.0
                norm, det = 0.0, 0.0
                for i in range(3):
                    for j in range(3):
                        a, b, c, e = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
                        minor = m[a, c] * m[b, e] - m[a, e] * m[b, c]
                        norm += minor * minor
                        if i == 0:
                            det += m[0, j] * minor
                det = max(abs(det), 1e-3)
                out[z, y, x] = np.sqrt(max(norm / (det * det) - 2.0, 1.0))


@njit(cache=True, nogil=True)
def spread_nodes(first, beyond, nodes, first_z, first_y, first_x, weight_z, weight_y, weight_x, out):
    """Values on a fine grid from four weighted nodes along each axis, axis after axis.

    Args:
        nodes: (z, y, x) float32.
        first_z, first_y, first_x: index of the first of the four nodes for each fine voxel.
        weight_z, weight_y, weight_x: (fine, 4) float32.
        out: (fine z, y, x) float32.
    """
    _, rows, columns = nodes.shape
    plane, row = np.empty((rows, columns), dtype=np.float32), np.empty(columns, dtype=np.float32)
    for z in range(first, beyond):
        f = first_z[z]
        for y in range(rows):
            for x in range(columns):
                value = np.float32(0.0)
                for t in range(4):
                    value += weight_z[z, t] * nodes[f + t, y, x]
                plane[y, x] = value
        for y in range(first_y.size):
            f = first_y[y]
            for x in range(columns):
                value = np.float32(0.0)
                for t in range(4):
                    value += weight_y[y, t] * plane[f + t, x]
                row[x] = value
            for x in range(first_x.size):
                f = first_x[x]
                out[z, y, x] = (
                    weight_x[x, 0] * row[f]
                    + weight_x[x, 1] * row[f + 1]
                    + weight_x[x, 2] * row[f + 2]
                    + weight_x[x, 3] * row[f + 3]
                )
