"""Regression that is to have the truth's texture too (Di Feola et al. 2024): co-occurrence of grey levels."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.batch import Batch
from models.families.regression import Regression
from models.losses.texture import TextureLoss


class Texture(Regression):
    """As near to the target as it can get, less what its texture is away from the target's.

    Options:
        texture_weight: of texture against the supervised error.
        property, aggregation: of `TextureLoss`.
        low, high: the part of the images' range in which texture is looked at, as numbers from -1 to 1.
    """

    options: ClassVar[dict[str, Any]] = {
        "texture_weight": 1.0,
        "property": "homogeneity",
        "aggregation": "mean",
        "low": -1.0,
        "high": 1.0,
    }

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the target and of its texture."""
        assert batch.target is not None
        images, logits = self.changed(batch)
        made = self.head.composed(self.head.layers(images, logits))
        own = self.config.options
        with torch.autocast(made.device.type, enabled=False):
            apart = texture_loss(own)(*(spread(v.float(), own) for v in (made, batch.target)))
        return self.supervised(images, logits, batch) | {"texture": own["texture_weight"] * apart}


def texture_loss(own: dict[str, Any]) -> TextureLoss:
    """The loss that a family's options ask for."""
    return TextureLoss(own["property"], own["aggregation"])


def spread(images: Tensor, own: dict[str, Any]) -> Tensor:
    """Images with a part of their range brought to -1 to 1."""
    low, high = own["low"], own["high"]
    return (images - low) * (2.0 / (high - low)) - 1.0


FAMILY = Texture
