"""A CT at a lower dose: noise is put into its projections and reconstructed alone, then added to the scan.

The variance that a share a of the dose adds to a line integral p is (1-a)/a e^p/N0 (1 + (1+a)/a Ne e^p/N0), with N0
photons and electronics that count as Ne of them (Yu et al., J Comput Assist Tomogr 36:477, 2012, their eq. 11). N0
follows from the scan's own noise, so that half of the dose has twice its variance.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators.core.chance import Key
from simulators.scanners.projection import Beam, backproject, filtered, project
from simulators.scanners.quality.estimate import OwnNoise
from simulators.scanners.quality.kernel import Kernel
from twin import Geometry, Volume

WATER_PER_MM = 0.0193  # attenuation of water at 70 keV, the mean behind a body at 120 kV
ELECTRONIC = 20.0  # photons; published values lie between 5 and 100 [quoted from memory]
_SOURCE_MM = 540.0
# Bow-tie of aluminium, cm by fan angle, rad (xcist/main: gecatsim/bowtie/large.txt), against its middle, at 70 keV.
_BOWTIE_RAD, _BOWTIE_CM = (0.0, 0.11, 0.195, 0.244, 0.48), (0.1, 0.41, 1.29, 2.05, 3.71)
_ALUMINIUM_PER_CM = 0.64
_COARSE_MM = 4.0
_COARSE_VIEWS, _VIEWS = 90, 360
_AT_ONCE = 16  # slices
# Of a channel of 0.6 x 0.6 mm at the isocentre in each of the views of a turn, at the full dose: 1e5 to 1e6 photons and
# about 1,000 views are quoted from memory. The views that are drawn here are fewer and share those photons.
_CHANNEL_PHOTONS, _CHANNEL_MM, _TURN_VIEWS = 6.0e5, 0.6, 1160

Variance = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of (p, relative N0)


def low_dose(ct: Volume, own: OwnNoise, share: float, key: Key) -> np.ndarray:
    """A CT with the noise of a share of its dose.

    Args:
        ct: HU, axes upright.
        own: its noise.
        share: of the dose, below 1.
        key: of the noise; each slice has a stream of its own.

    Returns:
        (z, y, x) float32 HU.
    """
    noise = _ProjectedNoise(ct, own)
    unit = noise.of(lambda p, flux: np.exp(p) / flux, own.slices, key)
    photons = (own.level_of(unit) / own.sd_hu) ** 2

    def variance(p: np.ndarray, flux: np.ndarray) -> np.ndarray:
        inverse = np.exp(p) / (photons * flux)
        return (1 - share) / share * inverse * (1 + (1 + share) / share * ELECTRONIC * inverse)

    return ct.array + noise.of(variance, np.arange(ct.geometry.shape[0]), key)


def added_noise(ct: Volume, kernel: Kernel, share: float, key: Key) -> np.ndarray:
    """The noise of a scan of an object, (z, y, x) float32 HU.

    Args:
        ct: the object, HU, axes upright.
        kernel: of the scan.
        share: of a usual dose.
        key: of the noise; each slice has a stream of its own.
    """
    everywhere = np.arange(ct.geometry.shape[0])
    noise = _ProjectedNoise(ct, OwnNoise(0.0, kernel, everywhere, np.empty(0, bool), 0))
    channels = ct.geometry.spacing_mm[0] * noise.u_step_mm / _CHANNEL_MM**2
    photons = share * _CHANNEL_PHOTONS * channels * _TURN_VIEWS / (2 * _VIEWS)

    def variance(p: np.ndarray, flux: np.ndarray) -> np.ndarray:
        inverse = np.exp(p) / (photons * flux)
        return inverse * (1 + ELECTRONIC * inverse)

    return noise.of(variance, everywhere, key)


class _ProjectedNoise:
    """Noise of a CT's line integrals as it looks in the image."""

    def __init__(self, ct: Volume, own: OwnNoise) -> None:
        self.geometry, self.own = ct.geometry, own
        nz, ny, nx = ct.geometry.shape
        self.centre = ct.geometry.lps(((nz - 1) / 2, (ny - 1) / 2, (nx - 1) / 2))
        _, dy, dx = ct.geometry.spacing_mm
        radius = 0.5 * float(np.hypot(ny * dy, nx * dx))
        self.u_mm = _even(radius, min(dy, dx))
        self.u_step_mm = float(self.u_mm[1] - self.u_mm[0])
        coarse = ct.geometry.resampled((ct.geometry.spacing_mm[0], _COARSE_MM, _COARSE_MM))
        mu = WATER_PER_MM * np.maximum(1 + _block_means(ct, coarse) / 1000, 0.0)
        self.coarse = self._beam(_COARSE_VIEWS, _even(radius, _COARSE_MM), np.arange(nz))
        self.p = project(mu, coarse, self.coarse, self.centre)

    def _beam(self, views: int, u_mm: np.ndarray, slices: np.ndarray) -> Beam:
        v_mm = self.geometry.spacing_mm[0] * slices + self.geometry.origin_mm[2] - self.centre[2]
        return Beam((np.arange(views) + 0.5) * (np.pi / views), u_mm, v_mm)

    def of(self, variance: Variance, slices: np.ndarray, key: Key) -> np.ndarray:
        """(n, y, x) float32 HU of noise on some slices, whatever others there are.

        Args:
            variance: of a line integral and the relative number of its photons.
            slices: which.
            key: its chance.
        """
        _, ny, nx = self.geometry.shape
        out = np.empty((slices.size, ny, nx), np.float32)
        fan = np.arcsin(np.clip(np.abs(self.coarse.u_mm) / _SOURCE_MM, 0, 1))
        bowtie = np.exp(-_ALUMINIUM_PER_CM * (np.interp(fan, _BOWTIE_RAD, _BOWTIE_CM) - _BOWTIE_CM[0]))
        for first in range(0, slices.size, _AT_ONCE):
            part = slices[first : first + _AT_ONCE]
            p = self.p[:, :, part]
            # The tube's current follows the square root of the greatest attenuation (Gies, Med Phys 26:2235, 1999).
            current = np.exp(0.5 * (p.max(axis=1, keepdims=True) - self.p.max()))
            sd = np.sqrt(variance(p, bowtie[:, None] * current)).astype(np.float32)
            out[first : first + _AT_ONCE] = self._image(self._white(sd, part, key), part)
        return out

    def _white(self, sd: np.ndarray, slices: np.ndarray, key: Key) -> np.ndarray:
        """(views, nu, n) noise of the rays: independent, with an SD that is known on coarser ones."""
        from scipy.ndimage import zoom

        shape = (_VIEWS, self.u_mm.size)
        fine = zoom(
            sd, (_VIEWS / _COARSE_VIEWS, shape[1] / sd.shape[1], 1), order=1, grid_mode=True, mode="nearest"
        )
        white = np.empty((*shape, slices.size), np.float32)
        for k, z in enumerate(slices):
            words = np.random.SeedSequence(key.root, spawn_key=(*key.words, int(z)))
            white[:, :, k] = np.random.default_rng(words).standard_normal(shape, dtype=np.float32)
        return fine[:, : shape[1]] * white

    def _window(self, f_per_mm: np.ndarray) -> np.ndarray:
        """The scan's kernel, less what linear interpolation between the rays takes."""
        return self.own.kernel.mtf(f_per_mm) / np.sinc(f_per_mm * self.u_step_mm) ** 2

    def _image(self, rays: np.ndarray, slices: np.ndarray) -> np.ndarray:
        """(n, y, x) HU of rays of some slices: each alone, on the pixels of the scan, with its kernel."""
        nz, (_, ny, nx) = slices.size, self.geometry.shape
        spacing, x0, y0 = self.geometry.spacing_mm, *self.geometry.origin_mm[:2]
        # Slices need not lie side by side: as far as the rays know, they do.
        beam = Beam((np.arange(_VIEWS) + 0.5) * (np.pi / _VIEWS), self.u_mm, np.arange(nz) * spacing[0])
        grid = Geometry((nz, ny, nx), spacing, (x0, y0, float(self.centre[2])))
        made = backproject(*filtered(rays, beam, self._window), grid, self.centre)
        return made * (1000 / WATER_PER_MM)


def _even(radius: float, step: float) -> np.ndarray:
    n = int(np.ceil(radius / step))
    return np.arange(-n, n + 1) * step


def _block_means(ct: Volume, coarse: Geometry) -> np.ndarray:
    """(z, y, x) HU on a grid that is coarser in the plane, each voxel by its mean."""
    from scipy.ndimage import uniform_filter

    size = [max(1, round(c / s)) for c, s in zip(coarse.spacing_mm, ct.geometry.spacing_mm, strict=True)]
    smooth = uniform_filter(ct.array.astype(np.float32), (1, *size[1:]), mode="nearest")
    return Volume(ct.geometry, smooth, "CT", "HU").on(coarse, fill=-1000.0)
