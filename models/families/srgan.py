"""SRGAN (Ledig et al. 2017): a residual generator judged by a discriminator and by features of its own domain."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.families.pix2pix import Pix2Pix
from models.family import FamilyConfig
from models.networks.perceptual import PerceptualEncoder
from models.networks.residual import ResidualNetwork


class SRGAN(Pix2Pix):
    """What is made is to be near the truth, to have its features and to pass for it.

    The encoder of the features learns beside the generator, from the targets of the same training; where these are
    CTs, it begins with what the shipped one knows of CTs.

    Options:
        perceptual_weight: of the features against the supervised error.
        adversarial_weight, discriminator_channels: as `Pix2Pix`.
    """

    options: ClassVar[dict[str, Any]] = Pix2Pix.options | {"perceptual_weight": 0.1}

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        self.perceptual: PerceptualEncoder | None = None

    def network_for(self, before: int) -> nn.Module:
        """Residual blocks."""
        return ResidualNetwork(before, self.output_channels, self.config.widths, self.config.embedding)

    def start_training(self) -> None:
        """Make the discriminator and the encoder; neither is part of the weights that are saved."""
        super().start_training()
        a_ct = [c.unit for c in self.task.target] == ["HU"]
        self.perceptual = PerceptualEncoder.of_cts() if a_ct else PerceptualEncoder(len(self.task.target))

    def parts(self) -> list[list[nn.Parameter]]:
        """The generator, the discriminator, the encoder."""
        parts = super().parts()
        assert self.perceptual is not None
        return [*parts, list(self.perceptual.parameters())]

    def likeness(self, given: Tensor, made: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The discriminator's word, and how far the features lie apart."""
        assert self.perceptual is not None and batch.target is not None
        apart = self.perceptual.distance(made, batch.target)
        return super().likeness(given, made, batch) | {
            "perceptual": self.config.options["perceptual_weight"] * apart
        }

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the generator, then of the discriminator, then of the encoder."""
        if part < 2:
            return super().losses(part, batch, chance)
        assert self.perceptual is not None and batch.target is not None
        return {"encoder": self.perceptual.loss(batch.target)}


FAMILY = SRGAN
