"""A CT's own noise, found in its soft tissue: how strong it is, and its colour, which tells how sharp the kernel is.

The level is the mode of the SD in small regions of soft tissue (the global noise level of Christianson et al., AJR
205:W93, 2015): few regions hold edges, and the mode does not see them. The colour is the correlation of neighbouring
voxels there, held against that of filtered backprojection with kernels of all widths, NPS ~ f MTF(f)^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.scanners.quality.kernel import Kernel
from twin import InputError, Volume

SOFT_HU = (-20.0, 120.0)  # mean of a region that counts as soft tissue
_REGION_MM, _LEAST_SIDE = 6.0, 7
_MOST_SLICES = 24
_ENOUGH = 300  # regions
_CALM = 1.25  # regions whose SD is at most this, over the mode, hold noise alone
_LEAST_HU = 0.3  # SD below which there is none
_WIDTHS = np.geomspace(0.12, 1.2, 24)  # f50 of kernels that are tried, per mm


@dataclass(frozen=True, eq=False)
class OwnNoise:
    """A CT's noise.

    Args:
        sd_hu: the mode of the SD in regions of soft tissue, HU.
        kernel: as sharp as its colour says.
        slices: (n,) which slices were looked at.
        where: (n, y, x) bool, centres of regions of soft tissue.
        side: of a region, voxels.
    """

    sd_hu: float
    kernel: Kernel
    slices: np.ndarray
    where: np.ndarray
    side: int

    @classmethod
    def of(cls, ct: Volume) -> OwnNoise:
        """The noise of a CT.

        Args:
            ct: HU, axes upright.

        Raises:
            InputError: there is no soft tissue, or no noise in it.
        """
        dx = ct.geometry.spacing_mm[2]
        slices, side, rest, sd, where = _soft(ct)
        if np.count_nonzero(where) < _ENOUGH:
            raise InputError(
                "no body is found in the scan: it holds hardly any soft tissue, whose noise is needed"
            )
        level = mode(sd[where])
        if level < _LEAST_HU:
            raise InputError("the scan has no noise, which would tell its dose and its kernel")
        calm = where & (sd < _CALM * level)
        lag = [(rest * np.roll(rest, 1, axis))[calm].mean() / (rest**2)[calm].mean() for axis in (1, 2)]
        tried = np.array([_neighbours(Kernel.of(f50), dx, side) for f50 in _WIDTHS])
        # The sharper a kernel, the less neighbours have in common, up to what pixels can hold.
        f50 = float(np.exp(np.interp(-np.mean(lag), np.maximum.accumulate(-tried), np.log(_WIDTHS))))
        return cls(level, Kernel.of(f50), slices, where, side)

    def level_of(self, noise: np.ndarray) -> float:
        """The level of other noise in the same regions, found in the same way, in the noise's unit.

        Args:
            noise: (n, y, x) on the slices that were looked at.
        """
        _, sd = _regions(noise, self.side)
        return mode(sd[self.where])


def is_noiseless(ct: Volume) -> bool:
    """Whether a CT's soft tissue has no noise, as no scan of a patient has.

    Args:
        ct: HU, axes upright.
    """
    *_, sd, where = _soft(ct)
    return bool(where.any()) and mode(sd[where]) < _LEAST_HU


def _soft(ct: Volume) -> tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]:
    """Slices that are looked at, the side of a region, and on them: voxels less their region's mean, its SD, where
    regions are of soft tissue."""
    nz = ct.geometry.shape[0]
    slices = np.unique(np.linspace(0, nz - 1, min(nz, _MOST_SLICES)).round().astype(int))
    hu = ct.array[slices].astype(np.float32)
    side = max(_LEAST_SIDE, 2 * int(_REGION_MM / ct.geometry.spacing_mm[2] / 2) + 1)
    mean, sd = _regions(hu, side)
    where = (mean > SOFT_HU[0]) & (mean < SOFT_HU[1]) & (sd < SOFT_HU[1])
    where[:, :side] = where[:, -side:] = False
    where[:, :, :side] = where[:, :, -side:] = False
    return slices, side, hu - mean, sd, where


def _regions(hu: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of the square around each voxel of a slice."""
    from scipy.ndimage import uniform_filter

    size = (1, side, side)
    mean = uniform_filter(hu, size)
    square = uniform_filter((hu - mean) ** 2, size)
    return mean, np.sqrt(np.maximum(square, 0.0))


def mode(values: np.ndarray) -> float:
    """The most frequent value: the top of a smoothed histogram.

    Args:
        values: (n,) not negative.
    """
    from scipy.ndimage import gaussian_filter1d

    high = float(np.quantile(values, 0.8)) * 1.5 + 1e-12
    count, edges = np.histogram(values, bins=200, range=(0.0, high))
    top = int(np.argmax(gaussian_filter1d(count.astype(float), 4.0)))
    return float((edges[top] + edges[top + 1]) / 2)


def _neighbours(kernel: Kernel, pixel_mm: float, side: int) -> float:
    """Correlation of neighbours in the noise of filtered backprojection, less the mean of their region."""
    n, folds = 64, 3
    axis = (np.arange(n * folds) - n * folds // 2) / (n * pixel_mm)
    f = np.hypot(axis[:, None], axis)
    nps = f * kernel.mtf(f) ** 2
    nps = nps.reshape(folds, n, folds, n).sum((0, 2))  # what the pixels cannot hold is folded back
    nps = np.fft.ifftshift(np.roll(nps, ((n * folds // 2) % n - n // 2,) * 2, (0, 1)))
    box = np.sinc(np.fft.fftfreq(n) * side) / np.sinc(np.fft.fftfreq(n))
    nps = nps * (1 - np.outer(box, box)) ** 2
    covariance = np.fft.ifft2(nps).real
    return float(covariance[0, 1] / covariance[0, 0])
