"""Flow matching: noise is carried to the change of an image along straight lines, in few steps."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.batch import Batch
from models.family import Family
from models.networks.heads import weights


class FlowMatching(Family):
    """A flow (Lipman et al. 2023) from noise to the change between start and target, of constant speed along each line.

    Options:
        steps: network evaluations of a sample, of equal length (Euler).
        image_scale, share_scale: the change of images and of shares that counts as 1.
    """

    state_channels = True
    pixel_noise = True
    options: ClassVar[dict[str, Any]] = {"steps": 8, "image_scale": 0.1, "share_scale": 0.3}

    @property
    def output_channels(self) -> int:
        """The network answers in the target's channels."""
        return len(self.task.target)

    def _scale(self, like: Tensor) -> Tensor:
        own = self.config.options
        each = [own["share_scale"] if c.share else own["image_scale"] for c in self.task.target]
        return like.new_tensor(each).reshape(1, -1, 1, 1)

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """From the sample's noise to the change."""
        assert batch.noise is not None
        start, state = self.start(batch), batch.noise[:, 1:]
        for step in range(steps):
            time = start.new_full((len(batch),), step / steps)
            state = state + self.predict(state, batch, time) / steps
        return self.head.layered(start + state * self._scale(start))

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the speed at a random time, weighted towards what is near."""
        assert batch.target is not None
        device = batch.source.device
        time = torch.rand(len(batch), generator=chance).to(device)
        noise = torch.randn(batch.target.shape, generator=chance).to(device)
        change = (batch.target - self.start(batch)) / self._scale(batch.target)
        t = time[:, None, None, None]
        out = self.predict((1.0 - t) * noise + t * change, batch, time)
        weight = weights(batch, self.config.near_weight)[:, None]
        error = (weight * (out - (change - noise)).square()).sum(dim=(0, 2, 3)) / weight.sum()
        return {c.name: error[i] for i, c in enumerate(self.task.target)}


FAMILY = FlowMatching
