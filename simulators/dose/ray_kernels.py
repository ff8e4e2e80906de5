"""Ray kernels of the approximate dose: loaded only when a dose is computed.

One beam's rays diverge from a source at `SAD_MM` from the isocentre in the axial plane. A ray is named by its
(v, u) in mm where it crosses the isocentre's plane: v along z, u across. Along it t is the signed distance
from that plane in mm, measured along the beam's axis. Grids are aligned with the patient's axes.
"""

import numpy as np
from numba import njit, prange

SAD_MM = 1000.0
MU_PER_MM = 0.0045  # effective attenuation of 6 MV in water beyond the build-up [quoted from memory]
DMAX_MM = 15.0  # depth of the maximum, 6 MV
SURFACE_DOSE = 0.5  # of the maximum, averaged over the first millimetres: 6 MV rises to a half within 2-3 mm


@njit(cache=True, inline="always")
def trilinear(values, z, y, x, outside):
    """Linear interpolation between voxels at fractional indices; `outside` beyond their outer edges."""
    nz, ny, nx = values.shape
    if z <= -0.5 or y <= -0.5 or x <= -0.5 or z >= nz - 0.5 or y >= ny - 0.5 or x >= nx - 0.5:
        return outside
    z, y, x = min(max(z, 0.0), nz - 1.0), min(max(y, 0.0), ny - 1.0), min(max(x, 0.0), nx - 1.0)
    k, j, i = int(z), int(y), int(x)
    k1, j1, i1 = min(k + 1, nz - 1), min(j + 1, ny - 1), min(i + 1, nx - 1)
    c, b, a = z - k, y - j, x - i
    low = (values[k, j, i] * (1 - a) + values[k, j, i1] * a) * (1 - b)
    low += (values[k, j1, i] * (1 - a) + values[k, j1, i1] * a) * b
    high = (values[k1, j, i] * (1 - a) + values[k1, j, i1] * a) * (1 - b)
    high += (values[k1, j1, i] * (1 - a) + values[k1, j1, i1] * a) * b
    return low * (1 - c) + high * c


@njit(cache=True)
def relative_dose(depth_mm):
    """Dose at a water-equivalent depth, mm, as a share of that at `DMAX_MM`, inverse square apart."""
    if depth_mm >= DMAX_MM:
        return np.exp(-MU_PER_MM * (depth_mm - DMAX_MM))
    missing = 1.0 - max(depth_mm, 0.0) / DMAX_MM
    return 1.0 - (1.0 - SURFACE_DOSE) * missing * missing


@njit(cache=True, parallel=True)
def nearest_distance(distance, first, spacing, angles, v_mm, u_mm, t_mm):
    """The smallest value of a signed distance map along each ray of each beam.

    Args:
        distance: (z, y, x) float32 signed distance to a surface, mm, negative inside.
        first: (3,) centre of voxel (0, 0, 0) from the isocentre, (z, y, x) mm.
        spacing: (3,) voxel spacing (z, y, x), mm.
        angles: (beams,) gantry angles, rad; 0 from the front, a quarter turn from the patient's left.
        v_mm: (nv,) rays along z at the isocentre, mm.
        u_mm: (nu,) rays across at the isocentre, mm.
        t_mm: (nt,) positions along the ray, mm.

    Returns:
        (beams, nv, nu) float32, mm.
    """
    out = np.empty((angles.size, v_mm.size, u_mm.size), np.float32)
    for b in prange(angles.size):
        sx, sy = np.sin(angles[b]), -np.cos(angles[b])
        for iv in range(v_mm.size):
            for iu in range(u_mm.size):
                best = np.float32(1e9)
                for t in t_mm:
                    widen = (SAD_MM + t) / SAD_MM
                    z = v_mm[iv] * widen
                    y = -sy * t + sx * u_mm[iu] * widen
                    x = -sx * t - sy * u_mm[iu] * widen
                    d = trilinear(
                        distance,
                        (z - first[0]) / spacing[0],
                        (y - first[1]) / spacing[1],
                        (x - first[2]) / spacing[2],
                        np.float32(1e9),
                    )
                    best = min(best, d)
                out[b, iv, iu] = best
    return out


@njit(cache=True, parallel=True)
def depths(density, first, spacing, sx, sy, v_mm, u_mm, t_mm, out):
    """Water-equivalent depth, mm, of the nodes t_mm of all rays of a beam, into out (nv, nu, nt)."""
    step = t_mm[1] - t_mm[0]
    for iv in prange(v_mm.size):
        for iu in range(u_mm.size):
            slant = np.sqrt(1.0 + (v_mm[iv] * v_mm[iv] + u_mm[iu] * u_mm[iu]) / (SAD_MM * SAD_MM))
            depth = 0.0
            before = 0.0
            for it in range(t_mm.size):
                widen = (SAD_MM + t_mm[it]) / SAD_MM
                z = v_mm[iv] * widen
                y = -sy * t_mm[it] + sx * u_mm[iu] * widen
                x = -sx * t_mm[it] - sy * u_mm[iu] * widen
                here = trilinear(
                    density,
                    (z - first[0]) / spacing[0],
                    (y - first[1]) / spacing[1],
                    (x - first[2]) / spacing[2],
                    np.float32(0.0),
                )
                depth += 0.5 * (before + here) * step * slant
                before = here
                out[iv, iu, it] = depth


@njit(cache=True, parallel=True)
def _deposit(dose, inside, first, spacing, sx, sy, fluence, v_mm, u_mm, t_mm, depth, weight):
    """Add one beam to dose, where inside."""
    nz, ny, nx = dose.shape
    dv, du, dt = v_mm[1] - v_mm[0], u_mm[1] - u_mm[0], t_mm[1] - t_mm[0]
    for k in prange(nz):
        z = first[0] + k * spacing[0]
        if abs(z) > v_mm[-1] * (SAD_MM + t_mm[-1]) / SAD_MM:
            continue
        for j in range(ny):
            y = first[1] + j * spacing[1]
            for i in range(nx):
                if not inside[k, j, i]:
                    continue
                x = first[2] + i * spacing[2]
                t = -(x * sx + y * sy)
                widen = (SAD_MM + t) / SAD_MM
                u = (y * sx - x * sy) / widen
                v = z / widen
                fu, fv, ft = (u - u_mm[0]) / du, (v - v_mm[0]) / dv, (t - t_mm[0]) / dt
                if fu < 0 or fv < 0 or fu >= u_mm.size - 1 or fv >= v_mm.size - 1:
                    continue
                iu, iv = int(fu), int(fv)
                a, c = fu - iu, fv - iv
                open_ = (fluence[iv, iu] * (1 - a) + fluence[iv, iu + 1] * a) * (1 - c)
                open_ += (fluence[iv + 1, iu] * (1 - a) + fluence[iv + 1, iu + 1] * a) * c
                if open_ < 1e-4:
                    continue
                deep = trilinear(depth, fv, fu, ft, np.float32(0.0))
                slant2 = 1.0 + (u * u + v * v) / (SAD_MM * SAD_MM)
                dose[k, j, i] += weight * open_ * relative_dose(deep) / (widen * widen * slant2)


@njit(cache=True)
def beams_dose(
    density, first, spacing, angles, weights, fluence, v_mm, u_mm, t_mm, inside, dose_first, dose_spacing
):
    """Dose of coplanar beams, relative to an open beam at `DMAX_MM` with its isocentre there.

    Args:
        density: (z, y, x) float32 relative electron density, 0 outside the body.
        first: (3,) centre of its voxel (0, 0, 0) from the isocentre, (z, y, x) mm.
        spacing: (3,) its voxel spacing (z, y, x), mm.
        angles: (beams,) gantry angles, rad.
        weights: (beams,) their weights.
        fluence: (beams, nv, nu) float32, 1 in the open aperture.
        v_mm, u_mm, t_mm: the rays, as in `nearest_distance`, evenly spaced; t_mm[0] lies outside the body.
        inside: (z, y, x) bool on the dose grid: where dose is wanted, 0 elsewhere.
        dose_first, dose_spacing: where it lies, as for the density.

    Returns:
        Dose on the dose grid, float32.
    """
    dose = np.zeros(inside.shape, np.float32)
    depth = np.empty((v_mm.size, u_mm.size, t_mm.size), np.float32)
    for b in range(angles.size):
        sx, sy = np.sin(angles[b]), -np.cos(angles[b])
        depths(density, first, spacing, sx, sy, v_mm, u_mm, t_mm, depth)
        _deposit(
            dose, inside, dose_first, dose_spacing, sx, sy, fluence[b], v_mm, u_mm, t_mm, depth, weights[b]
        )
    return dose
