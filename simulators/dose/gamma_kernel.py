"""The search of the gamma index: loaded only when one is computed."""

import numpy as np
from numba import njit, prange


@njit(cache=True, inline="always")
def _at(values, z, y, x):
    """Linear interpolation; nan outside the outermost centres."""
    nz, ny, nx = values.shape
    if z < -1e-4 or y < -1e-4 or x < -1e-4 or z > nz - 0.9999 or y > ny - 0.9999 or x > nx - 0.9999:
        return np.nan
    k, j, i = max(0, min(int(z), nz - 2)), max(0, min(int(y), ny - 2)), max(0, min(int(x), nx - 2))
    c, b, a = z - k, y - j, x - i
    k1, j1, i1 = min(k + 1, nz - 1), min(j + 1, ny - 1), min(i + 1, nx - 1)
    low = (values[k, j, i] * (1 - a) + values[k, j, i1] * a) * (1 - b)
    low += (values[k, j1, i] * (1 - a) + values[k, j1, i1] * a) * b
    high = (values[k1, j, i] * (1 - a) + values[k1, j, i1] * a) * (1 - b)
    high += (values[k1, j1, i] * (1 - a) + values[k1, j1, i1] * a) * b
    return low * (1 - c) + high * c


@njit(cache=True, parallel=True)
def search(dose, index, evaluated, tolerance, offsets, distance2, limit2):
    """Gamma of points.

    Args:
        dose: (n,) reference dose, Gy.
        index: (n, 3) where the points lie on the evaluated grid, fractional (z, y, x).
        evaluated: (z, y, x) float32 evaluated dose, Gy.
        tolerance: (n,) dose criterion, Gy.
        offsets: (m, 3) steps around a point, indices of the evaluated grid, by growing distance.
        distance2: (m,) their squared distance over the distance criterion's square.
        limit2: the square of the greatest gamma looked for.

    Returns:
        (n,) float32; the square root of limit2 where nothing nearer was found.
    """
    out = np.empty(dose.size, np.float32)
    for p in prange(dose.size):
        best = limit2
        for m in range(distance2.size):
            if distance2[m] >= best:
                break
            there = _at(
                evaluated,
                index[p, 0] + offsets[m, 0],
                index[p, 1] + offsets[m, 1],
                index[p, 2] + offsets[m, 2],
            )
            off = (there - dose[p]) / tolerance[p]
            found = off * off + distance2[m]
            if found < best:  # noqa: PLR1730 - nan, outside the grid, must compare false
                best = found
        out[p] = np.sqrt(best)
    return out
