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


def energy_score(draws: np.ndarray, truth: np.ndarray) -> float:
    """Energy score of a few whole images, fair in their number (Gneiting and Raftery, JASA 102:359, 2007): the CRPS of
    many values at once, by root mean square distances.

    Args:
        draws: (n, ...), n of 2 or more, in any unit.
        truth: (...), what happened.

    Returns:
        In the images' unit, the less the better; draws that are all alike have their distance from the truth.

    Example:
        >>> energy_score(np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([0.0, 0.0]))
        1.0
    """
    x, y = np.asarray(draws, np.float64).reshape(len(draws), -1), np.asarray(truth, np.float64).ravel()

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.sqrt(((a - b) ** 2).mean(axis=-1))

    n = len(x)
    among = sum(float(apart(x[i + 1 :], x[i]).sum()) for i in range(n)) / (n * (n - 1))
    return float(apart(x, y).mean()) - among


def share_between(draws: np.ndarray, truth: np.ndarray) -> float:
    """Share of values between the least and the greatest draw: (n - 1) / (n + 1) where a forecast is calibrated.

    Args:
        draws: (n, ...).
        truth: (...), what happened.

    Example:
        >>> share_between(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([0.5, 2.0]))
        0.5
    """
    return float(((draws.min(axis=0) <= truth) & (truth <= draws.max(axis=0))).mean())


def share_shown(draws: np.ndarray, truth: np.ndarray, least: float) -> float:
    """Share of what rose that some draw shows, with half of its rise or more.

    Args:
        draws: (n, b) rises of each part in each draw.
        truth: (b,) true ones.
        least: what counts as a rise.

    Returns:
        The share; nan where nothing rose.

    Example:
        >>> share_shown(np.array([[60.0, 0.0], [0.0, 10.0]]), np.array([100.0, 80.0]), 50.0)
        0.5
    """
    rose = truth >= least
    return float((draws[:, rose].max(axis=0) >= truth[rose] / 2).mean()) if rose.any() else float("nan")
