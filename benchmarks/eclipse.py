"""DVHs of the product held against those that Eclipse exported: the ENT plan of SlicerRT's test data.

Usage: python benchmarks/eclipse.py slicerrt_eclipse_ent.zip

Structures become what an import makes of them, contours with their mask on an image's grid; the DVH is the one that
every run and scorecard uses, with its ends drawn in as Eclipse draws them.
"""

import base64
import re
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np

from simulators.dose.dvh import Dvh, dvh
from twin import Geometry, StructureSet, Volume
from twin.contours.shape import Shape
from twin.structures import Structure

_ROOT = "slicerrt_eclipse_dose_dvh/"
PERCENT = (2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98)


def main() -> None:
    """Print the residuals of each structure, largest first."""
    begun = time.process_time()
    plan = EclipsePlan(Path(sys.argv[1]))
    print("structure         Eclipse      ours   volume    own rule    dose points   mean dose")
    for name, (cm3, gy, percent) in sorted(plan.table().items(), key=lambda row: -row[1][0]):
        organ = structure(plan.contours()[name])
        ours = dvh(plan.dose, organ, "S", as_eclipse=True)
        off_gy = np.abs(points(ours) - their_points(gy, percent)).max()
        mean_gy = ours.mean_gy - their_mean(gy, percent)
        print(
            f"{name:16s} {cm3:8.1f} {ours.volume_cm3:9.2f} {ours.volume_cm3 / cm3 - 1:+8.2%} "
            f"{organ['S'].cm3 / cm3 - 1:+12.2%} {off_gy:10.3f} Gy {mean_gy:+8.3f} Gy"
        )
    print(f"{time.process_time() - begun:.1f} s of processor time")


def points(curve: Dvh) -> np.ndarray:
    """D2 to D98, Gy."""
    return np.array([curve.d(q) for q in PERCENT])


def their_points(gy: np.ndarray, percent: np.ndarray) -> np.ndarray:
    """D2 to D98 of an exported curve, Gy."""
    return np.interp(PERCENT, percent[::-1], gy[::-1])


def their_mean(gy: np.ndarray, percent: np.ndarray) -> float:
    """Mean dose of an exported curve, Gy."""
    return float(-np.diff(percent) @ (gy[1:] + gy[:-1]) / 200 + gy[-1] * percent[-1] / 100)


class EclipsePlan:
    """Dose grids, exported curves and contours of the set.

    Args:
        path: the zip.
    """

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)
        self.dose = self.volume("EclipseEnt_Dose.nrrd")

    def volume(self, name: str, unit="Gy") -> Volume:
        """A NRRD of the set."""
        head, _, body = self.zip.read(_ROOT + name).partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        x, y, z = map(int, fields["sizes"].split())
        spacing = float(re.search(r"\(([\d.]+),0,0\)", fields["space directions"]).group(1))
        origin = tuple(float(v) for v in fields["space origin"].strip("()").split(","))
        values = np.frombuffer(zlib.decompress(body, wbits=31), "<f4").reshape(z, y, x)
        return Volume(Geometry((z, y, x), (spacing,) * 3, origin), values, "DOSE", unit)

    def table(self) -> dict[str, tuple[float, np.ndarray, np.ndarray]]:
        """Structure -> printed volume in cm3, dose in Gy, percent of the volume, as Eclipse exported them."""
        text = self.zip.read(_ROOT + "EclipseEnt_DvhTable_Eclipse.csv").decode()
        head, *rows = text.splitlines()
        values = np.array([[float(v) if v else np.nan for v in r.split(",")] for r in rows if r])
        out = {}
        for i, title in enumerate(head.split(",")):
            if match := re.search(r"(.*)_DvhArray Value \(% of ([\d.]+) cc\)", title):
                known = np.isfinite(values[:, i])
                out[_key(match.group(1))] = float(match.group(2)), values[known, i - 1], values[known, i]
        return out

    def contours(self) -> dict[str, list[np.ndarray]]:
        """Structure -> closed planar contours, (n, 3) LPS mm."""
        names = [n for n in self.zip.namelist() if n.endswith(".vtp")]
        return dict(_polylines(self.zip.read(n).decode()) for n in names)


def structure(contours: list[np.ndarray]) -> StructureSet:
    """A structure as an import makes it, on a CT of slices as far apart as its contours and 1 mm pixels."""
    heights = sorted({round(float(c[0, 2]), 2) for c in contours})
    points = np.concatenate(contours)[:, :2]
    x, y = points.min(axis=0) - 3.0
    columns, rows = np.ceil(np.ptp(points, axis=0) + 6.0).astype(int)
    grid = Geometry(
        (len(heights), int(rows), int(columns)), (heights[1] - heights[0], 1.0, 1.0), (x, y, heights[0])
    )
    drawn = tuple(c.astype(np.float32) for c in contours)
    return StructureSet(grid, (Structure("S", "OAR", Shape(drawn, grid).mask(), contours=drawn),))


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _polylines(text: str) -> tuple[str, list[np.ndarray]]:
    name = _array(re.search(r'Name="Segment_Name".*?>\s*(\S+)', text).group(1)).rstrip(b"\0").decode()
    points = re.search(r"<Points>.*?<DataArray[^>]*>\s*(\S+)", text, re.DOTALL).group(1)
    xyz = np.frombuffer(_array(points), "<f4").reshape(-1, 3) * np.array([-1.0, -1.0, 1.0])  # RAS to LPS
    lines = re.search(r"<Lines>(.*?)</Lines>", text, re.DOTALL).group(1)
    index, ends = (np.frombuffer(_array(a), "<i8") for a in re.findall(r"<DataArray[^>]*>\s*(\S+)", lines))
    return _key(name), [xyz[i] for i in np.split(index, ends[:-1])]


def _array(text: str) -> bytes:
    """VTK's inline compressed data: a base64 header of sizes, then base64 blocks of zlib."""
    blocks = struct.unpack("<I", base64.b64decode(text[:8])[:4])[0]
    head = -(-4 * (3 + blocks) // 3) * 4
    sizes = struct.unpack(f"<{blocks}I", base64.b64decode(text[:head])[12 : 12 + 4 * blocks])
    data, out, at = base64.b64decode(text[head:]), b"", 0
    for n in sizes:
        out += zlib.decompress(data[at : at + n])
        at += n
    return out


if __name__ == "__main__":
    main()
