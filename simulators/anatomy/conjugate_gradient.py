"""Conjugate gradients whose sums do not depend on the number of threads, as a BLAS's dot products do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def conjugate_gradient(
    apply: Callable[[np.ndarray], np.ndarray],
    right: np.ndarray,
    diagonal: np.ndarray | float,
    tolerance: float = 1e-3,
    iterations: int = 600,
) -> np.ndarray:
    """Solve A x = right for a symmetric positive (semi)definite A, preconditioned by its diagonal (Hestenes 1952).

    Args:
        apply: x -> A x.
        right: (n,).
        diagonal: (n,) of A, or one number.
        tolerance: of the residual's norm relative to that of the right side.
        iterations: at most.

    Example:
        >>> conjugate_gradient(lambda x: np.array([2.0, 4.0]) * x, np.array([2.0, 8.0]), 1.0).round(6).tolist()
        [1.0, 2.0]
    """
    x = np.zeros_like(right)
    residual = right.copy()
    enough = tolerance**2 * float((right * right).sum())
    direction, old = np.zeros_like(right), 1.0
    for _ in range(iterations):
        if float((residual * residual).sum()) <= enough:
            break
        scaled = residual / diagonal
        new = float((residual * scaled).sum())
        direction = scaled + (new / old) * direction
        old = new
        image = apply(direction)
        step = new / float((direction * image).sum())
        x += step * direction
        residual -= step * image
    return x
