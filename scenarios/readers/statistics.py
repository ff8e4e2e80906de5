"""Shares with their intervals, receiver operating characteristics, and agreement of readers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
_Z = 1.959963984540054  # quantile of the standard normal at 97.5 %


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, J Am Stat Assoc 22:209, 1927).

    Args:
        right: how many.
        n: of how many.

    Returns:
        Its lower and its upper end; nan where n is 0.

    Example:
        >>> [round(end, 4) for end in wilson(7, 10)]
        [0.3968, 0.8922]
    """
    if n == 0:
        return float("nan"), float("nan")
    share, square = right / n, _Z**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = _Z * np.sqrt(share * (1 - share) / n + square / (4 * n**2)) / (1 + square / n)
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


@dataclass(frozen=True, eq=False)
class Roc:
    """A receiver operating characteristic: simulated volumes are the positive ones.

    Args:
        false_positive: (k,) share of real volumes rated at least so simulated, ascending from 0 to 1.
        true_positive: (k,) share of simulated ones.
        area: under the curve through these points; 0.5 by chance.
        low: lower end of its 95 % interval (Hanley and McNeil, Radiology 143:29, 1982).
        high: upper end of it.
    """

    false_positive: np.ndarray
    true_positive: np.ndarray
    area: float
    low: float
    high: float


def roc(rating: np.ndarray, simulated: np.ndarray) -> Roc | None:
    """The characteristic of ratings.

    Args:
        rating: (n,) the higher, the more simulated.
        simulated: (n,) bool, what the volumes are.

    Returns:
        None where only one kind was rated.
    """
    positive, negative = rating[simulated], rating[~simulated]
    if not len(positive) or not len(negative):
        return None
    steps = np.unique(rating)[::-1]
    true = np.array([0.0, *((positive >= step).mean() for step in steps)])
    false = np.array([0.0, *((negative >= step).mean() for step in steps)])
    area = float(np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2))
    # Of two positive ratings both above a negative one, and of one above two, for exponential ratings.
    two_positive, two_negative = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area)
    variance += (len(positive) - 1) * (two_positive - area**2)
    variance += (len(negative) - 1) * (two_negative - area**2)
    half = _Z * float(np.sqrt(max(0.0, variance) / (len(positive) * len(negative))))
    return Roc(false, true, area, max(0.0, area - half), min(1.0, area + half))


def fleiss_kappa(counts: np.ndarray) -> float:
    """Agreement of several readers beyond chance (Fleiss, Psychol Bull 76:378, 1971): 1 all agree, 0 by chance.

    Args:
        counts: (cases, categories) how many readers chose each category; every case has the same number of readers.

    Returns:
        nan where fewer than two readers or no case, or where all ever said the same.
    """
    if not len(counts) or counts[0].sum() < 2:
        return float("nan")
    n = counts[0].sum()
    agreed = float(((counts**2).sum(axis=1) - n).mean() / (n * (n - 1)))
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return float("nan") if chance == 1.0 else (agreed - chance) / (1.0 - chance)
