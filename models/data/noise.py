"""The noise of one sample of a whole volume."""

from __future__ import annotations

import numpy as np

_SIGMA_SLICES = 1.0  # of the Gaussian that ties neighbouring slices together


def volume_noise(generator: np.random.Generator, channels: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Standard normal noise for all slices of a volume.

    Channel 0 is one number for the whole volume: it carries what a sample's response is as a whole. The others are
    white within a slice and correlated along z, so that neighbouring slices agree.

    Args:
        generator: chance of this sample; the same one gives the same noise.
        channels: of the model, 0 or more.
        shape: (z, y, x) of the volume.

    Returns:
        (z, channels, y, x) float32; each number by itself has mean 0 and variance 1.
    """
    z, y, x = shape
    if channels == 0:
        return np.empty((z, 0, y, x), np.float32)
    reach = int(3 * _SIGMA_SLICES)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SIGMA_SLICES) ** 2)
    weights /= np.sqrt((weights**2).sum())
    whole = generator.standard_normal(dtype=np.float32)
    white = generator.standard_normal((channels - 1, z + 2 * reach, y, x), dtype=np.float32)
    noise = np.empty((z, channels, y, x), np.float32)
    noise[:, 0] = whole
    tied = sum(np.float32(w) * white[:, i : i + z] for i, w in enumerate(weights))
    noise[:, 1:] = np.swapaxes(tied, 0, 1) if channels > 1 else 0
    return noise
