"""The conditions of a translation: a vector of numbers in which each may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from models.condition import Condition

_TOKEN = 16  # numbers that stand for one condition


class Conditions(nn.Module):
    """Encodes the vector: a learned token stands for each value that is missing, never a filled-in one.

    Args:
        conditions: what each number is.
        width: of the encoding.
        hidden: names of conditions that this model is not shown.
    """

    mean: Tensor
    std: Tensor
    log_offset: Tensor

    def __init__(self, conditions: Sequence[Condition], width: int, hidden: Sequence[str] = ()) -> None:
        super().__init__()
        for buffer, field in (("mean", "mean"), ("std", "spread"), ("log_offset", "log_offset")):
            values = torch.tensor([getattr(c, field) for c in conditions], dtype=torch.float32)
            self.register_buffer(buffer, values, persistent=False)
        n = len(conditions)
        self.width = width
        self.hidden = [i for i, c in enumerate(conditions) if c.name in hidden]
        self.slope = nn.Parameter(torch.randn(n, _TOKEN))
        self.offset = nn.Parameter(torch.randn(n, _TOKEN))
        self.missing = nn.Parameter(torch.randn(n, _TOKEN))
        self.mix = (
            nn.Sequential(nn.Linear(n * _TOKEN, width), nn.SiLU(), nn.Linear(width, width)) if n else None
        )

    def normalised(self, vector: Tensor) -> Tensor:
        """(b, f): mean 0 and variance 1 over the training data; nan stays."""
        logged = torch.log((vector + self.log_offset).clamp_min(1e-6))
        return (torch.where(self.log_offset > 0, logged, vector) - self.mean) / self.std

    def forward(self, vector: Tensor) -> Tensor:
        """(b, f) conditions, nan where missing -> (b, width); 0 where a task has none."""
        if self.mix is None:
            return vector.new_zeros(len(vector), self.width)
        value = self.normalised(vector)
        known = torch.isfinite(value)
        if self.hidden:
            known[:, self.hidden] = False
        token = torch.where(known, value, 0.0).clamp(-5.0, 5.0)[..., None] * self.slope + self.offset
        return self.mix(torch.where(known[..., None], token, self.missing).flatten(1))


def dropped(
    vector: Tensor,
    conditions: Sequence[Condition],
    drawn: int | None,
    rates: Mapping[str, float],
    chance: torch.Generator,
) -> Tensor:
    """The conditions of training examples with some of them taken away.

    Args:
        vector: (b, f).
        conditions: what each number is; those that tell something by being missing are never taken alone.
        drawn: the place of the condition that a model draws where it is missing, if there is one.
        rates: `each`, of a single condition; `all`, of all of them together (what guidance needs); `drawn`, of the one
            that is drawn.
        chance: on the CPU.

    Returns:
        (b, f) with nan where taken.
    """
    b, f = vector.shape
    away = torch.rand(b, f, generator=chance) < rates["each"]
    away[:, [i for i, c in enumerate(conditions) if c.telling]] = False
    if drawn is not None:
        away[:, drawn] = torch.rand(b, generator=chance) < rates["drawn"]
    away |= torch.rand(b, 1, generator=chance) < rates["all"]
    return vector.masked_fill(away.to(vector.device), torch.nan)
