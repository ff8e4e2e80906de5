"""The grain of a scan: fine, and not larger than noise. What a generator smooths away is given back to its images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin import Volume

_FINE = 0.9  # voxels; as of the mechanistic generator's grain
_SIGMAS = 3.0
_WINDOW_MM = 10.0
_LUNG_HU, _TISSUE_HU = (-980.0, -600.0), (-150.0, 150.0)


def grain_hu(hu: np.ndarray) -> np.ndarray:
    """(z, y, x) float32: what differs from the slice's smoothed self by no more than noise does.

    Args:
        hu: (z, y, x) of a scan.
    """
    fine = _fine(hu)
    return np.where(np.abs(fine) < _SIGMAS * noise_hu(hu, fine), fine, np.float32(0.0))


def noise_hu(hu: np.ndarray, fine: np.ndarray | None = None) -> float:
    """SD of the fine noise: the lesser of lung's and soft tissue's, by the median, so that vessels do not count.

    Args:
        hu: (z, y, x) of a scan.
        fine: its fine part, where it is at hand.
    """
    fine = _fine(hu) if fine is None else fine
    found = []
    for low, high in (_LUNG_HU, _TISSUE_HU):
        here = fine[(hu > low) & (hu < high)]
        if here.size > 1000:
            found.append(1.4826 * float(np.median(np.abs(here))))
    return min(found, default=0.0)


def given_back(made: Volume, scan: Volume, share: float) -> Volume:
    """An image with a share of what was taken from its scan, so that the scan's own noise is in it again.

    Args:
        made: of the scan, in its unit and on its grid, in whole numbers.
        scan: what it was made of.
        share: 0 leaves the image as it is, 1 gives the scan.
    """
    lost = scan.array.astype(np.float32) - made.array
    whole = np.rint(made.array + np.float32(share) * lost).astype(made.array.dtype)
    return Volume(made.geometry, whole, made.modality, made.unit)


@dataclass(frozen=True, eq=False)
class Grain:
    """The grain of one scan, for all that is made from it.

    Args:
        hu: (z, y, x) float32 `grain_hu`.
        square: of it.
        power: the square's mean around each voxel.
        size: voxels of a window along each axis.
    """

    hu: np.ndarray
    square: np.ndarray
    power: np.ndarray
    size: int

    @classmethod
    def of(cls, hu: np.ndarray, spacing_mm: float) -> Grain:
        """Of a scan.

        Args:
            hu: (z, y, x) of the scan.
            spacing_mm: of its voxels.
        """
        from scipy.ndimage import uniform_filter

        grain, size = grain_hu(hu), max(3, round(_WINDOW_MM / spacing_mm) | 1)
        return cls(grain, grain**2, uniform_filter(grain**2, size), size)

    def lost(self, change: np.ndarray) -> np.ndarray:
        """(z, y, x) float32 HU: the share of the grain that a change took away, to be added again.

        The share is, around each voxel, the regression of the change's fine part on the grain: 1 where the image was
        drawn anew or smoothed, 0 where the grain was left in place.

        Args:
            change: (z, y, x) what a generator adds to the scan, HU.
        """
        from scipy.ndimage import uniform_filter

        # Where the change is no larger than the grain itself it speaks of the grain; edges that moved do not.
        fine = np.clip(_fine(change) * self.hu, -4 * self.square, 4 * self.square)
        share = np.clip(-uniform_filter(fine, self.size) / np.maximum(self.power, 1e-3), 0.0, 1.0)
        return (share * self.hu).astype(np.float32)


def _fine(values: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    return values - gaussian_filter(values, (0.0, _FINE, _FINE), mode="nearest")
