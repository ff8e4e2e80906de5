"""How far two sets of images lie apart, by features of each: Frechet distance, and kernel distance (KID)."""

from __future__ import annotations

import numpy as np


def frechet_distance(made: np.ndarray, true: np.ndarray) -> float:
    """Squared Frechet distance of two sets as if each were normal (Heusel et al., NeurIPS 2017).

    Args:
        made: (n, f) features, n of 2 or more.
        true: (m, f).

    Returns:
        The distance, 0 for sets of the same mean and covariance.
    """
    means = [v.mean(axis=0) for v in (made, true)]
    spreads = [np.atleast_2d(np.cov(v, rowvar=False)) for v in (made, true)]
    # The trace of the root of a product of covariances is the sum of the roots of its eigenvalues.
    values = np.linalg.eigvals(spreads[0] @ spreads[1])
    shared = np.sqrt(np.clip(values.real, 0, None)).sum()
    apart = ((means[0] - means[1]) ** 2).sum()
    found = float(apart + np.trace(spreads[0]) + np.trace(spreads[1]) - 2 * shared)
    return max(0.0, found)  # rounding leaves some 1e-7 below it


def kernel_distance(made: np.ndarray, true: np.ndarray) -> float:
    """Squared maximum mean discrepancy, kernel (x y / f + 1)^3, without bias (KID; Binkowski et al., ICLR 2018).

    Args:
        made: (n, f) features, n of 2 or more.
        true: (m, f).

    Returns:
        The distance; 0 in expectation for sets of one distribution, and below 0 by chance.
    """

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def own(a: np.ndarray) -> float:
        values = kernel(a, a)
        return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))

    return own(made) + own(true) - 2 * float(kernel(made, true).mean())
