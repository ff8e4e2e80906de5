"""What a difference between contestants is worth, over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def holm(p: Sequence[float]) -> list[float]:
    """P values of several tests at once, adjusted by Holm's step-down method.

    Args:
        p: of each test, nan where there was none; these stay and do not count.

    Example:
        >>> [round(v, 3) for v in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    known = np.flatnonzero(np.isfinite(values))
    order = known[np.argsort(values[known])]
    least = 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, float(values[i]) * (len(order) - rank)))
        values[i] = least
    return values.tolist()


def agreement(table: np.ndarray) -> float:
    """How far measurements of patients agree: intraclass correlation ICC(2,1), single measures, absolute agreement.

    Two-way random effects (Shrout and Fleiss, Psychological Bulletin 86:420, 1979): what patients differ by, as a share
    of that, of what ways to measure differ by, and of the rest.

    Args:
        table: (patients, ways to measure), 2 x 2 or more.

    Returns:
        1 for full agreement; nan where nothing varies.

    Example:
        >>> round(agreement(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), 3)  # all by one more: 8 / (8 + 1)
        0.889
    """
    n, k = table.shape
    patients, ways = table.mean(axis=1) - table.mean(), table.mean(axis=0) - table.mean()
    rest = table - table.mean() - patients[:, None] - ways
    between = k * float(patients @ patients) / (n - 1)
    shifts = n * float(ways @ ways) / (k - 1)
    error = float((rest**2).sum()) / ((n - 1) * (k - 1))
    total = between + (k - 1) * error + k * (shifts - error) / n
    return (between - error) / total if total > 0 else float("nan")


def friedman_ranks(table: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean ranks of contestants over patients, 1 the best, and Friedman's p that all are alike.

    Args:
        table: (patients, contestants) of a score of which less is better.

    Returns:
        (contestants,) mean ranks, and p; nan where there are fewer than three contestants or two patients.
    """
    from scipy.stats import friedmanchisquare, rankdata

    ranks = rankdata(table, axis=1).mean(axis=0)
    if min(table.shape) < 2 or table.shape[1] < 3 or np.ptp(table, axis=1).max() == 0:
        return ranks, float("nan")
    return ranks, float(friedmanchisquare(*table.T).pvalue)
