"""Slices as scores see them: within a range, and the part of a body whose windows lie in the image."""

from __future__ import annotations

import numpy as np


def scaled(image: np.ndarray, low: float, high: float, top: float = 1.0) -> np.ndarray:
    """An image cut to a range that becomes 0 to top, float64.

    Args:
        image: in any unit.
        low, high: the range.
        top: where it ends then.

    Example:
        >>> scaled(np.array([-2000, 0, 3000]), -1000, 1000).tolist()
        [0.0, 0.5, 1.0]
    """
    return (np.clip(image, low, high).astype(np.float64) - low) * (top / (high - low))


def windowed(where: np.ndarray, margin: int) -> np.ndarray:
    """Voxels of a part that are so far from the edges of their slice.

    Args:
        where: (..., y, x) bool.
        margin: voxels.
    """
    out = np.zeros_like(where, dtype=bool)
    inner = (..., slice(margin, -margin or None), slice(margin, -margin or None))
    out[inner] = where[inner]
    return out


def halved(image: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 voxels of each slice; an odd last row or column is left out.

    Args:
        image: (..., y, x).
    """
    y, x = (n // 2 for n in image.shape[-2:])
    return image[..., : 2 * y, : 2 * x].reshape(*image.shape[:-2], y, 2, x, 2).mean(axis=(-3, -1))


def smoothed(image: np.ndarray, sigma: float, margin: int) -> np.ndarray:
    """An image under a Gaussian window in each slice.

    Args:
        image: (..., y, x).
        sigma: of the window, voxels.
        margin: how far it reaches, voxels.
    """
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(image, sigma, radius=margin, mode="reflect", axes=(-2, -1))
