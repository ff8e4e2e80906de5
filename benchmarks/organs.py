"""Estimated organs against outlines drawn by hand on three real thoraces, and against the truth of in-silico patients.

Prints the mean distance between surfaces, both ways, and the 95th percentile, mm, per organ and patient. The outlines
(`tests/fixtures/outlines`) were drawn by this project, not by a clinician. The estimator was looked at on these same
three thoraces while it was made: there are no others, so the real figures are of training, not of test.

The part of an organ that lies beyond the CT counts nowhere; tubes are compared between the outermost slices drawn.

Usage: python benchmarks/organs.py DATA [SEEDS], where DATA holds 4dlung_113.zip and cancerdata_lung2.zip
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import ndimage

from simulators.core.chance import Key, Purpose
from simulators.insilico.patient import make_patient
from simulators.insilico.thorax.body import Frame, Habitus
from simulators.insilico.thorax.canvas import Canvas
from simulators.insilico.thorax.mediastinum import middle
from twin import Geometry, Scan, StructureSet
from twin.anatomy.organs import seen
from twin.contours.planar import mask
from twin.importer import import_patient

OUTLINES = Path(__file__).resolve().parents[1] / "tests" / "fixtures" / "outlines"
ORGANS = ("Heart", "Esophagus", "SpinalCord", "GreatVes")
THORACES = {  # outlines -> archive and folder in it
    "4dlung_113": ("4dlung_113.zip", ""),
    "cancerdata_lung2_pat_1": ("cancerdata_lung2.zip", "pat_1/"),
    "cancerdata_lung2_pat_2": ("cancerdata_lung2.zip", "pat_2/"),
}


def outlined(name: str, geometry: Geometry) -> dict[str, np.ndarray]:
    """The organs drawn on one thorax as (z, y, x) bool masks: between slices the signed distance is interpolated."""
    drawn = json.loads((OUTLINES / f"{name}.json").read_text())
    return {organ: _filled(slices, geometry) for organ, slices in drawn.items()}


def _filled(slices: dict[str, list], geometry: Geometry) -> np.ndarray:
    signed = {}
    for level, polygons in slices.items():
        within, row = np.zeros(geometry.shape[1:], dtype=bool), 0.0
        for polygon in polygons:
            points = np.asarray([geometry.index((x, y, float(level))) for x, y in polygon])
            within |= mask([points[:, 1:]], geometry.shape[1:])
            row = points[0, 0]
        inside, outside = (ndimage.distance_transform_edt(m) for m in (within, ~within))
        signed[round(row)] = inside - outside
    levels = sorted(signed)
    first = levels[0] - (levels[1] - levels[0]) // 2
    last = levels[-1] + (levels[-1] - levels[-2]) // 2
    whole = np.zeros(geometry.shape, dtype=bool)
    for z in range(max(0, first), min(geometry.shape[0], last + 1)):
        after = int(np.clip(np.searchsorted(levels, z), 1, len(levels) - 1))
        low, high = levels[after - 1], levels[after]
        share = float(np.clip((z - low) / (high - low), 0.0, 1.0))
        whole[z] = (1 - share) * signed[low] + share * signed[high] > 0
    return whole


def surface_mm(a: np.ndarray, b: np.ndarray, spacing_mm: tuple[float, ...]) -> np.ndarray:
    """Distances from each surface to the other, mm; where a mask leaves the grid it has no surface."""
    pad = [(1, 1)] * 3
    surfaces = []
    for m in (a, b):
        full = np.pad(m, pad, mode="edge")
        surfaces.append((full & ~ndimage.binary_erosion(full, border_value=1))[1:-1, 1:-1, 1:-1])
    if not (surfaces[0].any() and surfaces[1].any()):
        return np.array([np.nan])
    to = [ndimage.distance_transform_edt(~s, sampling=spacing_mm) for s in surfaces]
    return np.concatenate([to[1][surfaces[0]], to[0][surfaces[1]]])


def judged(truth: np.ndarray, estimate: np.ndarray, geometry: Geometry, tube: bool) -> tuple[float, float]:
    """Mean surface distance and its 95th percentile, mm."""
    heights = np.flatnonzero(truth.any(axis=(1, 2)))
    rows = slice(heights[0], heights[-1] + 1) if tube else slice(None)
    truth, estimate = truth[rows], estimate[rows]
    box = tuple(slice(max(0, i.min() - 3), i.max() + 4) for i in np.nonzero(truth | estimate))
    off = surface_mm(truth[box], estimate[box], geometry.spacing_mm)
    return float(off.mean()), float(np.percentile(off, 95))


def real(data: Path, name: str) -> Iterator[tuple[str, float, float]]:
    """Organ, mean and 95th percentile of one real thorax."""
    archive, folder = THORACES[name]
    with tempfile.TemporaryDirectory() as place:
        with zipfile.ZipFile(data / archive) as packed:
            packed.extractall(place, [n for n in packed.namelist() if folder in n])
        twin = import_patient(place)
        scan = twin.baseline
        drawn = StructureSet(scan.volume.geometry, tuple(s for s in twin.contours if not s.estimated))
        yield from compared(scan, drawn, outlined(name, scan.volume.geometry))


def in_silico(seed: int) -> Iterator[tuple[str, float, float]]:
    """Organ, mean and 95th percentile of one in-silico patient."""
    twin, _ = make_patient(seed, site=("central", "peripheral")[seed % 2], nodes=seed % 4 > 1)
    tumour = StructureSet(twin.contours.geometry, twin.contours.role("GTV"))
    truth = {organ: twin.contours.mask(organ) for organ in ORGANS if organ in twin.contours}
    truth["GreatVes"] = _vessels(seed) & ~twin.contours.mask(
        "Heart", "Esophagus", "Trachea", "Lung_L", "Lung_R"
    )
    yield from compared(twin.baseline, tumour, truth)


def _vessels(seed: int) -> np.ndarray:
    """Aorta to the diaphragm, pulmonary trunk, right pulmonary artery, superior vena cava of an in-silico patient."""
    canvas = Canvas(
        Frame(Habitus.draw(Key(seed, f"insilico-{seed}", Purpose.ANATOMY).at(ordinal=1).generator()))
    )
    grid = canvas.frame.grid()
    blood = middle(grid, canvas.frame.habitus, []).blood
    names = ("ascending aorta", "pulmonary trunk", "right pulmonary artery", "superior vena cava")
    return canvas.mask(np.maximum(np.minimum.reduce([blood[n] for n in names]), -120.0 - grid.z))


def compared(
    scan: Scan, drawn: StructureSet, truth: dict[str, np.ndarray]
) -> Iterator[tuple[str, float, float]]:
    """Organ, mean and 95th percentile where the estimate starts from what is drawn."""
    found = seen(scan, drawn)
    for organ, there in truth.items():
        estimate = found.mask(organ) if organ in found else np.zeros_like(there)
        yield organ, *judged(there, estimate, scan.volume.geometry, tube=organ != "Heart")


def main() -> None:
    data, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6
    print(f"{'patient':24} {'organ':12} {'mean, mm':>9} {'95 %, mm':>9}")
    for name in THORACES:
        for organ, mean, high in real(data, name):
            print(f"{name:24} {organ:12} {mean:9.1f} {high:9.1f}", flush=True)
    for seed in range(seeds):
        for organ, mean, high in in_silico(seed):
            print(f"{f'in-silico {seed}':24} {organ:12} {mean:9.1f} {high:9.1f}", flush=True)


if __name__ == "__main__":
    main()
