"""Scatter behind patients in cone beams by photons followed one by one, beside the scanners' kernels.

python benchmarks/scatter.py [CT ...]      behind acrylic, cylinders of water, and an in-silico thorax (phantom) or CTs

The second model shares nothing with the kernels (`simulators/scanners/xray/scatter.py`). From a point, photons fly
through voxels of two materials (Woodcock tracking), scatter coherently or by Compton's law, and are read by 0.6 mm of
caesium iodide, which takes their energy. Cross sections are Elam's (by xraydb 4.5), coherent angles those of water's
measured form factor (Peplow and Verghese, Phys Med Biol 43:2431, 1998), whatever scatters.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numba import njit

from simulators import Key, Purpose, ScanRequest
from simulators.insilico.patient import make_patient
from simulators.scanners.cbct import _object, isocentre
from simulators.scanners.conebeam import System, acquire
from simulators.scanners.conebeam.breathing import Breathing
from simulators.scanners.projection import Beam
from simulators.scanners.projection.beam import place
from simulators.scanners.xray import Scatter, Signal, soft_and_bone
from simulators.scanners.xray.scatter import GRID_PRIMARY, GRID_SCATTER
from simulators.scanners.xray.signal import _table, mass_attenuation
from twin import Geometry, Volume
from twin.importer import read_scans

SCINTILLATOR_G_CM2, CELLS = 0.27, (24, 18)  # of the detector, across and along z
PHOTONS = 1_000_000
ELECTRON_KEV, WAVE_KEV_ANGSTROM = 511.0, 12.398
KEV = [10, 15, 20, 30, 40, 50, 60, 80, 100, 125, 150]
CM2_G = {  # incoherent, coherent
    "water": ([0.155, 0.1699, 0.1774, 0.1829, 0.1827, 0.1803, 0.177, 0.1697, 0.1626, 0.1545, 0.1474],
              [0.2305, 0.1333, 0.0886, 0.0469, 0.0287, 0.0194, 0.0139, 0.0082, 0.0054, 0.0035, 0.0024]),
    "bone": ([0.1293, 0.1459, 0.1551, 0.1629, 0.1643, 0.1632, 0.1609, 0.1552, 0.1493, 0.1422, 0.1359],
             [0.4185, 0.2544, 0.1698, 0.0908, 0.0568, 0.039, 0.0284, 0.0169, 0.0112, 0.0074, 0.0052]),
    "PMMA": ([0.1513, 0.1664, 0.1741, 0.1793, 0.1787, 0.1761, 0.1727, 0.1654, 0.1583, 0.1503, 0.1433],
             [0.1812, 0.1071, 0.071, 0.0372, 0.0227, 0.0152, 0.0109, 0.0064, 0.0042, 0.0027, 0.0019]),
}  # fmt: skip
FORM_X = [
    0,
    0.1,
    0.12,
    0.14,
    0.16,
    0.18,
    0.2,
    0.24,
    0.28,
    0.32,
    0.4,
    0.5,
    0.6,
    0.8,
    1,
    1.5,
    2,
    3,
    4,
    6,
    10,
    20,
]  # 1/A
FORM = [0.587, 0.587, 1.048, 1.568, 1.876, 1.758, 1.6, 1.451, 0.938, 0.86, 0.735, 0.522, 0.474, 0.379, 0.324, 0.235,
        0.159, 0.0689, 0.0317, 0.0087, 0.00137, 0.00009]  # fmt: skip
# Share of Klein and Nishina's law that bound electrons take, water (Hubbell et al., J Phys Chem Ref Data 4:471, 1975).
BOUND_X = np.array([0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 3, 4, 20])
BOUND = np.array([0, 0.008, 0.048, 0.166, 0.306, 0.434, 0.537, 0.617, 0.722, 0.782, 0.841, 0.89, 0.946, 0.976, 0.996,
                  0.999, 1])  # fmt: skip
STEP = 1.0  # keV, of the tables


def tables(material: str) -> np.ndarray:
    """(3, keV) whole, incoherent and coherent cross section, cm2/g, from 0 keV on in steps of 1."""
    kev = np.maximum(np.arange(152) * STEP, KEV[0])
    parts = [np.exp(np.interp(np.log(kev), np.log(KEV), np.log(part))) for part in CM2_G[material]]
    return np.stack([np.vectorize(mass_attenuation)(material, kev), *parts])


@njit(cache=True)
def _at(table, kev):
    low = int(kev)
    return table[low] + (kev - low) * (table[low + 1] - table[low])


@njit(cache=True)
def _compton(kev):
    """Cosine and energy after an incoherent event."""
    while True:
        c = 2 * np.random.random() - 1
        share = 1 / (1 + kev / ELECTRON_KEV * (1 - c))
        x = kev / WAVE_KEV_ANGSTROM * np.sqrt((1 - c) / 2)
        if np.random.random() < share**2 * (share + 1 / share - 1 + c**2) / 2 * np.interp(x, BOUND_X, BOUND):
            return c, kev * share


@njit(cache=True)
def _coherent(kev, squares, sums):
    """Cosine after a coherent event."""
    most = (kev / WAVE_KEV_ANGSTROM) ** 2
    end = np.interp(most, squares, sums)
    while True:
        square = np.interp(np.random.random() * end, sums, squares)
        c = 1 - 2 * square / most
        if np.random.random() < (1 + c**2) / 2:
            return c


@njit(cache=True)
def _turned(way, c):
    """A direction turned by the angle of cosine c, about itself at random."""
    phi, sine = 2 * np.pi * np.random.random(), np.sqrt(max(0.0, 1 - c * c))
    x, y, z = way
    flat = np.sqrt(x * x + y * y)
    if flat < 1e-8:
        return np.array([sine * np.cos(phi), sine * np.sin(phi), c * np.sign(z)])
    a, b = sine * np.cos(phi), sine * np.sin(phi)
    return np.array(
        [c * x + (a * x * z - b * y) / flat, c * y + (a * y * z + b * x) / flat, c * z - a * flat]
    )


@njit(cache=True)
def _follow(  # noqa: PLR0912, PLR0915
    soft, bone, first, spacing, cross, squares, sums, source, ahead, across, edges, lengths, spectrum, bowtie,
    taken, cells, photons, seed,
):  # fmt: skip
    """(2, nu, nv) energy of what scattered once and more often, and what all photons of the open beam would leave."""
    np.random.seed(seed)
    made, opened = np.zeros((2, cells[0], cells[1])), 0.0
    most_soft, most_bone = soft.max(), bone.max()
    sad, sdd = lengths
    nz, ny, nx = soft.shape
    low = first - spacing / 2
    high = low + spacing * np.array([nx, ny, nz])
    for _ in range(photons):
        u = edges[0] + np.random.random() * (edges[1] - edges[0])
        v = edges[2] + np.random.random() * (edges[3] - edges[2])
        kev = np.interp(np.random.random(), spectrum[1], spectrum[0])
        opened += kev * (1 - np.exp(-_at(taken, kev)))
        weight = np.exp(-bowtie[0] * abs(u) ** bowtie[1] * _at(cross[1, 0], kev))
        way = sad * ahead + u * across
        way[2] += v
        way /= np.sqrt((way**2).sum())
        at, hits = source.copy(), 0
        near, far = 0.0, 1e9
        for k in range(3):  # where the ray meets the voxels
            if abs(way[k]) > 1e-12:
                a, b = (low[k] - at[k]) / way[k], (high[k] - at[k]) / way[k]
                near, far = max(near, min(a, b)), min(far, max(a, b))
        if near >= far:
            continue
        at += (near + 1e-6) * way
        while True:
            limit = most_soft * _at(cross[0, 0], kev) + most_bone * _at(cross[1, 0], kev)
            at += -10 * np.log(1 - np.random.random()) / limit * way
            cell = np.floor((at - low) / spacing).astype(np.int64)
            i, j, k = cell
            if i < 0 or j < 0 or k < 0 or i >= nx or j >= ny or k >= nz:
                break
            s, b = soft[k, j, i], bone[k, j, i]
            chance = np.random.random() * limit
            if chance >= s * _at(cross[0, 0], kev) + b * _at(cross[1, 0], kev):
                continue
            incoherent = s * _at(cross[0, 1], kev) + b * _at(cross[1, 1], kev)
            coherent = s * _at(cross[0, 2], kev) + b * _at(cross[1, 2], kev)
            if chance < incoherent:
                c, kev = _compton(kev)
            elif chance < incoherent + coherent:
                c = _coherent(kev, squares, sums)
            else:
                hits = -1
                break
            hits += 1
            way = _turned(way, c)
            if kev < 12:
                hits = -1
                break
        forward = (way * ahead).sum()
        if hits < 1 or forward < 0.05:
            continue
        at += (sdd - sad - (at * ahead).sum()) / forward * way
        p = int(np.floor(((at * across).sum() * sad / sdd - edges[0]) / (edges[1] - edges[0]) * cells[0]))
        q = int(np.floor((at[2] * sad / sdd - edges[2]) / (edges[3] - edges[2]) * cells[1]))
        if 0 <= p < cells[0] and 0 <= q < cells[1]:
            made[min(hits, 2) - 1, p, q] += weight * kev * (1 - np.exp(-_at(taken, kev) / forward))
    return made, opened


def followed(
    soft: np.ndarray, bone: np.ndarray, first, spacing, system: System, beam: Beam, photons: int, *, seed: int = 0,
    material: str = "water", kev: float | None = None,
) -> np.ndarray:  # fmt: skip
    """Scatter without a grid in one view, over what a detector's cell reads of the open beam: (2, nu, nv), of photons
    that scattered once and more often.

    Args:
        soft, bone: (z, y, x) g/cm3 of the material and of bone.
        first: LPS (x, y, z) of the first voxel from the isocentre, mm.
        spacing: of the voxels (x, y, z), mm.
        system: whose spectrum, bow-tie and distances are taken.
        beam: its rays; the first view is followed.
        photons: how many.
        seed: of chance.
        material: of soft.
        kev: of all photons; the spectrum's where None.
    """
    bins, spectra = _table("spectra")
    photons_of = spectra[system.beam] if kev is None else (np.abs(bins - kev) <= 1).astype(float)
    edges_kev = np.append(bins - 1, bins[-1] + 1)
    spectrum = np.stack([edges_kev, np.append(0.0, np.cumsum(photons_of) / photons_of.sum())])
    angle = float(beam.angles_rad[0])
    toward = np.array([np.sin(angle), -np.cos(angle), 0.0])
    across = np.array([np.cos(angle), np.sin(angle), 0.0])
    steps = beam.step_mm
    edges = np.array([beam.u_mm[0] - steps[0] / 2, beam.u_mm[-1] + steps[0] / 2,
                      beam.v_mm[0] - steps[1] / 2, beam.v_mm[-1] + steps[1] / 2])  # fmt: skip
    squares = np.linspace(0, 20, 2001) ** 2
    middle = np.sqrt((squares[1:] + squares[:-1]) / 2)
    sums = np.append(0.0, np.cumsum(np.interp(middle, FORM_X, FORM) ** 2 * np.diff(squares)))
    taken = SCINTILLATOR_G_CM2 * np.vectorize(mass_attenuation)("CsI", np.maximum(np.arange(152.0), KEV[0]))
    edge = (system.width_mm / 2 + system.offset_mm) * system.scale
    whole = float(system.bowtie(np.array([edge]))[0])
    made, opened = _follow(
        np.ascontiguousarray(soft, np.float32), np.ascontiguousarray(bone, np.float32), np.asarray(first, float),
        np.asarray(spacing, float), np.stack([tables(material), tables("bone")]), squares, sums,
        system.source_mm * toward, -toward, across, edges, (system.source_mm, system.detector_mm), spectrum,
        np.array([whole / edge**0.8, 0.8]), taken, CELLS, photons, seed,
    )  # fmt: skip
    return made / (opened / (CELLS[0] * CELLS[1]))


def slab(cm: float, system: System, beam: Beam, photons: int, seed: int = 0) -> np.ndarray:
    """Scatter behind acrylic of 60 x 40 cm about the isocentre, in cells of the detector, as `followed`."""
    block = np.full((40, max(1, round(cm)), 60), 1.18, np.float32)
    spacing = np.array([10.0, 10.0 * cm / block.shape[1], 10.0])
    first = -(np.array(block.shape[::-1]) - 1) / 2 * spacing
    return followed(
        block, np.zeros_like(block), first, spacing, system, beam, photons, material="PMMA", seed=seed
    )


def acrylic(cm: float, system: System, photons: int) -> tuple[float, float]:
    """Scatter to primary without a grid behind acrylic, in the middle: by photons, and by kernels."""
    beam = system.rays(60, 3.0, True)
    kev, spectra = _table("spectra")
    mu = _table("attenuation")[1]
    weight = spectra[system.beam] * kev * (1 - np.exp(-SCINTILLATOR_G_CM2 * mu["CsI"]))
    bone = system.bowtie(beam.u_mm)
    before = Signal(system.beam).attenuation(np.zeros_like(bone), bone)
    way = 1.18 * cm * np.sqrt(1 + (beam.u_mm / system.source_mm) ** 2)
    left = np.exp(-np.outer(way, mu["PMMA"]) - np.outer(bone, mu["bone"])) @ weight / weight.sum()
    primary = np.broadcast_to(left[:, None], beam.shape[1:])
    p = np.broadcast_to((-np.log(left) - before)[:, None], beam.shape)
    kernels = Scatter(False).of(np.ascontiguousarray(p, np.float32), np.exp(-before), beam.step_mm)[0]
    middle = (slice(8, 16), slice(5, 13))
    cells = [cells_of(values, CELLS)[middle].mean() for values in (primary, kernels)]
    seen = slab(cm, system, beam, photons).sum(axis=0)[middle].mean()
    return float(seen / cells[0]), float(cells[1] / cells[0])


def cells_of(values: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """Means of pixels over the detector's cells, whose sides cut no pixel."""
    out = values
    for axis, n in enumerate(cells):
        starts = np.round(np.arange(n) * out.shape[axis] / n).astype(int)
        counts = np.diff(np.append(starts, out.shape[axis]))
        shape = [-1 if a == axis else 1 for a in range(2)]
        out = np.add.reduceat(out, starts, axis=axis) / counts.reshape(shape)
    return out


def water(cm: float = 30.0) -> Volume:
    """A cylinder of water, 30 cm long."""
    line = (np.arange(176) - 87.5) * 2.0
    hu = np.where(np.hypot(line[:, None], line) < 5 * cm, 0, -1000)
    grid = Geometry((60, 176, 176), (5.0, 2.0, 2.0), (-175.0, -175.0, -147.5))
    return Volume(grid, np.broadcast_to(hu, grid.shape).astype(np.int16), "CT", "HU")


class View(NamedTuple):
    """One view, in cells of the detector and over the open beam: primary, scatter by photons and by kernels, and p."""

    u_mm: np.ndarray
    primary: np.ndarray
    photons: np.ndarray
    kernels: np.ndarray
    p: np.ndarray

    def ratios(self, cells: np.ndarray) -> tuple[float, float]:
        """Scatter to primary in some cells: by photons, and by kernels."""
        return tuple(float(s[cells].sum() / self.primary[cells].sum()) for s in (self.photons, self.kernels))


def view(ct: Volume, system: System, angle_rad: float, photons: int, half_fan: bool = True) -> View:
    """A view of a CT, in a field of 20 cm."""
    centre = isocentre(ScanRequest(ct, None, Key(0, "scatter", Purpose.SCANNER)), ct)
    there = _object(ct, centre, 200.0, 4.0)
    whole = system.rays(4, 3.0, half_fan)
    beam = Beam(np.array([angle_rad]), whole.u_mm, whole.v_mm, whole.source_mm, True)
    still = Breathing(np.zeros((0, 0, 0), np.float32), np.zeros(1), np.zeros(1, int))
    seen = acquire(there, centre, system, beam, 1e6, still, np.random.default_rng(0))
    first, spacing = (values[[1, 0, 2]] for values in place(there.geometry, centre))
    photon = followed(*soft_and_bone(there.array), first, spacing, system, beam, photons).sum(axis=0)
    air = seen.air[None, :, None]
    primary, kernel = (cells_of((part * air)[0], CELLS) for part in (seen.primary, seen.scatter))
    u_mm = np.array([part.mean() for part in np.array_split(beam.u_mm, CELLS[0])])
    return View(u_mm, primary, photon, kernel, -np.log(cells_of(seen.primary[0], CELLS)))


def patient(ct: Volume, system: System, turn: int, photons: int) -> list[str]:
    """Lines: scatter to primary behind lung and mediastinum from one side (0 front, 1 left), in a field of 20 cm."""
    seen, lines = view(ct, system, turn * np.pi / 2, photons), []
    for name, low, high in (("2 to 3", 2.0, 3.0), ("4.2 to 6", 4.2, 6.0), ("6 to 9", 6.0, 9.0)):
        cells = (seen.p > low) & (seen.p < high)
        cells[:, :6] = cells[:, 12:] = False
        if cells.sum() >= 4:
            ratios = seen.ratios(cells)
            grid = f"{ratios[1] * GRID_SCATTER / GRID_PRIMARY:.2f}"
            lines.append(f"{name} | {ratios[0]:.2f} | {ratios[1]:.2f} | {grid}")
    return lines


def middle(ct: Volume, system: System, photons: int, angles_rad: Sequence[float], half_fan: bool) -> str:
    """Scatter to primary by photons and by kernels within 35 mm of the axis, from some sides."""
    ratios = []
    for angle in angles_rad:
        seen = view(ct, system, angle, photons, half_fan)
        cells = (np.abs(seen.u_mm) < 35)[:, None] & (np.abs(np.arange(CELLS[1]) - 8.5) < 6)[None]
        ratios.append(seen.ratios(cells))
    return " | ".join(f"{min(r):.2f} to {max(r):.2f}" for r in zip(*ratios, strict=True))


def main(sources: list[str]) -> None:
    """Prints all of it."""
    print("| acrylic, cm | photons | kernels | measured |\n|---|---|---|---|")
    for cm in (10, 20, 30, 40):
        by = acrylic(cm, replace(System.named("varian"), grid=False), PHOTONS)
        print(f"| {cm} | {by[0]:.2f} | {by[1]:.2f} | {4.51 if cm == 30 else ''} |", flush=True)
    print("| object | system | view | p | photons | kernels | with the grid |\n|---|---|---|---|---|---|---|")
    for source in ("water", *(sources or ["phantom"])):
        ct = _object_named(source)
        for name in ("varian", "elekta"):
            system = replace(System.named(name), grid=False)
            for turn, view in enumerate(("front", "side")[: 1 if source == "water" else 2]):
                for line in patient(ct, system, turn, PHOTONS):
                    print(f"| {source.rsplit('/', 1)[-1]} | {name} | {view} | {line} |", flush=True)

    print("| in the middle | system | photons | kernels |\n|---|---|---|---|")
    for name in ("varian", "elekta"):
        system = replace(System.named(name), grid=False)
        bare = replace(system, bowtie_mm=1e-6)
        for cm in (16, 32):
            words = middle(water(cm), bare, PHOTONS, (0.0,), False)
            print(f"| {cm} cm of water, full fan, no bow-tie | {name} | {words} |", flush=True)
        around = np.arange(8) * np.pi / 4
        words = middle(_object_named("phantom"), system, PHOTONS, around, True)
        print(f"| in silico, from eight sides | {name} | {words} |", flush=True)


def _object_named(source: str) -> Volume:
    if source == "water":
        return water()
    return (make_patient(7)[0] if source == "phantom" else read_scans(source)).baseline.volume.upright()


if __name__ == "__main__":
    main(sys.argv[1:])
