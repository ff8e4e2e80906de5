"""What is said of an outcome's samples: its middle, its interval by kind, and whether there are enough samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from scenarios.comparison.effect import Effect

Number = TypeVar("Number", float, np.ndarray)


@dataclass(frozen=True, eq=False)
class Estimate:
    """What samples say, each an array of the effect's shape without its last axis; nan where any sample is.

    Args:
        middle: mean, or median.
        low, high: the interval, of the effect's kind.
        error: Monte Carlo standard error of the middle.
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    error: np.ndarray


def estimate(effect: Effect, level: float, *, paired: bool = False, median: bool = False) -> Estimate:
    """The middle of an effect's samples and its interval.

    Args:
        effect: of any shape, samples last.
        level: of the interval.
        paired: whether the values are differences, which need not lie between 0 and 1.
        median: whether the middle of a predictive effect is its median.
    """
    values = effect.values
    n, mean = values.shape[-1], values.mean(axis=-1)
    error = values.std(axis=-1) / np.sqrt(n)
    if effect.kind == "monte-carlo":
        z = normal_quantile(level)
        low, high = (mean - z * error, mean + z * error) if paired else wilson(mean, n, z)
        return Estimate(mean, low, high, error)
    tail = (1 - level) / 2
    if effect.kind == "expected" or not median:
        low, high = quantiles(values, (tail, 1 - tail))
        return Estimate(mean, low, high, error)
    near = 0.5 / np.sqrt(n)  # the ranks that hold the median as often as one standard error does
    found = quantiles(values, (tail, max(0.0, 0.5 - near), 0.5, min(1.0, 0.5 + near), 1 - tail))
    low, before, middle, after, high = found
    return Estimate(middle, low, high, (after - before) / 2)


def normal_quantile(level: float) -> float:
    """Half the width of a central interval of the normal distribution, in standard deviations.

    Example:
        >>> round(normal_quantile(0.95), 2)
        1.96
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def wilson(share: Number, n: float, z: float) -> tuple[Number, Number]:
    """The score interval of a share (Wilson 1927), which keeps its width where all samples agree.

    Args:
        share: of the samples, one number or many.
        n: samples, or what they are worth.
        z: half its width in standard deviations.

    Returns:
        Its low and high end.

    Example:
        >>> [round(float(end), 3) for end in wilson(1.0, 100, 1.96)]
        [0.963, 1.0]
    """
    centre = share + z * z / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def quantiles(values: np.ndarray, at: Sequence[float]) -> list[np.ndarray]:
    """Quantiles over the last axis, linear between order statistics, by one sort of each row.

    Args:
        values: of any shape, samples last.
        at: the quantiles, 0 to 1.
    """
    ordered = np.sort(
        values, axis=-1
    )  # vectorised: ten times as fast as a partition for some hundred samples
    last = values.shape[-1] - 1
    found = []
    for q in at:
        below = min(int(q * last), max(0, last - 1))
        share = q * last - below
        above = ordered[..., min(below + 1, last)]
        found.append(ordered[..., below] * (1 - share) + above * share)
    return found
