"""A second model of scatter, which shares nothing with the kernels: photons followed one by one through a slab.

Compton scattering by Klein and Nishina on free electrons, absorption by what the tables have beyond that; coherent
scatter, which hardly turns a photon, counts as no event.
"""

import numpy as np

from simulators.scanners.xray.signal import mass_attenuation

ELECTRON_KEV = 511.0
ELECTRONS_PER_G = {"water": 3.343e23, "PMMA": 3.248e23}


def compton_cm2_per_g(kev, material):
    """Klein and Nishina's total cross section of a gram's electrons."""
    a = kev / ELECTRON_KEV
    first = (1 + a) / a**2 * (2 * (1 + a) / (1 + 2 * a) - np.log(1 + 2 * a) / a)
    sigma = first + np.log(1 + 2 * a) / (2 * a) - (1 + 3 * a) / (1 + 2 * a) ** 2
    return 2 * np.pi * (2.818e-13) ** 2 * sigma * ELECTRONS_PER_G[material]


def turned(kev, rng):
    """Cosine of the angle and energy after a Compton event, by rejection."""
    cosine, left = np.empty(kev.size), np.arange(kev.size)
    while left.size:
        c = rng.uniform(-1, 1, left.size)
        share = 1 / (1 + kev[left] / ELECTRON_KEV * (1 - c))
        weight = share**2 * (share + 1 / share - (1 - c**2)) / 2
        taken = rng.uniform(0, 1, left.size) < weight
        cosine[left[taken]] = c[taken]
        left = left[~taken]
    return cosine, kev / (1 + kev / ELECTRON_KEV * (1 - cosine))


def slab_ratio(material, density, thick_mm, half_mm, gap_mm, kev, photons, rng):
    """Scatter over primary, in energy, at the middle of the detector behind a slab in a parallel beam.

    The beam covers half_mm = (y, x) on both sides of the axis. By reciprocity all photons start on the axis and count
    wherever they land within the beam's shadow of themselves.
    """
    energy = np.full(photons, float(kev))
    at = np.zeros((photons, 3))
    way = np.tile([0.0, 0.0, 1.0], (photons, 1))
    scattered = np.zeros(photons, bool)
    total = {"primary": 0.0, "scatter": 0.0}
    grid = np.geomspace(10, 150, 60)
    mu_table = np.array([mass_attenuation(material, k) for k in grid]) * density / 10
    compton_table = compton_cm2_per_g(grid, material) * density / 10
    while energy.size:
        mu = np.interp(energy, grid, mu_table)
        at = at + way * rng.exponential(1 / mu)[:, None]
        out_behind, out_before = at[:, 2] > thick_mm, at[:, 2] < 0
        if out_behind.any():
            k = np.flatnonzero(out_behind)
            back = (thick_mm + gap_mm - at[k, 2]) / np.maximum(way[k, 2], 1e-9)
            landed = at[k] + way[k] * back[:, None]
            inside = (np.abs(landed[:, 0]) < half_mm[0]) & (np.abs(landed[:, 1]) < half_mm[1])
            for name, of in (("scatter", scattered[k]), ("primary", ~scattered[k])):
                total[name] += float(energy[k][of & inside].sum())
        kept = ~(out_behind | out_before)
        compton = rng.uniform(0, 1, energy.size) < np.interp(energy, grid, compton_table) / mu
        kept &= compton & (energy > 12)
        at, way, energy = at[kept], way[kept], energy[kept]
        scattered = np.ones(energy.size, bool)
        cosine, energy = turned(energy, rng)
        way = _rotated(way, cosine, rng)
    return total["scatter"] / total["primary"]


def _rotated(way, cosine, rng):
    phi = rng.uniform(0, 2 * np.pi, cosine.size)
    sine = np.sqrt(1 - cosine**2)
    other = np.where(np.abs(way[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    u = np.cross(way, other)
    u /= np.linalg.norm(u, axis=1)[:, None]
    v = np.cross(way, u)
    return way * cosine[:, None] + sine[:, None] * (np.cos(phi)[:, None] * u + np.sin(phi)[:, None] * v)
