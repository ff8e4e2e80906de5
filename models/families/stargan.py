"""StarGAN (Choi et al. 2018): one generator for many domains, told by conditions, aware of texture; without pairs."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Batch
from models.families.cyclegan import CycleGAN
from models.families.texture import spread, texture_loss
from models.family import FamilyConfig

_WIDTHS = (16, 32, 64)


class StarGAN(CycleGAN):
    """What is made is to pass for a target, to show of which domain it is, to lead back, and to have targets' texture.

    Domains are numbers here, the task's conditions: a judge learns to read them from targets, and what is made must let
    it read those that were asked for. Texture is held against that of the batch's targets as a set.

    Options:
        domain_weight: of what the judge reads.
        texture_weight, property, aggregation, low, high: as `Texture`.
        cycle_weight, discriminator_channels: as `CycleGAN`.
    """

    options: ClassVar[dict[str, Any]] = CycleGAN.options | {
        "domain_weight": 1.0,
        "texture_weight": 1.0,
        "property": "homogeneity",
        "aggregation": "mean",
        "low": -1.0,
        "high": 1.0,
    }

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        self._reads = [i for i in range(len(self.task.conditions)) if i not in self.conditions.hidden]

    def start_training(self) -> None:
        """Make the way back, the discriminators, and what reads the domain; none is part of what is saved."""
        super().start_training()
        assert self.discriminator is not None
        if self._reads:
            self.discriminator["domain"] = _Reader(len(self.task.target), len(self._reads))

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the generators; then of the discriminators and the reader."""
        assert batch.target is not None
        found = super().losses(part, batch, chance)
        if part == 0:
            made, own = self._there(batch), self.config.options
            with torch.autocast(made.device.type, enabled=False):
                sets = (spread(v.float(), own) for v in (made, batch.target))
                found["texture"] = own["texture_weight"] * texture_loss(own).between_sets(*sets)
            return found | {k: own["domain_weight"] * v for k, v in self._domain(made, batch).items()}
        return found | self._domain(batch.target, batch)

    def _domain(self, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """How far what is read from images is from the conditions that are known."""
        assert self.discriminator is not None
        if not self._reads:
            return {}
        wanted = self.conditions.normalised(batch.vector)[:, self._reads].clamp(-5.0, 5.0)
        read, known = self.discriminator["domain"](images).float(), torch.isfinite(wanted)
        error = F.smooth_l1_loss(read, torch.where(known, wanted, read.detach()), reduction="sum")
        return {"domain": error / known.sum().clamp_min(1)}


class _Reader(nn.Module):
    """Reads numbers from images.

    Args:
        channels: of the images.
        numbers: how many.
    """

    def __init__(self, channels: int, numbers: int) -> None:
        super().__init__()
        steps = zip((channels, *_WIDTHS), _WIDTHS, strict=False)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in steps)
        self.leave = nn.Linear(2 * _WIDTHS[-1], numbers)

    def forward(self, images: Tensor) -> Tensor:
        """(b, c, y, x) -> (b, numbers), from means and SDs of features."""
        h = images
        for level in self.down:
            h = F.silu(level(h))
        h = h.float().flatten(2)
        return self.leave(torch.cat([h.mean(2), h.var(2, unbiased=False).add(1e-6).sqrt()], dim=1))


FAMILY = StarGAN
