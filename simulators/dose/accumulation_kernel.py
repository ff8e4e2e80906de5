"""The compiled sum of fractions at points that move from fraction to fraction."""

import math

from numba import njit


@njit(cache=True, nogil=True)
def summed_dose(first, beyond, dose, paths, stages, shifts, scales, alpha_beta, out):
    """Add the fractions' doses, or their EQD2, at points of one dose grid.

    Args:
        first, beyond: points that are done (`simulators.core.threads`).
        dose: (z, y, x) float32, Gy; linear between voxel centres, 0 outside them.
        paths: (stages, n, 3) float64 voxel indices (z, y, x), where each point goes.
        stages: (draws, fractions) float64, how far along them the points are, below the number of stages.
        shifts: (draws, fractions, 3) float64, voxels.
        scales: (fractions,) the share of the grid that each fraction delivers.
        alpha_beta: Gy for EQD2, or 0 for physical dose.
        out: (draws, n) float32, added to.
    """
    nz, ny, nx = dose.shape
    last = paths.shape[0] - 1
    for row in range(out.shape[0]):
        for i in range(first, beyond):
            total = 0.0
            for f in range(scales.size):
                s = int(stages[row, f])
                t, s1 = stages[row, f] - s, min(s + 1, last)
                z = (1 - t) * paths[s, i, 0] + t * paths[s1, i, 0] + shifts[row, f, 0]
                y = (1 - t) * paths[s, i, 1] + t * paths[s1, i, 1] + shifts[row, f, 1]
                x = (1 - t) * paths[s, i, 2] + t * paths[s1, i, 2] + shifts[row, f, 2]
                if not (0.0 <= z <= nz - 1 and 0.0 <= y <= ny - 1 and 0.0 <= x <= nx - 1):
                    continue
                k, j, h = math.floor(z), math.floor(y), math.floor(x)
                k1, j1, h1 = min(k + 1, nz - 1), min(j + 1, ny - 1), min(h + 1, nx - 1)
                z, y, x = z - k, y - j, x - h
                near = (1 - y) * ((1 - x) * dose[k, j, h] + x * dose[k, j, h1])
                near += y * ((1 - x) * dose[k, j1, h] + x * dose[k, j1, h1])
                far = (1 - y) * ((1 - x) * dose[k1, j, h] + x * dose[k1, j, h1])
                far += y * ((1 - x) * dose[k1, j1, h] + x * dose[k1, j1, h1])
                one = ((1 - z) * near + z * far) * scales[f]
                if alpha_beta > 0.0:
                    one *= (one + alpha_beta) / (2.0 + alpha_beta)
                total += one
            out[row, i] += total
