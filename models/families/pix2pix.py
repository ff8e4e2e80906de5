"""Pix2Pix (Isola et al. 2017): a U-Net generator against a discriminator of patches."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.families.regression import Regression
from models.family import FamilyConfig


class Pix2Pix(Regression):
    """What is made is to be near the truth and to look like it, given the source.

    Options:
        adversarial_weight: of the discriminator's word against the supervised error.
        discriminator_channels: of MONAI's `PatchDiscriminator`.
    """

    options: ClassVar[dict[str, Any]] = {"adversarial_weight": 0.005, "discriminator_channels": 32}

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        self.discriminator: nn.Module | None = None
        self._made: Tensor | None = None
        self._given = sum(not c.whole for c in self.task.source)  # channels of the slice itself

    def start_training(self) -> None:
        """Make the discriminator; it is no part of the weights that are saved."""
        from monai.losses import PatchAdversarialLoss

        channels = self.config.options["discriminator_channels"]
        self.discriminator = patch_discriminator(self._given + len(self.task.target), channels)
        self._adversarial = PatchAdversarialLoss(criterion="least_squares")

    def parts(self) -> list[list[nn.Parameter]]:
        """The generator, then the discriminator."""
        if self.discriminator is None:
            self.start_training()
        assert self.discriminator is not None
        return [*super().parts(), list(self.discriminator.parameters())]

    def likeness(self, given: Tensor, made: Tensor, batch: Batch) -> dict[str, Tensor]:
        """How far what was made is from passing for the truth.

        Args:
            given: (b, G, y, x) channels of the slice itself.
            made: (b, T, y, x).
            batch: with the truth.
        """
        assert self.discriminator is not None
        verdict = self.discriminator(torch.cat([given, made], dim=1))[-1].float()
        fooled = self._adversarial(verdict, target_is_real=True, for_discriminator=False)
        return {"adversarial": self.config.options["adversarial_weight"] * fooled}

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the generator, which leaves what it made to the discriminator; then of the discriminator."""
        assert self.discriminator is not None and batch.target is not None
        given = batch.source[:, : self._given]
        if part == 0:
            images, logits = self.changed(batch)
            made = self.head.composed(self.head.layers(images, logits))
            self._made = made.detach()
            return self.supervised(images, logits, batch) | self.likeness(given, made, batch)
        assert self._made is not None
        false = self.discriminator(torch.cat([given, self._made], dim=1))[-1].float()
        true = self.discriminator(torch.cat([given, batch.target], dim=1))[-1].float()
        wrong = self._adversarial(false, target_is_real=False, for_discriminator=True)
        missed = self._adversarial(true, target_is_real=True, for_discriminator=True)
        return {"discriminator": 0.5 * (wrong + missed)}


def patch_discriminator(before: int, channels: int) -> nn.Module:
    """MONAI's discriminator of patches.

    Args:
        before: channels of the images that it judges.
        channels: of its first level.
    """
    from monai.networks.nets import PatchDiscriminator

    return PatchDiscriminator(
        spatial_dims=2, channels=channels, in_channels=before, num_layers_d=3, norm="INSTANCE"
    )


FAMILY = Pix2Pix
