"""Dose in lung slabs by a coarse Monte Carlo with electrons, beside the superposition engine.

python benchmarks/monte_carlo.py [HISTORIES]

Photons: Compton (Klein-Nishina), pair production, photoelectric absorption; electrons: continuous slowing down with
Gaussian multiple scattering (ICRU 35), no radiative loss; cut-offs 0.1 and 0.02 MeV. A pencil beam suffices: in slabs
the dose on the axis of a parallel square field is the pencil's dose summed over that square. Independent of the
engine but for the spectrum and the attenuation coefficients.
"""

import sys

import numpy as np
from numba import njit, prange

from simulators.dose.medium import Medium
from simulators.photon import machine
from simulators.photon.superposition import Beams, superposed
from twin import Geometry

FIELDS_MM = (20, 40, 100)
DEPTHS_MM = (30, 70, 100, 130, 160, 200)
BIN_CM, DEPTH_CM = 0.5, 26.0
CHUNKS = 64
MEC2 = 0.51099895
STOPPING_MEV = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0])
# Collision stopping power of water, MeV cm2/g (ICRU 37; quoted from memory).
STOPPING = np.array(
    [22.56, 13.17, 6.603, 4.115, 2.793, 2.355, 2.034, 1.911, 1.849, 1.822, 1.824, 1.846, 1.870, 1.892, 1.911]
)
PAIR_MEV = np.array([1.022, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0])
PAIR = np.array([0.0, 9.9e-5, 3.9e-4, 1.13e-3, 1.87e-3, 2.55e-3, 3.19e-3])  # cm2/g, triplets included
ELECTRONS_PER_G = 3.343e23
PHOTONS = np.cumsum(np.array(machine._PHOTONS) / sum(machine._PHOTONS))


@njit(cache=True)
def klein_nishina(mev):
    k = mev / MEC2
    a = 1 + 2 * k
    return 2 * np.pi * 7.9407877e-26 * (
        (1 + k) / k**2 * (2 * (1 + k) / a - np.log(a) / k) + np.log(a) / (2 * k) - (1 + 3 * k) / a**2
    ) * ELECTRONS_PER_G  # fmt: skip


@njit(cache=True)
def turned(u, v, w, cosine, phi):
    sine = np.sqrt(max(0.0, 1 - cosine * cosine))
    a, b = np.cos(phi) * sine, np.sin(phi) * sine
    flat = np.sqrt(u * u + v * v)
    if flat < 1e-6:
        return a, b, cosine * np.sign(w)
    return (
        u * cosine + (u * w * a - v * b) / flat,
        v * cosine + (v * w * a + u * b) / flat,
        w * cosine - flat * a,
    )


@njit(cache=True)
def density_at(z, lung):
    return lung if 5.0 < z < 15.0 else 1.0


@njit(cache=True)
def to_border(z, w):
    """Distance along z to the next slab, cm."""
    nearest = 1e9
    for border in (0.0, 5.0, 15.0, DEPTH_CM):
        if abs(w) > 1e-9:
            far = (border - z) / w
            if 1e-9 < far < nearest:
                nearest = far
    return nearest


@njit(cache=True)
def score(out, x, y, z, mev):
    if 0 <= z < DEPTH_CM:
        k = int(z / BIN_CM)
        for f in range(len(FIELDS_MM)):
            half = FIELDS_MM[f] / 20.0
            if abs(x) < half and abs(y) < half:
                out[f, k] += mev


@njit(cache=True)
def scattering_power(mev):
    """Mean square angle per g/cm2 of water."""
    t = mev / MEC2
    p = np.sqrt(t * (t + 2))
    beta2 = t * (t + 2) / (t + 1) ** 2
    total = 0.0
    for share, z, a in ((0.1119, 1.0, 1.008), (0.8881, 8.0, 15.999)):
        low = 1.13 * z ** (1 / 3) / 137.036 / p
        high = min(1.0, 2 * 137.036 / a ** (1 / 3) / p)
        r = 1 + (high / low) ** 2
        total += share / a * z * (z + 1) * (np.log(r) - 1 + 1 / r)
    return 4 * np.pi * 7.9407877e-26 * 6.022e23 * total / ((t + 1) ** 2 * beta2**2)


@njit(cache=True)
def electron(out, x, y, z, u, v, w, mev, lung):
    while mev > 0.1:
        power = np.interp(mev, STOPPING_MEV, STOPPING)
        density = density_at(z + 1e-7 * w, lung)
        way = 0.04 * mev / power / density
        border = to_border(z, w)
        crossed = way >= border
        way = min(way, border)
        lost = min(mev, way * density * power)
        at = np.random.random() * way
        score(out, x + u * at, y + v * at, z + w * at, lost)
        x, y, z = x + u * way, y + v * way, z + w * way
        if crossed:
            z += 1e-6 * np.sign(w)
        mev -= lost
        if z <= 0 or z >= DEPTH_CM:
            return x, y, z
        mean = scattering_power(mev + lost / 2) * way * density
        angle = np.sqrt(-mean * np.log(max(np.random.random(), 1e-12)))
        u, v, w = turned(u, v, w, np.cos(min(angle, np.pi)), 2 * np.pi * np.random.random())
    score(out, x, y, z, mev)
    return x, y, z


@njit(cache=True)
def history(out, first_mev, lung, stack):  # noqa: PLR0912, PLR0915
    depth = 1
    stack[0] = (0.0, 0.0, 0.0, 0.0, 0.0, 1.0, first_mev)
    while depth > 0:
        depth -= 1
        x, y, z, u, v, w, mev = stack[depth]
        while True:
            if mev < 0.02:
                score(out, x, y, z, mev)
                break
            compton = klein_nishina(mev)
            pair = np.interp(mev, PAIR_MEV, PAIR)
            photo = 2.763e-3 * (0.1 / mev) ** 3.2
            total = compton + pair + photo
            paths = -np.log(max(np.random.random(), 1e-15))
            gone = False
            while True:
                density = density_at(z + 1e-7 * w, lung)
                border = to_border(z, w)
                if paths <= border * density * total:
                    way = paths / (density * total)
                    x, y, z = x + u * way, y + v * way, z + w * way
                    break
                paths -= border * density * total
                x, y, z = x + u * border, y + v * border, z + w * border + 1e-7 * np.sign(w)
                if z <= 0 or z >= DEPTH_CM or border > 1e8:
                    gone = True
                    break
            if gone:
                break
            chance = np.random.random() * total
            if chance < photo:
                electron(out, x, y, z, u, v, w, mev, lung)
                break
            if chance < photo + pair:
                share = np.random.random()
                kinetic = max(mev - 2 * MEC2, 0.0)
                electron(out, x, y, z, u, v, w, kinetic * share, lung)
                x, y, z = electron(out, x, y, z, u, v, w, kinetic * (1 - share), lung)
                cosine, phi = 2 * np.random.random() - 1, 2 * np.pi * np.random.random()
                sine = np.sqrt(1 - cosine * cosine)
                a, b = sine * np.cos(phi), sine * np.sin(phi)
                if 0 < z < DEPTH_CM and depth < 60:
                    stack[depth] = (x, y, z, a, b, cosine, MEC2)
                    stack[depth + 1] = (x, y, z, -a, -b, -cosine, MEC2)
                    depth += 2
                break
            k = mev / MEC2
            while True:  # rejection on the share of energy that is left
                low = 1 / (1 + 2 * k)
                left = low + (1 - low) * np.random.random()
                cosine = 1 - (1 / left - 1) / k
                if np.random.random() * (1 / low + low) <= left + 1 / left - (1 - cosine * cosine):
                    break
            given = mev * (1 - left)
            phi = 2 * np.pi * np.random.random()
            if given > 0:
                momentum = np.sqrt(given * (given + 2 * MEC2))
                forward = min(1.0, max(-1.0, (mev - mev * left * cosine) / momentum))
                a, b, c = turned(u, v, w, forward, phi + np.pi)
                electron(out, x, y, z, a, b, c, given, lung)
            u, v, w = turned(u, v, w, cosine, phi)
            mev *= left


@njit(cache=True, parallel=True)
def run(histories, lung, photons, bin_mev, seed):
    out = np.zeros((CHUNKS, len(FIELDS_MM), int(DEPTH_CM / BIN_CM)))
    for chunk in prange(CHUNKS):
        np.random.seed(seed + chunk)
        stack = [(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)] * 64
        for _ in range(histories // CHUNKS):
            bin_ = min(np.searchsorted(photons, np.random.random()), photons.size - 1)
            history(out[chunk], (bin_ + np.random.random()) * bin_mev, lung, stack)
    return out


def monte_carlo(histories: int, lung: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(fields, depths) dose on the axis, MeV per g/cm2 and photon, and its relative standard error."""
    parts = run(histories, lung, PHOTONS, 0.25, seed) / (histories / CHUNKS)
    z = (np.arange(parts.shape[2]) + 0.5) * BIN_CM
    density = np.where((z > 5) & (z < 15), lung, 1.0)
    at = np.rint(np.array(DEPTHS_MM) / 10 / BIN_CM - 0.5).astype(int)
    dose = (parts / density / BIN_CM)[:, :, at]
    dose = 0.5 * (dose + (parts / density / BIN_CM)[:, :, np.minimum(at + 1, parts.shape[2] - 1)])
    return dose.mean(axis=0), dose.std(axis=0) / CHUNKS**0.5 / dose.mean(axis=0)


def engine(field_mm: float, lung: float) -> np.ndarray:
    """(depths,) dose on the axis by superposition, its isocentre in the middle of the lung slab."""
    spacing = 2.5 if field_mm < 100 else 5.0
    n = 2 * int(np.ceil((field_mm / 2 + 30) / spacing)) + 1
    ny = int(10 * DEPTH_CM / spacing)
    grid = Geometry((n, ny, n), (spacing,) * 3, (-(n // 2) * spacing, spacing / 2, -(n // 2) * spacing))
    depths = (np.arange(ny) + 0.5) * spacing
    density = np.ones(grid.shape, np.float32)
    density[:, (depths > 50) & (depths < 150)] = lung
    x = np.arange(-int(field_mm), int(field_mm) + 1) * 1.0
    edge = np.clip(field_mm / 2 - np.abs(x) + 0.5, 0, 1)
    beams = Beams(
        np.array([0.0, 100.0, 0.0]), np.zeros(1), (edge[:, None] * edge)[None].astype(np.float32), x, x
    )
    dose = superposed(Medium(grid, density), beams)
    return np.interp(DEPTHS_MM, depths, dose[n // 2, :, n // 2])


def main(histories: int) -> None:
    water, spread = monte_carlo(histories, 1.0, 1)
    ours = {field: engine(field, 1.0) for field in FIELDS_MM}
    print(f"{histories} histories; depths in cm: {', '.join(f'{d / 10:g}' for d in DEPTHS_MM)}")
    tenth = DEPTHS_MM.index(100)
    for f, field in enumerate(FIELDS_MM):
        ratio = water[f, tenth] / water[-1, tenth], ours[field][tenth] / ours[100][tenth]
        print(f"water, {field} mm: dose at 10 cm over that of 100 mm: Monte Carlo {ratio[0]:.3f}, "
              f"engine, head scatter too, {ratio[1]:.3f}")  # fmt: skip
    for lung in (0.25, 0.1):
        slab, error = monte_carlo(histories, lung, 1000)
        for f, field in enumerate(FIELDS_MM):
            known = slab[f] / water[f]
            found = engine(field, lung) / ours[field]
            print(f"lung {lung}, {field} mm, dose over that in water")
            line("Monte Carlo", known, "7.3f")
            line("engine", found, "7.3f")
            line("difference, %", 100 * (found / known - 1), "+7.1f")
            line("standard error, %", 100 * np.hypot(error[f], spread[f]), "7.1f")


def line(name: str, values: np.ndarray, how: str) -> None:
    print(f"  {name:18s}" + " ".join(f"{v:{how}}" for v in values))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
