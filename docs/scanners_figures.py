"""Makes the figures of docs/scanners.md: the picture of all scans, and the tables that it prints.

python docs/scanners_figures.py picture|ct|cylinder|sharpness|tissue [CT]      of an in-silico patient, or of a CT
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion

from scenarios.records.schema import SIMULATED
from scenarios.report.picture import LUNG, windowed
from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.insilico.patient import make_patient
from simulators.scanners.cbct import CbctOptions, image, isocentre, views
from simulators.scanners.conebeam import System, acquire
from simulators.scanners.conebeam.breathing import Breathing
from simulators.scanners.quality import OwnNoise
from twin import Geometry, Volume
from twin.importer import read_scans

HERE = Path(__file__).parent / "images"
KEY = Key(0, "figures", Purpose.SCANNER)
SOFT = (500.0, 20.0)  # width, level
TISSUES_HU = ((-930, -700), (-130, -70), (0, 100), (300, 1500))


def scanned(ct, name, **options):
    """A CT as a virtual scanner sees it."""
    return scanner_named(name).scan([ScanRequest(ct, None, KEY, options)])[0]


def picture(ct, drawn) -> None:
    """CT, CT of a tenth of the dose, CBCT of two vendors, one uncorrected, in two windows; radiographs, MR and PET."""
    nz = ct.geometry.shape[0]
    part = ct.crop((slice(nz // 2 - 4, nz // 2 + 5), slice(None), slice(None)))
    made = {
        "CT": ct,
        "CT, dose 0.1": scanned(part, "ct", dose=0.1),
        "CBCT, varian": scanned(ct, "cbct"),
        "CBCT, elekta": scanned(ct, "cbct", system="elekta", quality="fast"),
        "CBCT, uncorrected": scanned(ct, "cbct", correction=False, quality="fast"),
    }
    grid = made["CBCT, varian"].geometry
    middle = grid.crop((slice(grid.shape[0] // 2, grid.shape[0] // 2 + 1), slice(None), slice(None)))
    planes = [volume.on(middle, fill=-1000.0)[0] for volume in made.values()]
    rows = [np.hstack([windowed(plane, window) for plane in planes]) for window in (LUNG, SOFT)]
    plain = [scanned(ct, "radiograph", view=view).array.reshape(512, 512)[::-1] for view in ("pa", "lateral")]
    for name, options, bright in (
        ("mr", {"sequence": "t1"}, 99.5),
        ("mr", {"sequence": "t2"}, 99.5),
        ("pet", {}, 99.95),
    ):
        (image,) = scanner_named(name).scan([ScanRequest(ct, drawn, KEY, options)])
        grey = np.clip(image.on(middle)[0] / np.percentile(image.array, bright), 0, 1)
        plain.append(1 - grey if name == "pet" else grey)
    size = rows[0].shape[1] // len(plain)
    shot = [Image.fromarray((255 * grey).astype(np.uint8)).resize((size, size)) for grey in plain]
    tall = Image.new("L", (rows[0].shape[1], 2 * len(rows[0]) + size + 16))
    for n, row in enumerate(rows):
        tall.paste(Image.fromarray(row), (0, n * len(row)))
    for n, one in enumerate(shot):
        tall.paste(one, (n * size, 2 * len(rows[0]) + 16))
    for n, name in enumerate(made):
        ImageDraw.Draw(tall).text((n * rows[0].shape[1] // len(made) + 6, 4), name, fill=255)
    for n, name in enumerate(("radiograph, pa", "lateral", "MR, T1", "MR, T2", "PET")):
        ImageDraw.Draw(tall).text(
            (n * size + 6, tall.height - size + 4), name, fill=0 if name == "PET" else 255
        )
    ImageDraw.Draw(tall).text((6, 2 * len(rows[0]) + 1), SIMULATED, fill=255)
    tall.save(HERE / "scanners.png", optimize=True)
    print(f"{SIMULATED}: {', '.join(made)}; radiographs pa and lateral, MR, PET")


def ct(ct) -> None:
    """Noise by dose."""
    own = OwnNoise.of(ct)
    _heading("dose", "SD, HU", "SD x sqrt(dose)", "MTF of 50 %, lp/cm", "change of mean, HU")
    for dose in (1.0, 0.5, 0.25, 0.1):
        low = scanned(ct, "ct", dose=dose)
        noise = OwnNoise.of(low)
        moved = (low.array[own.slices].astype(float) - ct.array[own.slices])[own.where].mean()
        cells = (noise.sd_hu, noise.sd_hu * dose**0.5, 10 * noise.kernel.f50_per_mm)
        print(f"| {dose} | {' | '.join(f'{v:.1f}' for v in cells)} | {moved:+.2f} |")


def cylinder(_) -> None:
    """A cylinder of 30 cm of water in the cone beams: HU by radius, scatter, noise, sharpness."""
    _heading("cone beam", "HU at 0-20 mm", "60-80 mm", "120-140 mm", "scatter / primary in the middle")
    for system in ("varian", "elekta"):
        for corrected in (False, True):
            seen, hu = _water(
                CbctOptions(system=system, correction=corrected, quality="fast", length_mm=40), 5000.0
            )
            ring = [
                hu[:, (r >= low) & (r < low + 20)].mean() for r in [_radius(hu, 4.0)] for low in (0, 60, 120)
            ]
            ratio = seen.scatter / seen.primary
            middle = ratio[0, np.argmin(np.abs(seen.beam.u_mm)), seen.beam.v_mm.size // 2]
            words = "corrected" if corrected else "raw"
            print(f"| {system}, {words} | {ring[0]:.0f} | {ring[1]:.0f} | {ring[2]:.0f} | {middle:.2f} |")
    _heading("mAs", "SD, HU", "variance x mAs")
    for mas in (50.0, 100.0, 200.0):
        asked = CbctOptions(quality="fast", length_mm=40)
        first, second = (_water(asked, mas, seed)[1][:, 40:76, 40:76] for seed in (1, 2))
        variance = (first - second).var() / 2
        print(f"| {mas:g} | {variance**0.5:.1f} | {variance * mas:.0f} |")


def sharpness(_) -> None:
    """The same cylinder in voxels of 1 mm: MTF across its edge, and the noise's spectrum."""
    asked = CbctOptions(voxel_mm=1, views=180, length_mm=20)
    first, second = (_water(asked, 270.0, seed, pixel=1.0)[1] for seed in (1, 2))
    f50, f10 = edge_mtf((first + second) / 2, 1.0, 150.0)
    n = first.shape[1] // 2
    core = (first - second)[:, n - 48 : n + 48, n - 48 : n + 48]
    print(
        f"voxels of 1 mm, 270 mAs: SD {core.std() / 2**0.5:.1f} HU, MTF of 50 % at {f50:.2f} and of 10 % at {f10:.2f} "
        f"per mm; the noise's spectrum peaks at {nps_peak(core, 1.0):.2f} per mm"
    )


def tissue(ct) -> None:
    """HU of tissues in the cone beams, and scatter behind lung and mediastinum."""
    _heading("cone beam", "lung", "fat", "soft tissue", "bone", "scatter / primary, lung", "mediastinum")
    for options in (
        {},
        {"correction": False},
        {"system": "elekta"},
        {"system": "elekta", "correction": False},
    ):
        asked = CbctOptions(quality="fast", breath_mm=0, **options)
        system, centre = System.named(asked.system), isocentre(ScanRequest(ct, None, KEY), ct)
        seen = views(ct, centre, asked, KEY.generator())
        made = image(seen, system, centre, asked)
        there = ct.on(made.geometry, fill=-1000.0)
        bias = []
        for low, high in TISSUES_HU:
            mask = binary_erosion((there > low) & (there < high) & (made.array > -1000))
            mask[:3] = mask[-3:] = False
            bias.append(f"{float((made.array - there)[mask].mean()):+.0f}" if mask.sum() > 20 else "-")
        # From the front: lung and mediastinum by what they leave of the beam.
        p = -np.log(seen.primary[0])
        rows = slice(p.shape[1] // 3, -p.shape[1] // 3)
        ratio, p = (seen.scatter / seen.primary)[0][:, rows], p[:, rows]
        spr = [f"{np.median(ratio[(p > low) & (p < high)]):.2f}" for low, high in ((2.0, 3.0), (4.2, 6.0))]
        name = f"{asked.system}, {'corrected' if asked.correction else 'raw'}"
        print(f"| {name} | {' | '.join((*bias, *spr))} |")


def _heading(*cells):
    print(f"| {' | '.join(cells)} |\n{'|---' * len(cells)}|")


def _water(asked, mas, seed=0, pixel=2.0):
    n = round(320 / pixel)
    line = (np.arange(4 * n) - (4 * n - 1) / 2) * pixel / 4
    share = (np.hypot(line[:, None], line) < 150).reshape(n, 4, n, 4).mean((1, 3))
    grid = Geometry((8, n, n), (30.0, pixel, pixel), (-(n - 1) / 2 * pixel,) * 2 + (-105.0,))
    hu = np.ascontiguousarray(np.broadcast_to(1000 * share - 1000, grid.shape).astype(np.float32))
    system = System.named(asked.system)
    number, voxel = (asked.views, asked.voxel_mm) if asked.views else (180, 4.0)
    beam = system.rays(number, 0.75 * voxel, True)
    still = Breathing(np.zeros((0, 0, 0), np.float32), np.zeros(1), np.zeros(number, int))
    volume = Volume(grid, hu, "CT", "HU")
    seen = acquire(volume, np.zeros(3), system, beam, mas, still, np.random.default_rng(seed))
    return seen, image(seen, system, np.zeros(3), asked).array.astype(float)


def _radius(hu, step):
    line = (np.arange(hu.shape[1]) - (hu.shape[1] - 1) / 2) * step
    return np.hypot(line[:, None], line)


def edge_mtf(hu, step, radius):
    """Frequencies, per mm, at which the MTF across a cylinder's edge is 50 and 10 %."""
    away = _radius(hu, step) - radius
    fine, plane = 0.25, hu.mean(axis=0)
    bins = np.arange(-15, 15, fine)
    edge = np.array([plane[(away >= b) & (away < b + fine)].mean() for b in bins])
    line = np.diff(edge) * np.hanning(edge.size - 1)
    mtf = np.abs(np.fft.rfft(line, 2048))
    mtf /= mtf[0]
    f = np.fft.rfftfreq(2048, fine)
    return tuple(float(f[np.argmax(mtf < level)]) for level in (0.5, 0.1))


def nps_peak(noise, step):
    """Frequency, per mm, at which the noise's power is greatest, over all directions of the plane."""
    power = (np.abs(np.fft.fft2(noise - noise.mean())) ** 2).mean(axis=0)
    f = np.fft.fftfreq(noise.shape[1], step)
    radius = np.hypot(f[:, None], f)
    bins = np.arange(0.02, 0.5, 0.02)
    return float(bins[np.argmax([power[(radius >= b) & (radius < b + 0.02)].mean() for b in bins])] + 0.01)


if __name__ == "__main__":
    source = read_scans(sys.argv[2]) if len(sys.argv) > 2 else make_patient(7)[0]
    scan = source.baseline.volume
    if sys.argv[1] == "picture":
        picture(scan, source.contours if len(sys.argv) == 2 else None)
    else:
        {"ct": ct, "cylinder": cylinder, "sharpness": sharpness, "tissue": tissue}[sys.argv[1]](scan)
