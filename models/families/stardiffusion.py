"""The diffusion variant of StarGAN: one diffusion for many domains, which conditions tell, aware of texture."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from models.batch import Batch
from models.families.diffusion import Diffusion
from models.families.texture import Texture, spread, texture_loss
from models.networks.heads import weights


class StarDiffusion(Diffusion):
    """A diffusion of the change that says at each step how it ends, and whose end is to have the target's texture.

    Options:
        texture_weight, property, aggregation, low, high: as `Texture`.
        steps, train_steps, beta_schedule, image_scale, share_scale: as `Diffusion`; `prediction` stays "sample".
    """

    options: ClassVar[dict[str, Any]] = (
        Diffusion.options | Texture.options | {"prediction": "sample", "texture_weight": 0.2}
    )

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the end, and what the texture of the image that it means differs by."""
        assert batch.target is not None
        start, scale, own = self.start(batch), self._scale(batch.target), self.config.options
        out, wanted = self._noised((batch.target - start) / scale, batch, chance)
        weight = weights(batch, self.config.near_weight)[:, None]
        error = (weight * (out - wanted).square()).sum(dim=(0, 2, 3)) / weight.sum()
        with torch.autocast(out.device.type, enabled=False):
            pair = (spread(v.float(), own) for v in (start + out * scale, batch.target))
            texture = own["texture_weight"] * texture_loss(own)(*pair)
        return {c.name: error[i] for i, c in enumerate(self.task.target)} | {"texture": texture}


FAMILY = StarDiffusion
