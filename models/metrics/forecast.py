"""Scores of a forecast's draws against what happened."""

from __future__ import annotations

import numpy as np


def fair_crps(draws: np.ndarray, truth: float) -> float:
    """Continuous ranked probability score of a finite number of draws, fair in their number (Ferro 2014).

    Args:
        draws: (n,), n of 2 or more.
        truth: what happened.

    Example:
        >>> fair_crps(np.array([0.0, 2.0]), 1.0)
        0.0
        >>> fair_crps(np.array([3.0, 3.0]), 1.0)
        2.0
    """
    x = np.sort(np.asarray(draws, dtype=np.float64))
    n = x.size
    # The mean over all pairs, from the sorted values.
    apart = 2.0 * float(((2 * np.arange(1, n + 1) - n - 1) * x).sum()) / (n * (n - 1))
    return float(np.abs(x - truth).mean()) - 0.5 * apart


def rank_share(draws: np.ndarray, truth: float) -> float:
    """Share of the draws below what happened, ties counted half: uniform where a forecast is calibrated.

    Example:
        >>> rank_share(np.array([1.0, 2.0, 3.0, 4.0]), 2.5)
        0.5
    """
    x = np.asarray(draws, dtype=np.float64)
    return float(((x < truth).sum() + 0.5 * (x == truth).sum()) / x.size)
