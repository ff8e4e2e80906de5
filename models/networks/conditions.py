"""The conditions of a translation: a vector of numbers in which each may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

_TOKEN = 16  # numbers that stand for one condition
_LOG_OFFSET = 0.05  # of the mean, added before a logarithm


def statistics(vectors: np.ndarray) -> dict[str, list[float]]:
    """How to bring each condition to mean 0 and variance 1, its logarithm where that is the less skewed.

    Args:
        vectors: (n, f), nan where missing.

    Returns:
        `mean`, `std` and `log_offset` (-1 where no logarithm is taken), f numbers each.

    Example:
        >>> table = np.array([[1.0, 5.0], [10.0, 6.0], [100.0, 7.0], [np.nan, 6.0]])
        >>> statistics(table)["log_offset"]
        [1.85, -1.0]
    """
    means, stds, logs = [], [], []
    for column in np.asarray(vectors, dtype=np.float64).T:
        known = column[np.isfinite(column)]
        offset = -1.0
        if known.size and known.min() >= 0 and known.max() > 0:
            candidate = _LOG_OFFSET * float(known.mean())
            if abs(_skewness(np.log(known + candidate))) < abs(_skewness(known)):
                offset = candidate
        used = np.log(known + offset) if offset > 0 else known
        means.append(float(used.mean()) if known.size else 0.0)
        stds.append(max(float(used.std()), 1e-3) if known.size else 1.0)
        logs.append(round(offset, 9))
    return {"mean": means, "std": stds, "log_offset": logs}


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 1e-9 else 0.0


class Conditions(nn.Module):
    """Encodes the vector: a learned token stands for each value that is missing, never a filled-in one.

    Args:
        statistics: what the function of that name gave for the training data.
        width: of the encoding.
        hidden: indices of conditions that this model is not shown.
    """

    mean: Tensor
    std: Tensor
    log_offset: Tensor

    def __init__(
        self, statistics: Mapping[str, Sequence[float]], width: int, hidden: Sequence[int] = ()
    ) -> None:
        super().__init__()
        for name in ("mean", "std", "log_offset"):
            values = torch.tensor(statistics[name], dtype=torch.float32)
            self.register_buffer(name, values, persistent=False)
        n = len(statistics["mean"])
        self.hidden = list(hidden)
        self.slope = nn.Parameter(torch.randn(n, _TOKEN))
        self.offset = nn.Parameter(torch.randn(n, _TOKEN))
        self.missing = nn.Parameter(torch.randn(n, _TOKEN))
        self.mix = nn.Sequential(nn.Linear(n * _TOKEN, width), nn.SiLU(), nn.Linear(width, width))

    def normalised(self, vector: Tensor) -> Tensor:
        """(b, f): mean 0 and variance 1 over the training data; nan stays."""
        logged = torch.log((vector + self.log_offset).clamp_min(1e-6))
        return (torch.where(self.log_offset > 0, logged, vector) - self.mean) / self.std

    def forward(self, vector: Tensor) -> Tensor:
        """(b, f) conditions, nan where missing -> (b, width)."""
        value = self.normalised(vector)
        known = torch.isfinite(value)
        if self.hidden:
            known[:, self.hidden] = False
        token = torch.where(known, value, 0.0).clamp(-5.0, 5.0)[..., None] * self.slope + self.offset
        return self.mix(torch.where(known[..., None], token, self.missing).flatten(1))


def dropped(
    vector: Tensor, chance: torch.Generator, rates: Mapping[str, Any], relative: int | None
) -> Tensor:
    """The conditions of training examples with some of them taken away.

    Args:
        vector: (b, f).
        chance: on the CPU.
        rates: `each`, of a single condition; `all`, of all of them together (what guidance needs); `relative`, of the
            relative tumour volume; and `kept`, indices of conditions whose absence means something and that are
            never taken alone.
        relative: the index of the relative tumour volume, if there is one.

    Returns:
        (b, f) with nan where taken.
    """
    b, f = vector.shape
    away = torch.rand(b, f, generator=chance) < rates["each"]
    away[:, list(rates["kept"])] = False
    if relative is not None:
        away[:, relative] = torch.rand(b, generator=chance) < rates["relative"]
    away |= torch.rand(b, 1, generator=chance) < rates["all"]
    return vector.masked_fill(away.to(vector.device), torch.nan)
