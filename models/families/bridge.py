"""A Brownian bridge from start to target: few evaluations, since it begins with an image, not with noise."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.batch import Batch
from models.family import Family


class Bridge(Family):
    """Predicts the target from any point of a Brownian bridge between start and target.

    A point of the bridge at time t is (1 - t) start + t target + sigma sqrt(t (1 - t)) noise (Li et al. 2023, BBDM;
    Liu et al. 2023, I2SB). Sampling begins at the start and goes to the point of the predicted target at each next
    time, with the sample's own noise; one evaluation is the best single guess.

    Options:
        steps: network evaluations of a sample.
        sigma: of the bridge's noise, in units of the image.
        start_share: how often training looks from the start itself, where every sample begins.
    """

    state_channels = True
    pixel_noise = True
    options: ClassVar[dict[str, Any]] = {"steps": 2, "sigma": 0.1, "start_share": 0.75}

    def _point(self, start: Tensor, end: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        t = time[:, None, None, None]
        spread = self.config.options["sigma"] * (t * (1.0 - t)).sqrt()
        return (1.0 - t) * start + t * end + spread * noise

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """From the start to the target in equal steps."""
        assert batch.noise is not None
        start = end = self.start(batch)
        layers = self.head.start(batch.source)
        for step in range(steps):
            time = start.new_full((len(batch),), step / steps)
            state = self._point(start, end, time, batch.noise[:, 1:])
            layers = self.head.layers(*self.head.changed(self.predict(state, batch, time), batch.source))
            end = self.head.composed(layers)
        return layers

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the target that is predicted from a random point of the bridge."""
        assert batch.target is not None
        b, device = len(batch), batch.source.device
        time = torch.rand(b, generator=chance)
        time[torch.rand(b, generator=chance) < self.config.options["start_share"]] = 0.0
        noise = torch.randn(batch.target.shape, generator=chance).to(device)
        time = time.to(device)
        state = self._point(self.start(batch), batch.target, time, noise)
        out = self.predict(state, batch, time)
        return self.supervised(*self.head.changed(out, batch.source), batch)


FAMILY = Bridge
