"""A Brownian bridge from the baseline to the follow-up: few evaluations, since it starts from an image, not noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from models.networks.layers import composed
from models.networks.neural import NeuralTranslator


class Bridge(NeuralTranslator):
    """Predicts the follow-up from any point of a Brownian bridge between start (baseline or draft) and follow-up.

    A point of the bridge at time t is (1 - t) start + t follow-up + sigma sqrt(t (1 - t)) noise (Li et al. 2023,
    BBDM; Liu et al. 2023, I2SB). Sampling begins at the start and goes to the point of the predicted follow-up at
    each next time, with the sample's own noise; one evaluation is the best single guess.

    Options:
        steps: network evaluations of a sample.
        sigma: of the bridge's noise, in units of the image.
        start_share: how often training looks from the start itself, where every sample begins.
    """

    noise_channels = 3
    state_channels = 2
    options: ClassVar[dict[str, Any]] = {"steps": 2, "sigma": 0.1, "start_share": 0.75}

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample."""
        return int(self.config["options"]["steps"])

    def _point(self, start: Tensor, end: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        t = time[:, None, None, None]
        spread = self.config["options"]["sigma"] * (t * (1.0 - t)).sqrt()
        return (1.0 - t) * start + t * end + spread * noise

    def translate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """From the start to the follow-up in equal steps."""
        start = end = self.start(image)
        layers = image[:, self._start]
        for step in range(self.evaluations):
            time = image.new_full((len(image),), step / self.evaluations)
            state = self._point(start, end, time, noise[:, 1:3])
            pictures, logit = self.layers_and_logit(self.predict(state, image, vector, time), image)
            layers = torch.cat([pictures, logit.sigmoid()[:, None]], dim=1)
            end = composed(layers)
        return layers

    def loss(self, part: int, batch: Mapping[str, Tensor], chance: torch.Generator) -> dict[str, Tensor]:
        """Of the follow-up that is predicted from a random point of the bridge."""
        image, target = batch["image"], batch["target"]
        b = len(image)
        time = torch.rand(b, generator=chance)
        time[torch.rand(b, generator=chance) < self.config["options"]["start_share"]] = 0.0
        noise = torch.randn(target.shape, generator=chance).to(image.device)
        time = time.to(image.device)
        state = self._point(self.start(image), target, time, noise)
        out = self.predict(state, image, batch["vector"], time)
        return self.picture_loss(*self.layers_and_logit(out, image), image, target)


FAMILY = Bridge
