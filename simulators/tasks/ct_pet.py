"""The task `ct-pet`: from a CT to an FDG-PET in SUV; what a CT does not show, no network can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.channel import Channel
from models.metrics.mask import mask_scores
from models.task import Task
from simulators.core.imaging import Paired, within
from simulators.tasks.body import body
from simulators.tasks.registered import Registered
from twin import Volume

_CT = Channel(name="ct", unit="HU", low=-1024.0, high=1024.0)
_PET = Channel(name="pet", unit="SUV", low=0.0, high=15.0)
_TASK = Task(name="ct-pet", source=(_CT,), target=(_PET,), start=((),))
_MTV = 0.41  # of the greatest uptake: where the metabolic volume ends (Boellaard et al., EJNMMI 2015)
_AROUND_MM, _PEAK_MM = 10.0, 6.2  # how far a lesion's uptake may lie from its contour; radius of 1 cm3
# Mean SUV by HU beyond 6 cm from the middle, and a Gaussian of the mean SUV by distance from it, of the 31 sarcoma
# patients that are learned from.
_TISSUE = ((-900, -350, -96, -16, 42, 70, 264, 1000), (0.91, 0.52, 0.46, 1.15, 1.28, 0.99, 1.02, 0.73))
_BLOB_SUV, _BLOB_MM = 4.2, 36.0


@dataclass(frozen=True)
class CtPetTask(Registered):
    """CTs of trunk and limbs."""

    def inside(self, scan: Volume) -> np.ndarray:
        """(z, y, x) bool: the body."""
        return body(scan.array)

    def more_yardsticks(self, source: Volume, truth: Volume, region: np.ndarray) -> dict[str, Volume]:
        """Tissue means with a Gaussian in the middle: what is known unseen where scans are cropped to a lesion."""
        z, y, x = np.meshgrid(
            *((np.arange(n) - (n - 1) / 2) * s for n, s in zip(region.shape, source.geometry.spacing_mm, strict=True)),
            indexing="ij", sparse=True,
        )  # fmt: skip
        blob = _BLOB_SUV * np.exp(-(z * z + y * y + x * x) / (2 * _BLOB_MM**2))
        values = np.maximum(self.classical(source).array, blob)
        return {"blob": self.volume(source.geometry, np.where(region, values, self.outside))}

    def figures(self, made: Volume, case: Paired) -> dict[str, float]:
        """Of the lesion: errors of SUVmax, peak, mean, metabolic volume and total glycolysis, as shares of true ones,
        and of the metabolic volumes Dice and 95 % Hausdorff distance. None where no lesion lies in what is judged.

        Args:
            made: the PET.
            case: of which.
        """
        lesion = within(case, "lesion")
        if lesion is None:
            return {}
        from scipy.ndimage import distance_transform_edt

        away = distance_transform_edt(~lesion, sampling=made.geometry.spacing_mm)
        near = case.region & (away <= _AROUND_MM)
        ours, true = (_lesion(v, near) for v in (made, case.truth))
        found = {f"lesion_{k}_error": abs(ours[0][k] / max(v, 1e-6) - 1.0) for k, v in true[0].items()}
        shape = mask_scores(ours[1], true[1], made.geometry.spacing_mm)
        return found | {f"lesion_{k}": v for k, v in shape.items()}

    def classical(self, scan: Volume) -> Volume:
        """The mean SUV of each HU."""
        values = np.interp(scan.array, *_TISSUE)
        return self.volume(scan.geometry, np.where(self.inside(scan), values, self.outside))


def _lesion(pet: Volume, near: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Measures of the uptake near a lesion, and the metabolic volume."""
    from scipy.ndimage import gaussian_filter

    suv = np.where(near, pet.array, 0.0)
    most = float(suv.max())
    volume = near & (suv >= _MTV * most)
    mean, cm3 = float(suv[volume].mean()), float(volume.sum()) * pet.geometry.voxel_cm3
    wide = [
        _PEAK_MM / 2.2 / s for s in pet.geometry.spacing_mm
    ]  # a ball of 1 cm3 has an SD of 2.8 mm along each axis
    peak = float(gaussian_filter(np.asarray(pet.array, np.float32), wide)[near].max())
    return {"suvmax": most, "suvpeak": peak, "suvmean": mean, "mtv": cm3, "tlg": mean * cm3}, volume


TASK = CtPetTask(_TASK, "CT", "PT", pixel_mm=4.0, yardsticks=("voxel-wise", "oracle", "blob"))
