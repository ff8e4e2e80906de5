"""The task `t2-flair`: from a T2 of the brain, extracted from its skull, to a FLAIR; both over their own median."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.channel import Channel
from models.task import Task
from simulators.core.imaging import Paired, within
from simulators.tasks.registered import Registered
from twin import Volume

_T2 = Channel(name="t2", unit="a.u.", low=0.0, high=400.0)
_FLAIR = Channel(name="flair", unit="a.u.", low=0.0, high=250.0)
_TASK = Task(name="t2-flair", source=(_T2,), target=(_FLAIR,), start=(("t2",),))
_MEDIAN = 100.0  # of a brain, in these images
# Fluid over the median differs between scanners by half: what only one part in 200 exceeds, which is fluid, is brought
# to one value, and with it all that is brighter than the median.
_FLUID, _FLUID_SHARE, _LEAST_APART = 280.0, 0.995, 50.0
_RIM_MM = 6.0  # around a lesion with which it is compared
# FLAIR at each T2 by what the virtual MR makes of white matter, grey matter and fluid, and of what mixes the last two
# (docs/scanners.md; mean of 1.5 and 3 T): what a table alone can do.
_TABLE = ((0, 60, 88, 114, 160, 200, 273, 400), (0, 90, 96, 105, 83, 63, 28, 25))


@dataclass(frozen=True)
class T2FlairTask(Registered):
    """Brains alone: what is 0 or less is no brain."""

    def inside(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: the brain."""
        return scan.array > 0

    def shown(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: the brain, and what is 0 within it, as here and there in the fluid of extracted brains."""
        from scipy.ndimage import binary_fill_holes

        return np.stack([binary_fill_holes(there) for there in self.inside(scan)])

    def source_numbers(self, scan: Volume) -> np.ndarray:
        """(z, y, x): over the brain's median, which becomes 100, and fluid 280; holes as the nearest of the brain."""
        there = self.inside(scan)
        values = _filled(over_median(scan.array, there), there, self.shown(scan) & ~there)
        fluid = float(np.quantile(values[there], _FLUID_SHARE)) if there.any() else _FLUID
        steeper = np.float32((_FLUID - _MEDIAN) / max(fluid - _MEDIAN, _LEAST_APART))
        return np.where(values > _MEDIAN, _MEDIAN + (values - _MEDIAN) * steeper, values)

    def target_values(self, target: Volume, region: np.ndarray) -> np.ndarray:
        """(z, y, x): over the brain's median, which becomes 100."""
        return over_median(target.array, region)

    def more_yardsticks(self, source: Volume, truth: Volume, region: np.ndarray) -> dict[str, Volume]:
        """The T2 over its median, as a copy that has the FLAIR's unit."""
        copy = np.where(region, self.source_numbers(source), self.outside)
        return {"source": self.volume(source.geometry, copy)}

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """Contrast of the lesions: their mean over that of what lies around them, and by what share it is off.

        None where no lesion lies in the brain, or nothing of the brain around it.

        Args:
            made: the FLAIR.
            case: of which.
        """
        lesion = within(case, "lesion")
        if lesion is None:
            return {}
        from scipy.ndimage import distance_transform_edt

        away = distance_transform_edt(~lesion, sampling=made.geometry.spacing_mm)
        rim = case.region & (away > 0) & (away <= _RIM_MM)
        if not rim.any():
            return {}
        ours, true = (
            float(v.array[lesion].mean() / max(v.array[rim].mean(), 1e-6)) for v in (made, case.truth)
        )
        return {"lesion_contrast": ours, "lesion_contrast_error": abs(ours / max(true, 1e-6) - 1.0)}

    def classical(self, scan: Volume) -> Volume:
        """The FLAIR that the virtual MR's tissues have at each value of T2."""
        values = np.interp(self.source_numbers(scan), *_TABLE)
        return self.volume(scan.geometry, np.where(self.inside(scan), values, self.outside))


def _filled(values: np.ndarray, there: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """(z, y, x) with the nearest value of its own slice in each hole."""
    from scipy.ndimage import distance_transform_edt

    out = values.copy()
    for z in np.flatnonzero(holes.any(axis=(1, 2))):
        nearest = distance_transform_edt(~there[z], return_distances=False, return_indices=True)
        out[z][holes[z]] = values[z][tuple(nearest[:, holes[z]])]
    return out


def over_median(values: np.ndarray, there: np.ndarray) -> np.ndarray:
    """An MR image over its median, which becomes 100, float32.

    Args:
        values: (z, y, x).
        there: (z, y, x) bool, the part whose median it is.
    """
    middle = float(np.median(values[there])) if there.any() else 1.0
    return values.astype(np.float32) * np.float32(_MEDIAN / max(middle, 1e-6))


TASK = T2FlairTask(_TASK, "MR", "MR", pixel_mm=1.0, version="3")
