"""Intervals of a mean over samples: its Monte Carlo error."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

Number = TypeVar("Number", float, np.ndarray)


def normal_quantile(level: float) -> float:
    """Half the width of a central interval of the normal distribution, in standard deviations.

    Example:
        >>> round(normal_quantile(0.95), 2)
        1.96
    """
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def wilson(share: Number, n: int, z: float) -> tuple[Number, Number]:
    """The score interval of a share (Wilson 1927), which keeps its width where all samples agree.

    Args:
        share: of the samples, one number or many.
        n: samples.
        z: half its width in standard deviations.

    Returns:
        Its lower and upper end.

    Example:
        >>> [round(float(end), 3) for end in wilson(1.0, 100, 1.96)]
        [0.963, 1.0]
    """
    centre = share + z * z / (2 * n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
