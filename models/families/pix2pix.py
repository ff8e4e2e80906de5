"""Pix2Pix (Isola et al. 2017): a U-Net generator against a discriminator of patches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.networks.layers import composed
from models.networks.neural import NeuralTranslator


class Pix2Pix(NeuralTranslator):
    """One evaluation; image and mask are to be near the truth and to look like it, given the baseline.

    Options:
        adversarial_weight: of the discriminator's word against the absolute error.
        discriminator_channels: of MONAI's `PatchDiscriminator`.
    """

    noise_channels = 1
    options: ClassVar[dict[str, Any]] = {"adversarial_weight": 0.005, "discriminator_channels": 32}

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.discriminator: nn.Module | None = None
        self._made: Tensor | None = None

    def start_training(self) -> None:
        """Make the discriminator; it is no part of the weights that are saved."""
        from monai.losses import PatchAdversarialLoss
        from monai.networks.nets import PatchDiscriminator

        self.discriminator = PatchDiscriminator(
            spatial_dims=2,
            channels=self.config["options"]["discriminator_channels"],
            in_channels=4 + self.config["image_channels"] - 2,
            num_layers_d=3,
            norm="INSTANCE",
        )
        self._adversarial = PatchAdversarialLoss(criterion="least_squares")

    def parts(self) -> list[list[nn.Parameter]]:
        """The generator, then the discriminator."""
        if self.discriminator is None:
            self.start_training()
        assert self.discriminator is not None
        own = [p for n, p in self.named_parameters() if not n.startswith(("volume.", "discriminator."))]
        return [own, list(self.discriminator.parameters())]

    def translate(self, image: Tensor, vector: Tensor, noise: Tensor) -> Tensor:
        """In one step."""
        pictures, logit = self._followup(image, vector)
        return torch.cat([pictures, logit.sigmoid()[:, None]], dim=1)

    def _followup(self, image: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        out = self.predict(None, image, vector, image.new_zeros(len(image)))
        return self.layers_and_logit(out, image)

    def loss(self, part: int, batch: Mapping[str, Tensor], chance: torch.Generator) -> dict[str, Tensor]:
        """Of the generator, which leaves what it made to the discriminator; then of the discriminator."""
        assert self.discriminator is not None
        image, target = batch["image"], batch["target"]
        given = image[:, : self.config["image_channels"]]
        if part == 0:
            pictures, logit = self._followup(image, batch["vector"])
            made = composed(torch.cat([pictures, logit.sigmoid()[:, None]], dim=1))
            self._made = made.detach()
            verdict = self.discriminator(torch.cat([given, made], dim=1))[-1].float()
            fooled = self._adversarial(verdict, target_is_real=True, for_discriminator=False)
            terms = self.picture_loss(pictures, logit, image, target)
            return terms | {"adversarial": self.config["options"]["adversarial_weight"] * fooled}
        assert self._made is not None
        false = self.discriminator(torch.cat([given, self._made], dim=1))[-1].float()
        true = self.discriminator(torch.cat([given, target], dim=1))[-1].float()
        wrong = self._adversarial(false, target_is_real=False, for_discriminator=True)
        missed = self._adversarial(true, target_is_real=True, for_discriminator=True)
        return {"discriminator": 0.5 * (wrong + missed)}


FAMILY = Pix2Pix
