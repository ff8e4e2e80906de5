"""One step of a training: down the gradient, at what rate, and from which error on it counts as absolute."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from models.batch import Batch
from models.family import Family, half_precision
from models.networks.heads import SHARP
from models.training.processes import Processes

_LAST_RATE = 0.01  # of the learning rate, at the end
_FIRST_DELTA = 0.3  # of a CT's range, about 300 HU


def descend(
    model: Family,
    optimisers: Sequence[torch.optim.Optimizer],
    batch: Batch,
    chance: torch.Generator,
    *,
    clip: float,
    processes: Processes | None = None,
) -> dict[str, float]:
    """One step of each of a model's parts.

    Returns:
        The terms of the losses.
    """
    terms: dict[str, float] = {}
    for part, optimiser in enumerate(optimisers):
        optimiser.zero_grad(set_to_none=True)
        with half_precision(batch.source.device):
            losses = model.losses(part, batch, chance)
        torch.stack(list(losses.values())).sum().backward()
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        if processes is not None:
            processes.average_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.step()
        terms |= {k: float(v.detach()) for k, v in losses.items()}
    return terms


def rate_at(step: int, total: int, warmup: int) -> float:
    """The learning rate relative to its greatest: rising to it, then falling as a cosine.

    Example:
        >>> [round(rate_at(s, 1000, 100), 3) for s in (0, 99, 500, 1000)]
        [0.01, 0.976, 0.505, 0.01]
    """
    cosine = 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / max(total, 1))))
    return min(1.0, (step + 1) / warmup) * (_LAST_RATE + (1.0 - _LAST_RATE) * cosine)


def delta_at(step: int, total: int, sharpened: tuple[float, float]) -> float:
    """Below which error of a pixel the loss is squared, in units of the image: large at first, `SHARP` at the end.

    A median stays where it is until what tells the cases apart is known, and has no reason to learn what does:
    collapsed lung that opens was never learned from absolute errors alone. A mean moves from the first step on.

    Example:
        >>> [round(delta_at(s, 1000, (0.15, 0.3)), 3) for s in (0, 150, 225, 300, 1000)]
        [0.3, 0.3, 0.055, 0.01, 0.01]
    """
    since, until = sharpened
    share = (step / max(total, 1) - since) / max(until - since, 1e-6)
    return _FIRST_DELTA * (SHARP / _FIRST_DELTA) ** min(max(share, 0.0), 1.0)
