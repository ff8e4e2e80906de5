"""What a difference between contestants is worth, over patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_RESAMPLES = 2000


def interval(rows: np.ndarray, statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a statistic, by drawing rows again.

    Args:
        rows: (n, ...), one row for each patient.
        statistic: of such rows.

    Returns:
        The lower and the upper end; nan where there are fewer than two rows.
    """
    if len(rows) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)
    found = [statistic(rows[rng.integers(0, len(rows), len(rows))]) for _ in range(_RESAMPLES)]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def hodges_lehmann(d: np.ndarray) -> float:
    """The Hodges-Lehmann estimate: the median of all means of two differences.

    Args:
        d: (n,) paired differences.

    Example:
        >>> hodges_lehmann(np.array([1.0, 2.0, 9.0]))
        3.5
    """
    i, j = np.triu_indices(d.size)
    return float(np.median((d[i] + d[j]) / 2.0))
