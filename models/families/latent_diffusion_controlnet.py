"""Latent diffusion steered by a ControlNet (Zhang et al. 2023): the looks of targets are learned without the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.families.latent_diffusion import LatentDiffusion
from models.family import FamilyConfig
from models.networks.control import Control
from models.networks.unet import UNet


class LatentDiffusionControlnet(LatentDiffusion):
    """A diffusion of targets that is told the conditions only, and a branch that steers it by the source.

    Both learn in the same training: the diffusion as if there were no branch, the branch with the diffusion as it is.
    Options as `LatentDiffusion`.
    """

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        before = self.output_channels + self._stem_channels
        self.control = Control(before, config.widths, config.embedding)
        self._steered = True

    def network_for(self, before: int) -> nn.Module:
        """A U-Net that is shown latents only."""
        return UNet(self.output_channels, self.output_channels, self.config.widths, self.config.embedding)

    def parts(self) -> list[list[nn.Parameter]]:
        """The autoencoder, the diffusion, the branch."""
        autoencoder, rest = super().parts()
        branch = [*self.control.parameters(), *self.stem.parameters()]
        steering = {id(p) for p in branch}
        return [autoencoder, [p for p in rest if id(p) not in steering], branch]

    def answer(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Of the network on the state, steered by the branch on state and source."""
        state = x[:, : self.output_channels]
        return self.network(state, embedding, self.control(x, embedding) if self._steered else None)

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the autoencoder, of the diffusion by itself, and of the diffusion as the branch steers it."""
        self._steered = part != 1
        try:
            found = super().losses(part, batch, chance)
        finally:
            self._steered = True
        return {"steered": found["latents"]} if part == 2 else found


FAMILY = LatentDiffusionControlnet
