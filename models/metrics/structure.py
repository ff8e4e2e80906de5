"""Scores of local structure against a true image, slice by slice in a Gaussian window of 11 voxels (SD 1.5).

Means over the part's voxels whose window lies in the slice.
"""

from __future__ import annotations

import numpy as np

from models.metrics.planes import halved, scaled, smoothed, windowed

_SIGMA, _MARGIN = 1.5, 5
_K1, _K2 = 0.01, 0.03
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def structural_similarity(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """SSIM (Wang et al., IEEE TIP 13:600, 2004).

    Args:
        made: (..., y, x) image, in any unit.
        truth: the same of what is true.
        where: (..., y, x) bool, the part that counts.
        low, high: the range to which both are cut.

    Returns:
        The similarity, 1 for equal images; nan where no window lies in the part.
    """
    light, shape = _similar(scaled(made, low, high), scaled(truth, low, high))
    return _mean(light * shape, windowed(where, _MARGIN))


def multiscale_similarity(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """Multi-scale SSIM (Wang, Simoncelli and Bovik, Asilomar 2003): contrast at all scales, brightness at the coarsest.

    Images that hold a window at fewer than five scales (slices below 176 voxels) have those scales, with
    their weights made to sum to 1.

    Args:
        made, truth, where, low, high: as in `structural_similarity`.

    Returns:
        The similarity, 1 for equal images; nan where no window lies in the part.
    """
    a, b, part = scaled(made, low, high), scaled(truth, low, high), where.astype(float)
    scales = min(len(_SCALE_WEIGHTS), int(np.log2(min(a.shape[-2:]) / (2 * _MARGIN + 1))) + 1)
    weights = np.array(_SCALE_WEIGHTS[:scales]) / sum(_SCALE_WEIGHTS[:scales])
    found = 1.0
    for scale, weight in enumerate(weights):
        light, shape = _similar(a, b)
        last = scale == scales - 1
        value = _mean(light * shape if last else shape, windowed(part >= 0.5, _MARGIN))
        found *= max(value, 0.0) ** weight if not np.isnan(value) else np.nan
        if not last:
            a, b, part = halved(a), halved(b), halved(part)
    return float(found)


def universal_quality(
    made: np.ndarray, truth: np.ndarray, where: np.ndarray, low: float, high: float
) -> float:
    """Universal image quality index (Wang and Bovik, IEEE SPL 9:81, 2002), which is SSIM without its constants.

    Args:
        made, truth, where, low, high: as in `structural_similarity`.

    Returns:
        The index, 1 for equal images; nan where no window lies in the part.
    """
    light, shape = _similar(scaled(made, low, high), scaled(truth, low, high), 0.0, 0.0)
    return _mean(light * shape, windowed(where, _MARGIN))


def _similar(a: np.ndarray, b: np.ndarray, k1: float = _K1, k2: float = _K2) -> tuple[np.ndarray, np.ndarray]:
    """How alike windows are in brightness, and in contrast and structure."""
    mean_a, mean_b = smoothed(a, _SIGMA, _MARGIN), smoothed(b, _SIGMA, _MARGIN)
    both = smoothed(a * b, _SIGMA, _MARGIN) - mean_a * mean_b
    spread = smoothed(a * a + b * b, _SIGMA, _MARGIN) - mean_a**2 - mean_b**2
    light = _over(2 * mean_a * mean_b + k1**2, mean_a**2 + mean_b**2 + k1**2)
    return light, _over(2 * both + k2**2, spread + k2**2)


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A share; 1 where both are nothing, as in windows without any contrast."""
    there = whole > 1e-12
    return np.divide(part, whole, out=np.ones_like(part), where=there)


def _mean(values: np.ndarray, where: np.ndarray) -> float:
    return float(values[where].mean()) if where.any() else float("nan")
