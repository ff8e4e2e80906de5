"""How noise of an image differs from that of a true one, by its power spectrum."""

from __future__ import annotations

import numpy as np

from models.metrics.planes import scaled

_SIDE, _STEP = 32, 16  # voxels of a square region
_LEAST_SHARE = 0.95  # of a region that lies in the part
_BINS = 16


def noise_spectrum(image: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Radial noise power spectrum of a part: squares of 32 voxels, half overlapping, each less a plane.

    Args:
        image: (..., y, x), in any unit.
        where: (..., y, x) bool, the part; squares that lie in it to 95 % count.

    Returns:
        (16,) power by spatial frequency up to half a cycle a voxel, the unit squared; their mean is the variance
        where power is even. nan where no square lies in the part.
    """
    planes, masks = (v.reshape(-1, *v.shape[-2:]) for v in (image, where))
    line = (np.arange(_SIDE) - (_SIDE - 1) / 2) / _SIDE
    tilt = np.stack([np.ones((_SIDE, _SIDE)), *np.broadcast_arrays(line[:, None], line)]).reshape(3, -1)
    tilt = np.linalg.qr(tilt.T)[0]
    window = np.hanning(_SIDE + 2)[1:-1]
    window = window[:, None] * window
    window /= np.sqrt((window**2).mean())
    total, count = np.zeros((_SIDE, _SIDE)), 0
    for plane, mask in zip(planes, masks, strict=True):
        for y in range(0, plane.shape[0] - _SIDE + 1, _STEP):
            for x in range(0, plane.shape[1] - _SIDE + 1, _STEP):
                box = (slice(y, y + _SIDE), slice(x, x + _SIDE))
                if mask[box].mean() >= _LEAST_SHARE:
                    flat = plane[box].astype(float).ravel()
                    flat -= tilt @ (tilt.T @ flat)
                    total += np.abs(np.fft.fft2(flat.reshape(_SIDE, _SIDE) * window)) ** 2 / _SIDE**2
                    count += 1
    if not count:
        return np.full(_BINS, np.nan)
    f = np.hypot(np.fft.fftfreq(_SIDE)[:, None], np.fft.fftfreq(_SIDE))
    ring = np.minimum((f * 2 * _BINS).astype(int), _BINS)
    sums = np.bincount(ring.ravel(), (total / count).ravel(), _BINS + 1)
    return (sums / np.bincount(ring.ravel(), minlength=_BINS + 1))[:_BINS]


def noise_distance(made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float) -> float:
    """Difference of two noise power spectra: root mean square of their ratio's logarithm, in decibels.

    Args:
        made: (..., y, x) image, in any unit.
        truth: another with the noise that is right, of the same or another patient.
        where: (..., y, x) bool, the part that counts.
        low, high: the range to which both are cut.

    Returns:
        0 for equal spectra, 3 dB where all frequencies have twice or half the power; nan where no square of 32
        voxels lies in the part.

    Example:
        >>> noise = np.random.default_rng(0).normal(0, 10, (64, 64))
        >>> round(noise_distance(2 * noise, noise, np.ones((64, 64), bool), -1000, 1000), 2)
        6.02
    """
    spectra = [noise_spectrum(scaled(v, low, high), where) for v in (made, truth)]
    decibels = 10 * np.log10((spectra[0] + 1e-12) / (spectra[1] + 1e-12))
    return float(np.sqrt((decibels[1:] ** 2).mean()))  # the lowest ring is what the plane took
