"""How well a lesion is told from none: a channelised Hotelling observer (Myers and Barrett, JOSA A 4:2447, 1987)."""

from __future__ import annotations

import numpy as np

_CHANNELS, _RIDGE = 6, 1e-6


def laguerre_gauss(side: int, width: float, n: int = _CHANNELS) -> np.ndarray:
    """(n, side * side) Laguerre-Gauss channels about the middle of a square, of unit length (Gallas and Barrett 2003).

    Args:
        side: of the square, voxels.
        width: of the first channel, voxels.
        n: channels.
    """
    at = np.arange(side) - (side - 1) / 2
    r2 = 2 * np.pi * (at[:, None] ** 2 + at**2) / width**2
    found = []
    before, now = np.zeros_like(r2), np.ones_like(r2)
    for k in range(n):
        found.append((np.exp(-r2 / 2) * now).ravel())
        before, now = now, ((2 * k + 1 - r2) * now - k * before) / (k + 1)
    made = np.stack(found)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def detectability(present: np.ndarray, absent: np.ndarray, width: float) -> float:
    """Area under the ROC curve of an observer that learned from one half of the squares and judges the other.

    Args:
        present: (n, side, side) squares with a lesion in the middle.
        absent: (m, side, side) without.
        width: of the first channel, voxels.

    Returns:
        0.5 for chance, 1 for no error; nan with fewer than 16 squares of a kind.
    """
    if min(len(present), len(absent)) < 2 * (_CHANNELS + 2):
        return float("nan")
    channels = laguerre_gauss(present.shape[-1], width)
    seen = [(v.reshape(len(v), -1) - v.mean(axis=(1, 2))[:, None]) @ channels.T for v in (present, absent)]
    found = []
    for half in (0, 1):
        learn, judge = ([v[k::2] for v in seen] for k in (half, 1 - half))
        spread = sum(np.cov(v, rowvar=False) for v in learn) / 2
        spread = spread + _RIDGE * np.trace(spread) * np.eye(_CHANNELS)
        template = np.linalg.solve(spread, learn[0].mean(axis=0) - learn[1].mean(axis=0))
        with_, without = (v @ template for v in judge)
        over = with_[:, None] - without
        found.append(float((over > 0).mean() + 0.5 * (over == 0).mean()))
    return float(np.mean(found))
