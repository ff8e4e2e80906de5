"""A second model of scatter, which shares nothing with the kernels: photons followed one by one through a slab.

From a point through a slab to a detector of caesium iodide: Compton scattering by Klein and Nishina on free
electrons, coherent
scattering by some degrees, absorption by what the tables have beyond both.
"""

import numpy as np

from simulators.scanners.xray.signal import mass_attenuation

ELECTRON_KEV = 511.0
GRID = np.geomspace(10, 150, 60)
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


def coherent_cm2_per_g(kev, material):
    """Water's coherent cross section (XCOM); acrylic's is smaller by the square of its atomic number."""
    share = {"water": 1.0, "PMMA": 0.85}[material]
    table = [10, 20, 30, 40, 50, 60, 80, 100, 150]
    water = [0.2305, 0.0886, 0.0469, 0.0287, 0.0194, 0.0140, 0.0082, 0.0053, 0.0024]
    return share * np.exp(np.interp(np.log(kev), np.log(table), np.log(water)))


def absorbed(kev, cosine):
    """Share of photons that 0.6 mm of CsI take, by the angle at which they come."""
    mu = np.interp(kev, GRID, [mass_attenuation("CsI", k) for k in GRID])
    return 1 - np.exp(-mu * 0.27 / np.maximum(cosine, 0.05))


def slab_ratio(
    material, density, thick_mm, field, kev, photons, rng, *, source_mm=1000.0, behind_mm=500.0, filtered=None
):
    """Scatter over primary, in energy that the detector takes, in its middle, behind a slab about the isocentre.

    field = (u from, u to, v from, v to), mm at the isocentre, is what the beam covers; the middle is a third of
    it in u, a half in
    v. kev are the energies of the beam, one for each photon. filtered(u, kev) is what a bow-tie leaves.
    """
    u, v = rng.uniform(*field[:2], photons), rng.uniform(*field[2:], photons)
    energy = np.resize(np.asarray(kev, float), photons)
    weight = np.ones(photons) if filtered is None else filtered(u, energy)
    way = np.stack([u, v, np.full(photons, source_mm)], axis=1)
    way /= np.linalg.norm(way, axis=1)[:, None]
    at = np.array([0, 0, -source_mm]) + way * ((source_mm - thick_mm / 2) / way[:, 2])[:, None]
    grow = (source_mm + behind_mm) / source_mm
    third, half = (field[1] - field[0]) / 3, (field[3] - field[2]) / 4
    middle = np.array([field[0] + third, field[1] - third, field[2] + half, field[3] - half]) * grow
    tables = [f(GRID, material) * density / 10 for f in (compton_cm2_per_g, coherent_cm2_per_g)]
    whole = np.array([mass_attenuation(material, k) for k in GRID]) * density / 10

    def read(at, way, energy, weight):
        landed = at + way * ((behind_mm - at[:, 2]) / np.maximum(way[:, 2], 1e-9))[:, None]
        inside = (
            (landed[:, 0] > middle[0])
            & (landed[:, 0] < middle[1])
            & (landed[:, 1] > middle[2])
            & (landed[:, 1] < middle[3])
        )
        return float((weight * energy * absorbed(energy, way[:, 2]))[inside].sum())

    primary = read(at, way, energy, weight * np.exp(-np.interp(energy, GRID, whole) * thick_mm / way[:, 2]))
    scatter, scattered = 0.0, np.zeros(photons, bool)
    while energy.size:
        mu, compton, coherent = (np.interp(energy, GRID, table) for table in (whole, *tables))
        at = at + way * rng.exponential(1 / mu)[:, None]
        behind, before = at[:, 2] > thick_mm / 2, at[:, 2] < -thick_mm / 2
        out = behind & scattered
        scatter += read(at[out], way[out], energy[out], weight[out])
        chance = rng.uniform(0, 1, energy.size) * mu
        kept = ~(behind | before) & (chance < compton + coherent) & (energy > 12)
        at, way, energy, weight = at[kept], way[kept], energy[kept], weight[kept]
        turns = (chance < compton)[kept]
        scattered = np.ones(energy.size, bool)
        cosine = np.cos(np.abs(rng.normal(0, 2.4 / energy)))  # of a coherent event: some degrees at 60 keV
        cosine[turns], energy[turns] = turned(energy[turns], rng)
        way = _rotated(way, cosine, rng)
    return scatter / primary


def _rotated(way, cosine, rng):
    phi = rng.uniform(0, 2 * np.pi, cosine.size)
    sine = np.sqrt(1 - cosine**2)
    other = np.where(np.abs(way[:, :1]) < 0.9, [[1.0, 0, 0]], [[0, 1.0, 0]])
    u = np.cross(way, other)
    u /= np.linalg.norm(u, axis=1)[:, None]
    v = np.cross(way, u)
    return way * cosine[:, None] + sine[:, None] * (np.cos(phi)[:, None] * u + np.sin(phi)[:, None] * v)
