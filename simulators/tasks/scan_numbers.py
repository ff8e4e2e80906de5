"""What is said of a thorax scan in some forty numbers: grain by scale, sharpness, levels, shading, shape."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_SCALES = (0.0, 0.8, 1.6, 3.2, 6.4)  # voxels
_SHELLS_MM = (0.0, 50.0, 90.0, 130.0, 180.0, 400.0)
_LEAST = 200  # voxels that a number takes


def scan_numbers(hu: np.ndarray, inside: np.ndarray, body: np.ndarray, voxel_mm: float) -> np.ndarray:
    """Numbers by which scans are told from those that were learned from.

    Args:
        hu: (z, y, x) in cubic voxels.
        inside: (z, y, x) bool, the field of view.
        body: (z, y, x) bool, the body in it.
        voxel_mm: edge of a voxel.

    Returns:
        (f,) float64, nan where there is too little of something.
    """
    from scipy.ndimage import binary_erosion

    image = hu.astype(np.float32)
    core = binary_erosion(body, np.ones((1, 5, 5), bool))
    known = image[body]
    middle = float(np.median(known[(known > -250) & (known < 300)])) if known.size else float("nan")
    soft = core & (np.abs(image - middle) < 200)
    lung = core & (image < -450)
    levels = (
        [float(v) for v in np.percentile(known, (1, 5, 25, 50, 75, 95, 99))]
        if known.size > _LEAST
        else [np.nan] * 7
    )
    return np.array(
        [
            *_grain(image, soft),
            *_grain(image, lung),
            *_along(image, soft),
            *_along(image, lung),
            *_edges(image, core),
            *levels,
            middle,
            *_shading(image, inside, soft, middle, voxel_mm),
            *_shape(inside, body, lung, core & (image > middle + 250), voxel_mm),
        ]
    )


def _grain(image: np.ndarray, where: np.ndarray) -> list[float]:
    """Logarithm of the SD of what lies between two scales, in plane."""
    from scipy.ndimage import gaussian_filter

    if np.count_nonzero(where) < _LEAST:
        return [float("nan")] * (len(_SCALES) - 1)
    smooth = [image if s == 0 else gaussian_filter(image, (0, s, s)) for s in _SCALES]
    return [_log_sd((a - b)[where]) for a, b in pairwise(smooth)]


def _along(image: np.ndarray, where: np.ndarray) -> list[float]:
    """The same between a slice and those one and four further."""
    found = []
    for step in (1, 4):
        both = where[step:] & where[:-step] if len(where) > step else np.zeros((0, 1, 1), bool)
        enough = np.count_nonzero(both) >= _LEAST
        found.append(_log_sd((image[step:] - image[:-step])[both]) if enough else float("nan"))
    return found


def _edges(image: np.ndarray, core: np.ndarray) -> list[float]:
    """How steep borders of lung are, in plane and along z, where breathing blurs them; and how many there are."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(image, (0.0, 0.7, 0.7))
    near = core & (smooth > -650) & (smooth < -200)
    if np.count_nonzero(near) < _LEAST:
        return [float("nan")] * 3
    flat = np.abs(np.gradient(smooth, axis=2))[near]
    deep = np.abs(np.gradient(smooth, axis=0))[near] if len(image) > 2 else np.zeros(1)
    share = np.count_nonzero(near) / max(int(np.count_nonzero(core)), 1)
    a, b = (np.log(np.quantile(v, 0.9) + 1.0) for v in (flat, deep))
    return [float(a), float(b), float(np.log(share + 1e-3))]


def _shading(
    image: np.ndarray, inside: np.ndarray, soft: np.ndarray, middle: float, voxel_mm: float
) -> list[float]:
    """What soft tissue reads at a distance from the axis, against all of it."""
    rows, columns = (np.flatnonzero(inside[0].any(axis=1 - k)) for k in (0, 1))
    if not rows.size:
        return [float("nan")] * (len(_SHELLS_MM) - 1)
    y, x = (np.arange(n) - (f[0] + f[-1]) / 2 for n, f in zip(image.shape[1:], (rows, columns), strict=True))
    radius = np.broadcast_to(voxel_mm * np.hypot(y[:, None], x), image.shape)
    found = []
    for low, high in pairwise(_SHELLS_MM):
        values = image[soft & (radius >= low) & (radius < high)]
        found.append(float(np.median(values)) - middle if values.size > _LEAST else float("nan"))
    return found


def _shape(
    inside: np.ndarray, body: np.ndarray, lung: np.ndarray, bone: np.ndarray, voxel_mm: float
) -> list[float]:
    """Sizes of body and field, shares of lung and bone, and how much of the field's edge lies in the body."""
    from scipy.ndimage import binary_erosion

    n = max(int(np.count_nonzero(body)), 1)
    area = n * voxel_mm**2 / len(body)
    field = np.count_nonzero(inside[0]) * voxel_mm**2
    rim = inside[0] & ~binary_erosion(inside[0], np.ones((3, 3), bool), border_value=1)
    cut = body[:, rim].mean() if rim.any() else 0.0
    shares = [np.count_nonzero(v) / n for v in (lung, bone)]
    return [float(np.log(area + 1)), float(np.log(field + 1)), float(cut), *map(float, shares)]


def _log_sd(values: np.ndarray) -> float:
    return float(np.log(1.4826 * np.median(np.abs(values - np.median(values))) + 1.0))
