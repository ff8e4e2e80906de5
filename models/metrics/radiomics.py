"""Some radiomic features of part of an image: first order, and texture by grey-level co-occurrence (Haralick 1973)."""

from __future__ import annotations

import numpy as np

from models.metrics.planes import scaled

NAMES = ("mean", "sd", "skewness", "contrast", "dissimilarity", "homogeneity", "energy", "correlation")
_LEVELS, _LEAST = 32, 200


def radiomics(image: np.ndarray, where: np.ndarray, low: float, high: float) -> np.ndarray:
    """(8,) features, as `NAMES` has them; those of texture of neighbours along four angles in plane.

    Args:
        image: (z, y, x), in any unit.
        where: (z, y, x) bool, the part.
        low, high: the range that is cut into 32 levels.

    Returns:
        The features, first order in units of the range, texture in levels; nan where the part is too small.
    """
    if np.count_nonzero(where) < _LEAST:
        return np.full(len(NAMES), np.nan)
    values = scaled(image, low, high)
    inside = values[where]
    sd = float(inside.std())
    skewness = float((((inside - inside.mean()) / sd) ** 3).mean()) if sd > 1e-9 else 0.0
    level = np.minimum((values * _LEVELS).astype(int), _LEVELS - 1)
    return np.array([float(inside.mean()), sd, skewness, *_texture(_pairs(level, where))])


def _pairs(level: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(levels, levels) how often two levels are neighbours, symmetric and summing to 1."""
    counts = np.zeros(_LEVELS * _LEVELS)
    ny, nx = level.shape[1:]
    for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
        first = (slice(None), slice(0, ny - down), slice(max(-right, 0), nx - max(right, 0)))
        second = (slice(None), slice(down, ny), slice(max(right, 0), nx - max(-right, 0)))
        both = where[first] & where[second]
        counts += np.bincount(level[first][both] * _LEVELS + level[second][both], minlength=_LEVELS * _LEVELS)
    matrix = counts.reshape(_LEVELS, _LEVELS)
    matrix = matrix + matrix.T
    return matrix / max(matrix.sum(), 1.0)


def _texture(p: np.ndarray) -> tuple[float, float, float, float, float]:
    """Contrast, dissimilarity, homogeneity, energy, correlation."""
    i, j = np.indices(p.shape)
    apart = i - j
    mean = float((p * i).sum())
    variance = float((p * i * i).sum()) - mean**2
    correlation = (float((p * i * j).sum()) - mean**2) / variance if variance > 1e-9 else 1.0
    return (
        float((p * apart**2).sum()), float((p * np.abs(apart)).sum()), float((p / (1 + apart**2)).sum()),
        float(np.sqrt((p**2).sum())), correlation,
    )  # fmt: skip
