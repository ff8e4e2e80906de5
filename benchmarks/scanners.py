"""Seconds and peak memory of projections and virtual scans, and the projector beside RTK's.

python benchmarks/scanners.py projector
python benchmarks/scanners.py scans [CT]      of an in-silico patient, or of a CT in DICOM, NIfTI or NRRD
RT_TWIN_RTK=/path/to/python python benchmarks/scanners.py rtk      of an environment with itk-rtk 2.7
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from simulators import Key, Purpose, ScanRequest, scanner_named
from simulators.insilico.patient import make_patient
from simulators.scanners.projection import Beam, project, reconstruct
from twin import Geometry, Volume
from twin.importer import read_scans

MU = 0.02
ORIGIN = np.zeros(3)
SOURCE_MM, DETECTOR_MM = 1000.0, 1500.0


def centred(shape, spacing):
    sides = np.broadcast_to(spacing, 3)
    first = tuple(float(-(n - 1) / 2 * s) for n, s in zip(shape[::-1], sides[::-1], strict=True))
    return Geometry(tuple(shape), tuple(float(s) for s in sides), first)


def pixels(n, step, offset=0.0):
    return (np.arange(n) - (n - 1) / 2) * step + offset


def thorax(geometry):
    """(z, y, x) HU of a body of water with two lungs, a spine and a tumour."""
    z, y, x = (
        np.arange(n) * s + o
        for n, s, o in zip(geometry.shape, geometry.spacing_mm, geometry.origin_mm[::-1], strict=True)
    )
    z, y = z[:, None, None], y[:, None]
    hu = np.full(geometry.shape, -1000.0, np.float32)
    whole = np.zeros_like(hu)
    hu[(x / 150) ** 2 + (y / 110) ** 2 + whole < 1] = 0
    for side in (1, -1):
        hu[((x - 72 * side) / 50) ** 2 + (y / 75) ** 2 + whole < 1] = -760
    hu[(x - 10) ** 2 + (y - 80) ** 2 + whole < 12**2] = 700
    hu[(x - 60) ** 2 + (y + 20) ** 2 + z**2 < 20**2] = 30
    return hu


def timed(name, work):
    wall, cpu = perf_counter(), process_time()
    made = work()
    wall, cpu = perf_counter() - wall, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name:54s} {wall:6.2f} s, {cpu:6.2f} s of processor, peak {peak:.2f} GB")
    return made


def projector() -> None:
    """The size of the first probe: 9.2 s forward, 4.6 s FDK."""
    geometry = centred((56, 219, 219), 2.0)
    mu = MU * (1 + thorax(geometry) / 1000)
    beam = Beam(np.arange(240) * (2 * np.pi / 240), pixels(256, 1.9), pixels(96, 1.9), SOURCE_MM, True)
    project(mu, geometry, beam.views(slice(0, 2)), ORIGIN)  # compile
    reconstruct(np.zeros(beam.shape, np.float32), beam, centred((1, 2, 2), 2.0), ORIGIN)
    seen = timed("240 views of 219 x 219 x 56", lambda: project(mu, geometry, beam, ORIGIN))
    timed("FDK of them", lambda: reconstruct(seen, beam, geometry, ORIGIN))


def rtk() -> None:
    """Projections on a fine grid and images on a coarse one, ours and RTK's; none leaves the object's slices."""
    python = os.environ.get("RT_TWIN_RTK")
    if python is None:
        print("RTK is left out: RT_TWIN_RTK names no python of an environment with itk-rtk")
        return
    fine, coarse = centred((80, 240, 320), 1.0), centred((8, 96, 128), 2.5)
    mu = (MU * (1 + thorax(fine) / 1000)).astype(np.float32)
    for name, offset in (("full fan", 0.0), ("half fan", 110.0)):
        case = {
            "degrees": [float(d) for d in np.arange(120) * 3], "source_mm": SOURCE_MM, "detector_mm": DETECTOR_MM,
            "offset_mm": offset, "nu": 200, "nv": 32, "pitch_mm": 3.0, "spacing_mm": fine.spacing_mm,
            "image_shape": coarse.shape, "image_spacing_mm": coarse.spacing_mm,
        }  # fmt: skip
        scale = SOURCE_MM / DETECTOR_MM
        beam = Beam(
            np.radians(case["degrees"]),
            pixels(200, 3.0, offset) * scale,
            pixels(32, 3.0) * scale,
            SOURCE_MM,
            True,
        )
        seen = timed(f"{name}: projections", lambda beam=beam: project(mu, fine, beam, ORIGIN))
        image = timed(f"{name}: FDK", lambda seen=seen, beam=beam: reconstruct(seen, beam, coarse, ORIGIN))
        with tempfile.TemporaryDirectory() as held:
            folder = Path(held)
            np.save(folder / "object.npy", mu)
            (folder / "case.json").write_text(json.dumps(case))
            child = [python, str(Path(__file__).with_name("rtk_child.py")), held]
            print("RTK:", subprocess.run(child, capture_output=True, text=True, check=True).stdout.strip())
            theirs = np.load(folder / "rtk_projections.npy")
            there = np.load(folder / "rtk_image.npy")
        rmse = float(np.sqrt(np.mean((seen - theirs) ** 2)) / theirs.max())
        print(f"{name}: RMSE of projections {100 * rmse:.5f} % of the largest")
        for tissue, hu in (("water", 0), ("lung", -760)):
            mask = thorax(coarse) == hu
            mask[[0, -1]] = False
            difference = float(np.sqrt(np.mean((image - there)[mask] ** 2))) / MU * 1000
            ours = float(image[mask].mean()) / MU * 1000 - 1000
            print(f"{name}: {tissue} {ours:.1f} HU, RMSE to RTK {difference:.2f} HU")


def scans(source: str | None = None) -> None:
    """Every scanner once, in a patient of usual size; numba's kernels are compiled before."""
    ct = (make_patient(7)[0] if source is None else read_scans(source)).baseline.volume
    print(f"CT of {ct.array.shape} voxels of {ct.geometry.spacing_mm} mm")
    small = Volume(ct.geometry.crop((slice(0, 14), slice(None), slice(None))), ct.array[:14], "CT", "HU")
    for name, options in (
        ("ct", {"dose": 0.25}),
        ("radiograph", {}),
        ("pet", {}),
        ("mr", {"sequence": "t1"}),
        ("mr", {"sequence": "t2"}),
        ("cbct", {"quality": "fast"}),
        ("cbct", {}),
    ):
        scanner, key = scanner_named(name), Key(0, "benchmark", Purpose.SCANNER)
        scanner.scan(
            [ScanRequest(small, None, key, {"views": 60, "voxel_mm": 8} if name == "cbct" else options)]
        )
        words = ", ".join(f"{k}={v}" for k, v in options.items())
        timed(f"{name} {words}", lambda s=scanner, k=key, o=options: s.scan([ScanRequest(ct, None, k, o)]))


if __name__ == "__main__":
    parts = {"projector": projector, "rtk": rtk, "scans": scans}
    if len(sys.argv) > 1:
        parts[sys.argv[1]](*sys.argv[2:])
    else:
        for part in parts.values():
            part()
