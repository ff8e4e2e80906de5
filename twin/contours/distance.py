"""How far pixels lie from the border of what is covered, and what a level of that distance encloses."""

from __future__ import annotations

import numpy as np


def border_distance(covered: np.ndarray) -> np.ndarray | None:
    """Signed distance of each pixel's centre to the border of what is covered, in pixels, negative inside.

    Args:
        covered: share of each pixel inside.

    Returns:
        float32, or None where nothing is covered.
    """
    from scipy.ndimage import distance_transform_edt

    if not covered.any():
        return None
    full = covered >= 1.0 - 1e-9
    beside = np.zeros(covered.shape, dtype=bool)  # full pixels on which the border lies
    for axis in (0, 1):
        for step in (-1, 1):
            beside |= full & (np.roll(covered, step, axis) <= 1e-9)
    border = ((covered > 1e-9) & ~full) | beside
    # The nearest border pixel tells by its coverage how far the border lies from its centre.
    away, nearest = distance_transform_edt(~border, return_indices=True)
    signed = np.where(full, -away, away) + 0.5 - covered[nearest[0], nearest[1]]
    return signed.astype(np.float32)


def levelled(distance: np.ndarray, area: float) -> np.ndarray:
    """Share of each pixel inside that level of a distance which encloses an area in pixels."""
    level = 0.0
    for _ in range(4):
        share = np.clip(0.5 - distance + level, 0.0, 1.0)
        rim = np.count_nonzero((share > 0.0) & (share < 1.0))
        level += (area - float(share.sum())) / max(int(rim), 1)
    return np.clip(0.5 - distance + level, 0.0, 1.0)


def clipped_integral(u: np.ndarray) -> np.ndarray:
    """Integral of clip(s, 0, 1) for s up to u."""
    return np.where(u < 1.0, np.maximum(u, 0.0) ** 2 / 2.0, u - 0.5)
