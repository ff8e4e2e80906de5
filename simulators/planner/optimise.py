"""Fluence that costs least."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulators.planner.cost import Term
from simulators.planner.pencil import PencilBeams


def optimised(
    pencil: PencilBeams,
    terms: Sequence[Term],
    aperture: np.ndarray,
    start: np.ndarray,
    *,
    modulated: bool,
    iterations: int,
    smooth_mm: float = 0.0,
) -> np.ndarray:
    """The fluence of least cost within apertures, by L-BFGS (Byrd et al., SIAM J Sci Comput 16:1190, 1995).

    Fluence is the square of what is varied, so that it cannot become negative.

    Args:
        pencil: dose of fluence.
        terms: the cost.
        aperture: (beams, nv, nu) bool: where fluence may be.
        start: (beams, nv, nu) to begin with.
        modulated: each pixel is free; otherwise each beam's weight.
        iterations: at most.
        smooth_mm: width of a Gaussian that what is varied passes first: leaves give no fluence of single pixels.

    Returns:
        (beams, nv, nu) float32, not negative.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    def whole(root: np.ndarray) -> np.ndarray:
        free = root**2
        if not modulated:
            return (free[:, None, None] * aperture).astype(np.float32)
        fluence = np.zeros(aperture.shape, np.float32)
        fluence[aperture] = free
        return smoothed(fluence)

    def smoothed(values: np.ndarray) -> np.ndarray:
        return pencil.blurred(values, smooth_mm) * aperture if smooth_mm else values

    def cost(root: np.ndarray) -> tuple[float, np.ndarray]:
        dose = pencil.dose(whole(root)).astype(float)
        gradient = np.zeros_like(dose)
        value = sum(term.add(dose, gradient) for term in terms)
        pulled = pencil.pull(gradient).astype(float)
        by = smoothed(pulled * aperture)[aperture] if modulated else (pulled * aperture).sum(axis=(1, 2))
        return value, 2 * root * by

    first = start[aperture] if modulated else (start * aperture).sum(axis=(1, 2)) / aperture.sum(axis=(1, 2))
    with threadpool_limits(1, user_api="blas"):  # its sums go by the number of threads
        found = minimize(
            cost, np.sqrt(np.maximum(first, 0.01 * first.mean())).astype(float), jac=True, method="L-BFGS-B",
            options={"maxiter": iterations, "maxcor": 8, "ftol": 1e-5},
        )  # fmt: skip
    return whole(found.x)
