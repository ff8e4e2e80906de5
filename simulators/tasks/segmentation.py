"""What is measured on a follow-up CT, whoever made it: the tumour by one fixed segmentation, and the lung's density."""

from __future__ import annotations

import numpy as np

from twin.geometry import Triple
from twin.structures import bounding_box

_BLOCK = 5  # voxels: lung density is compared in blocks of a cubic centimetre
_GROWTH_MM, _BORDER_MM = 15.0, 4.0
_SOFT_HU, _SOLID_HU = -400.0, 0.0  # midway between lung and tumour; scars are rarely as dense as water


class Segmentation:
    """The fixed segmentation by which all images are measured.

    Tumour is what is denser than water after smoothing by a Gaussian of 1.5 mm, and what is denser than -400 HU (after
    1 mm) within 4 mm of it, in the place of the drawn baseline tumour or within 15 mm of it where there was lung, and
    hangs together with something in that place. One threshold alone takes scars for tumour. It sees no generator's
    mask; what it measures on the true image is the yardstick, not the true volume.

    Args:
        baseline: (z, y, x) HU of the scan that all started from.
        gtv: (z, y, x) bool, drawn on it.
        spacing_mm: (z, y, x), mm.
    """

    def __init__(self, baseline: np.ndarray, gtv: np.ndarray, spacing_mm: Triple) -> None:
        from scipy.ndimage import distance_transform_edt

        self._spacing = spacing_mm
        self._box = bounding_box(gtv, tuple(int(np.ceil((_GROWTH_MM + 6) / s)) for s in spacing_mm))  # type: ignore[arg-type]
        self._place = gtv[self._box]
        close = np.asarray(distance_transform_edt(~self._place, sampling=spacing_mm)) <= _GROWTH_MM
        self._where = self._place | (close & (self._smooth(baseline, 1.5) < _SOFT_HU))
        self._voxel_cm3 = float(np.prod(spacing_mm)) / 1000.0

    def cm3(self, hu: np.ndarray) -> float:
        """The tumour's volume on a (z, y, x) image in HU, cm3."""
        return float(np.count_nonzero(self.found(hu))) * self._voxel_cm3

    def found(self, hu: np.ndarray) -> np.ndarray:
        """(z, y, x) bool around the drawn tumour: the tumour on a (z, y, x) image in HU."""
        from scipy.ndimage import binary_propagation, distance_transform_edt

        solid = self._where & (self._smooth(hu, 1.5) > _SOLID_HU)
        if not solid.any():
            return solid
        border = np.asarray(distance_transform_edt(~solid, sampling=self._spacing)) <= _BORDER_MM
        dense = self._where & border & (self._smooth(hu, 1.0) > _SOFT_HU)
        return np.asarray(binary_propagation(dense & self._place, mask=dense))

    def _smooth(self, hu: np.ndarray, sigma_mm: float) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(hu[self._box].astype(np.float32), [sigma_mm / s for s in self._spacing])


def density_error(made: np.ndarray, truth: np.ndarray, lung: np.ndarray) -> float:
    """Mean absolute log ratio of lung density, made over true, in blocks of a cubic centimetre.

    Where no tissue is gained or lost this is the error of the log-Jacobian: density is mass over volume.

    Args:
        made: (z, y, x) HU.
        truth: (z, y, x) HU.
        lung: (z, y, x) bool, lung outside the tumour and near it.
    """
    blocks = [block_means(v, lung) for v in (made, truth)]
    known = np.isfinite(blocks[0])
    if not known.any():
        return float("nan")
    a, b = (np.maximum(v[known] + 1000.0, 10.0) for v in blocks)
    return float(np.abs(np.log(a / b)).mean())


def block_means(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Means over the true voxels of blocks of five voxels a side; nan where fewer than half are.

    Args:
        values: (z, y, x).
        where: (z, y, x) bool.
    """
    shape = [n // _BLOCK for n in values.shape]
    cut = tuple(slice(0, n * _BLOCK) for n in shape)
    split = [s for n in shape for s in (n, _BLOCK)]
    w = where[cut].reshape(split).sum(axis=(1, 3, 5))
    total = np.where(where[cut], values[cut], 0.0).reshape(split).sum(axis=(1, 3, 5))
    return np.where(w >= _BLOCK**3 / 2, total / np.maximum(w, 1), np.nan)
