"""Sobol indices of groups of inputs: how much of an output's variance each explains, alone and with the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLED = 200  # times, for the errors


@dataclass(frozen=True, eq=False)
class Indices:
    """Shares of an output's variance.

    Args:
        groups: names of the inputs' groups.
        mean, sd: (outputs,) of the outputs.
        first: (groups, outputs) share that a group explains alone.
        total: (groups, outputs) share that is gone where a group is known, its interactions with others included.
        first_error, total_error: (groups, outputs) standard errors.
    """

    groups: tuple[str, ...]
    mean: np.ndarray
    sd: np.ndarray
    first: np.ndarray
    total: np.ndarray
    first_error: np.ndarray
    total_error: np.ndarray


def sobol_indices(
    outputs: Callable[[np.ndarray], np.ndarray],
    groups: Mapping[str, Sequence[int]],
    *,
    n: int = 1024,
    seed: int = 0,
) -> Indices:
    """First-order indices by the estimate of Saltelli (2010), total ones by Jansen's (1999), on a Sobol sequence.

    Args:
        outputs: (m, inputs) uniform numbers -> (m, outputs).
        groups: name -> columns of the inputs that are exchanged together.
        n: rows of each of the two base samples, a power of two; n (groups + 2) rows are computed.
        seed: of the scrambling.

    Example:
        >>> def two(u): return (u[:, :1] - 0.5) * 2 + (u[:, 1:2] - 0.5)
        >>> found = sobol_indices(two, {"large": [0], "small": [1]}, n=256)
        >>> found.first[:, 0].round(2).tolist(), found.total[:, 0].round(2).tolist()
        ([0.8, 0.2], [0.8, 0.2])
    """
    from scipy.stats.qmc import Sobol

    width = 1 + max(column for columns in groups.values() for column in columns)
    base = Sobol(2 * width, rng=np.random.default_rng(seed)).random(n)
    base = np.clip(base, 1e-9, 1 - 1e-9)
    a, b = base[:, :width], base[:, width:]
    exchanged = [np.where(np.isin(np.arange(width), list(columns)), b, a) for columns in groups.values()]
    found = outputs(np.concatenate([a, b, *exchanged])).reshape(len(exchanged) + 2, n, -1)
    middle = found[:2].mean(axis=(0, 1))
    of_a, of_b, *of_groups = found - middle  # centred, which lowers the error of the first-order estimate
    variance = found[:2].var(axis=(0, 1))
    alone = np.stack([of_b * (y - of_a) for y in of_groups])  # (groups, n, outputs)
    gone = np.stack([(of_a - y) ** 2 / 2 for y in of_groups])
    rows = np.random.default_rng([seed, 1]).integers(0, n, (RESAMPLED, n))
    errors = [np.stack([part[:, r].mean(axis=1) for r in rows]).std(axis=0) for part in (alone, gone)]
    safe = np.where(variance > 0, variance, np.inf)
    return Indices(
        tuple(groups), middle, np.sqrt(variance), alone.mean(axis=1) / safe, gone.mean(axis=1) / safe,
        errors[0] / safe, errors[1] / safe,
    )  # fmt: skip
