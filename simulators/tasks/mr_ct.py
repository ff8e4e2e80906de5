"""The task `mr-ct`: from a T1-weighted MR to a CT, where the MR shows the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.channel import Channel
from models.task import Task
from simulators.core.imaging import Paired
from simulators.tasks.registered import Registered
from twin import Volume

_MR = Channel(name="mr", unit="a.u.", low=0.0, high=1500.0)
_CT = Channel(name="ct", unit="HU", low=-1024.0, high=2048.0)
_TASK = Task(name="mr-ct", source=(_MR,), target=(_CT,), start=((),))
_MUSCLE, _FAT = 120.0, 600.0  # from where on a voxel is muscle, and fat, where muscle lies at 300
_BULK_HU = (0.0, 40.0, -100.0)  # of dark voxels, which may be bone or air, of muscle and fat
_SKIN = 60.0
_SOFT_HU, _BONE_HU, _AIR_HU = (-150.0, 130.0), 200.0, -1000.0
_SHORTEST_MM = 20.0  # of a path that is looked at


@dataclass(frozen=True)
class MrCtTask(Registered):
    """T1 in units in which muscle (of a head, white matter) lies near 300; below 0 there is no MR."""

    def inside(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: what is brighter than air and all that it encloses, where there is an MR."""
        from scipy.ndimage import binary_closing, binary_fill_holes, label

        there = scan.array >= 0
        out = np.zeros(scan.array.shape, bool)
        for z, plane in enumerate(scan.array > _SKIN):
            pieces, n = label(plane)
            if n:
                largest = pieces == int(np.bincount(pieces.ravel())[1:].argmax()) + 1
                out[z] = binary_fill_holes(binary_closing(np.pad(largest, 3), iterations=2))[3:-3, 3:-3]
        return out & there

    def parts(self, truth: Volume, region: np.ndarray, drawn: np.ndarray | None) -> dict[str, np.ndarray]:
        """Soft tissue, bone, and the tumour where one is drawn."""
        hu = truth.array
        found = {"soft": region & (hu > _SOFT_HU[0]) & (hu < _SOFT_HU[1]), "bone": region & (hu > _BONE_HU)}
        return found | super().parts(truth, region, drawn)

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """How far the water-equivalent path from front to back through what is judged is off, mm: mean and bias."""
        step = made.geometry.spacing_mm[1]
        errors, deep = [], case.region.sum(axis=1) * step >= _SHORTEST_MM
        if not deep.any():
            return {}
        for volume in (made, case.truth):
            water = np.clip(volume.array / 1000.0 + 1.0, 0.0, None)
            errors.append((np.where(case.region, water, 0.0).sum(axis=1) * step)[deep])
        off = errors[0] - errors[1]
        return {"path_error_mm": float(np.abs(off).mean()), "path_bias_mm": float(off.mean())}

    def classical(self, scan: Volume) -> Volume:
        """Bulk densities: fat, muscle, and water for what is dark, which may be bone or air."""
        dark, muscle, fat = _BULK_HU
        mr = scan.array
        values = np.where(mr >= _FAT, fat, np.where(mr >= _MUSCLE, muscle, dark))
        return self.volume(scan.geometry, np.where(self.inside(scan), values, self.outside))


TASK = MrCtTask(_TASK, "MR", "CT", outside=_AIR_HU, pixel_mm=2.0)
