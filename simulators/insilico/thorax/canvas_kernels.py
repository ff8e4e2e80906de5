"""Compiled kernels of the in-silico CT: partial-volume painting, shell strips, tubes and the final blur.

Those with `first` and `beyond` do that part of the slices (`simulators.core.threads`).
"""

import math

import numpy as np
from numba import njit

FACTOR = 4  # fine voxels for one coarse voxel, in-plane


@njit
def _bilinear(field, k, j, i):
    """A coarse (z, y, x) field at fine voxel (k, j, i)."""
    fy = min(max((j - 0.5 * (FACTOR - 1)) / FACTOR, 0.0), field.shape[1] - 1.001)
    fx = min(max((i - 0.5 * (FACTOR - 1)) / FACTOR, 0.0), field.shape[2] - 1.001)
    y0, x0 = int(fy), int(fx)
    wy, wx = fy - y0, fx - x0
    low = field[k, y0, x0] * (1 - wx) + field[k, y0, x0 + 1] * wx
    high = field[k, y0 + 1, x0] * (1 - wx) + field[k, y0 + 1, x0 + 1] * wx
    return low * (1 - wy) + high * wy


@njit(cache=True, nogil=True)
def paint(first, beyond, hu, distance, value, soft_mm):
    """Paint the inside of a coarse signed distance over the fine image, with partial volume at its surface.

    The blend's width is the in-plane `soft_mm` plus the surface's run across one slice.
    """
    nz, ny, nx = hu.shape
    for k in range(first, beyond):
        below, above = max(k - 1, 0), min(k + 1, nz - 1)
        for jb in range(0, ny, FACTOR):
            for ib in range(0, nx, FACTOR):
                centre = distance[k, jb // FACTOR, ib // FACTOR]
                slope = abs(
                    distance[above, jb // FACTOR, ib // FACTOR] - distance[below, jb // FACTOR, ib // FACTOR]
                )
                width = soft_mm + min(slope / max(above - below, 1), 4.0)
                if centre > width + 8.0:
                    continue
                for j in range(jb, jb + FACTOR):
                    for i in range(ib, ib + FACTOR):
                        share = 0.5 - _bilinear(distance, k, j, i) / width
                        if share > 0.0:
                            hu[k, j, i] += min(share, 1.0) * (value - hu[k, j, i])


@njit(cache=True, nogil=True)
def inside(first, beyond, distance, mask):
    """Write 1 into the fine mask where the interpolated coarse distance is negative."""
    _, ny, nx = mask.shape
    for k in range(first, beyond):
        for j in range(ny):
            for i in range(nx):
                mask[k, j, i] = _bilinear(distance, k, j, i) < 0.0


@njit(cache=True, nogil=True)
def paint_strips(first, beyond, hu, cage, angle, middle, z_mm, strips, cortex_mm, cortex_hu, marrow_hu):
    """Paint bony strips that follow the thoracic cage: ribs, cartilages, sternum, scapulae.

    Args:
        hu: (z, y, x) image.
        cage: coarse signed distance to the cage, mm, positive outside.
        angle: coarse angle around the trunk, 0 at the spine, pi at the sternum.
        middle: (z,) fine column of the midline.
        z_mm: (z,) heights of the slices.
        strips: (n, 2, bins, 4) centre height, half height, centre depth, half thickness over the angle
            (0 to pi) for the right and left side; half height 0 means no bone.
        cortex_mm, cortex_hu, marrow_hu: (n,) thickness of the cortex and HU of both parts.
    """
    _, ny, nx = hu.shape
    n, _, bins, _ = strips.shape
    for k in range(first, beyond):
        for j in range(ny):
            for i in range(nx):
                if abs(cage[k, j // FACTOR, i // FACTOR] - 14.0) > 40.0:
                    continue
                depth = _bilinear(cage, k, j, i)
                a = _bilinear(angle, k, j, i)
                side = 1 if i > middle[k] else 0
                bin_of = min(max(a / math.pi * (bins - 1), 0.0), bins - 1.001)
                b = int(bin_of)
                w = bin_of - b
                for s in range(n):
                    low, high = strips[s, side, b], strips[s, side, b + 1]
                    half = low[1] * (1 - w) + high[1] * w
                    if half < 0.5 or low[1] == 0.0 or high[1] == 0.0:
                        continue
                    thick = low[3] * (1 - w) + high[3] * w
                    t = abs(depth - (low[2] * (1 - w) + high[2] * w))
                    if t > thick + 2.0:
                        continue
                    slope = (high[0] - low[0]) / (math.pi / (bins - 1) * 105.0)
                    cosine = 1.0 / math.sqrt(1.0 + slope * slope)
                    h = abs(z_mm[k] - (low[0] * (1 - w) + high[0] * w)) * cosine
                    if h > half + 3.0:
                        continue
                    r = 0.95 * min(half, thick)
                    dh, dt = max(h - half + r, 0.0), max(t - thick + r, 0.0)
                    length = math.sqrt(dh * dh + dt * dt)
                    d = length - r
                    width = 1.1 + (2.2 * cosine * dh / length if length > 0 else 0.0)
                    outer = 0.5 - d / width
                    if outer <= 0.0:
                        continue
                    inner = min(max(0.5 - (d + cortex_mm[s]) / width, 0.0), 1.0)
                    value = cortex_hu[s] + inner * (marrow_hu[s] - cortex_hu[s])
                    hu[k, j, i] += min(outer, 1.0) * (value - hu[k, j, i])


@njit(cache=True, nogil=True)
def paint_tubes(first, beyond, hu, start, end, start_r, end_r, value, spacing, keep, keep_below):
    """Paint tapered capsules with three sub-slices, in their order.

    Args:
        hu: (z, y, x) image.
        start, end: (n, 3) in (z, y, x) voxel coordinates.
        start_r, end_r: (n,) radii, mm.
        value: HU.
        spacing: (3,) voxel size (z, y, x), mm.
        keep: coarse signed distance; only voxels where it is below `keep_below` are painted.
        keep_below: see above, mm.
    """
    _, ny, nx = hu.shape
    sz, sy, sx = spacing[0], spacing[1], spacing[2]
    for k in range(first, beyond):
        for s in range(len(start_r)):
            r_max = max(start_r[s], end_r[s]) + 1.0
            if k * sz < min(start[s, 0], end[s, 0]) * sz - r_max - 0.5 * sz:
                continue
            if k * sz > max(start[s, 0], end[s, 0]) * sz + r_max + 0.5 * sz:
                continue
            j0 = max(int(min(start[s, 1], end[s, 1]) - r_max / sy), 0)
            j1 = min(int(max(start[s, 1], end[s, 1]) + r_max / sy) + 2, ny)
            i0 = max(int(min(start[s, 2], end[s, 2]) - r_max / sx), 0)
            i1 = min(int(max(start[s, 2], end[s, 2]) + r_max / sx) + 2, nx)
            az, ay, ax = start[s, 0] * sz, start[s, 1] * sy, start[s, 2] * sx
            bz, by, bx = end[s, 0] * sz - az, end[s, 1] * sy - ay, end[s, 2] * sx - ax
            square = max(bz * bz + by * by + bx * bx, 1e-9)
            for j in range(j0, j1):
                for i in range(i0, i1):
                    share = 0.0
                    for sub in range(-1, 2):
                        pz, py, px = (k + sub / 3.0) * sz - az, j * sy - ay, i * sx - ax
                        t = min(max((pz * bz + py * by + px * bx) / square, 0.0), 1.0)
                        d2 = (pz - t * bz) ** 2 + (py - t * by) ** 2 + (px - t * bx) ** 2
                        r = start_r[s] + t * (end_r[s] - start_r[s])
                        if d2 < (r + 0.6) ** 2:
                            filled = 1.6 * r * r + 0.25 * r  # a vessel thinner than a voxel fills part of it
                            share += min(max(0.5 + r - math.sqrt(d2), 0.0), filled, 1.0) / 3.0
                    if share > 0.0 and _bilinear(keep, k, j, i) < keep_below:
                        hu[k, j, i] += share * (value - hu[k, j, i])


@njit(cache=True)
def grow(points, root, first, most):  # noqa: PLR0912
    """A tree that fills a cloud of points: branches go part of the way to the centroid of half of the cloud.

    After Tawhai, Pullan and Hunter (Ann Biomed Eng 2000; 28:793): the cloud of each branch is split by the
    plane through its centroid that holds the branch's direction and is normal to the cloud's widest spread.

    Args:
        points: (n, 3) mm; reordered in place.
        root: (3,) where the tree begins.
        first: (3,) direction of its first branch.
        most: room for branches.

    Returns:
        (branches, 6) start and end, (branches,) number of points fed, (branches,) parent or -1.
    """
    segments = np.empty((most, 6))
    fed = np.empty(most, dtype=np.int64)
    parent = np.empty(most, dtype=np.int64)
    stack = np.empty((most + 2, 3), dtype=np.int64)  # first point, end point, parent branch
    stack[0, 0], stack[0, 1], stack[0, 2] = 0, len(points), -1
    depth, count = 1, 0
    while depth > 0 and count < most:
        depth -= 1
        lo, hi, up = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        origin = root if up < 0 else segments[up, 3:]
        direction = first if up < 0 else segments[up, 3:] - segments[up, :3]
        direction = direction / (np.sqrt((direction**2).sum()) + 1e-9)
        centroid = np.zeros(3)
        for p in range(lo, hi):
            centroid += points[p]
        centroid /= hi - lo
        way = centroid - origin
        length = np.sqrt((way**2).sum())
        single = hi - lo == 1
        reach = 0.8 * length if single else 0.42 * length
        if not single:  # a branch does not turn by more than about 60 degrees
            way = way / (length + 1e-9) + 0.45 * direction
            way *= length / (np.sqrt((way**2).sum()) + 1e-9)
        for c in range(3):
            segments[count, c] = origin[c]
            segments[count, 3 + c] = origin[c] + way[c] * reach / (length + 1e-9)
        fed[count], parent[count] = hi - lo, up
        me = count
        count += 1
        if single:
            continue
        spread = np.zeros((3, 3))
        for p in range(lo, hi):
            q = points[p] - centroid
            for r in range(3):
                for c in range(3):
                    spread[r, c] += q[r] * q[c]
        axis = np.array([0.577, 0.577, 0.577])
        for _ in range(12):  # power iteration in the plane normal to the branch
            axis = spread @ axis
            axis -= 0.7 * direction * (axis * direction).sum()
            axis /= np.sqrt((axis**2).sum()) + 1e-12
        left, right = lo, hi - 1
        while left <= right:
            if ((points[left] - centroid) * axis).sum() < 0:
                left += 1
            else:
                for c in range(3):
                    swap = points[left, c]
                    points[left, c] = points[right, c]
                    points[right, c] = swap
                right -= 1
        middle = min(max(left, lo + 1), hi - 1)
        stack[depth, 0], stack[depth, 1], stack[depth, 2] = lo, middle, me
        stack[depth + 1, 0], stack[depth + 1, 1], stack[depth + 1, 2] = middle, hi, me
        depth += 2
    return segments[:count], fed[:count], parent[:count]


@njit(cache=True, nogil=True)
def finish(first, beyond, hu, noise, level, out):
    """Blur in-plane by the scanner's point spread (3 x 3 binomial), add noise times its coarse level, round."""
    _, ny, nx = hu.shape
    for k in range(first, beyond):
        for j in range(ny):
            for i in range(nx):
                total = 0.0
                for dj in range(-1, 2):
                    for di in range(-1, 2):
                        weight = (2 - abs(dj)) * (2 - abs(di)) / 16.0
                        total += weight * hu[k, min(max(j + dj, 0), ny - 1), min(max(i + di, 0), nx - 1)]
                total += noise[k, j, i] * _bilinear(level, k, j, i)
                out[k, j, i] = np.int16(min(max(round(total), -1024.0), 3071.0))


@njit(cache=True, nogil=True)
def weave(first, beyond, hu, distance, coarse, tile, amount):
    """Add texture inside a coarse signed distance: a coarse field plus `amount` times a periodic fine tile."""
    _, ny, nx = hu.shape
    tz, ty, tx = tile.shape
    for k in range(first, beyond):
        for j in range(ny):
            for i in range(nx):
                if distance[k, j // FACTOR, i // FACTOR] > 4.0:
                    continue
                share = 0.5 - _bilinear(distance, k, j, i) / 1.2
                if share > 0.0:
                    texture = _bilinear(coarse, k, j, i) + amount * tile[k % tz, j % ty, i % tx]
                    hu[k, j, i] += min(share, 1.0) * texture
