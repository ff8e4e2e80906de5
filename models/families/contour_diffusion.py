"""Contour-guided diffusion: learned from targets alone by their own contours, used with the contours of a source."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.batch import Batch
from models.families.diffusion import Diffusion
from models.family import FamilyConfig
from models.networks.unet import UNet

_SHARPEST = 4.0  # times a slice's mean gradient: what is a contour for sure


class ContourDiffusion(Diffusion):
    """The target itself is diffused along contours; a source tells where contours lie, and nothing else.

    So no source is needed to learn, and none lies on any target. Contours are gradients over their mean in the slice,
    which change little from one modality to another where both show the same borders.

    Options:
        steps, train_steps, beta_schedule, prediction: as `Diffusion`.
    """

    needs_pairs: ClassVar[bool] = False
    options: ClassVar[dict[str, Any]] = {
        "steps": 20,
        "train_steps": 1000,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction": "v_prediction",
    }

    def __init__(self, config: FamilyConfig) -> None:
        super().__init__(config)
        self._traced = False  # whether contours are those of the target

    def network_for(self, before: int) -> nn.Module:
        """A U-Net that is shown the state and contours."""
        targets = len(self.task.target)
        return UNet(targets + 1, self.output_channels, self.config.widths, self.config.embedding)

    def shown(self, batch: Batch) -> Tensor:
        """Contours of the slice's own source channels; where it is learned, of the target."""
        if self._traced:
            assert batch.target is not None
            return contours(batch.target)
        own = [i for i in range(sum(not c.whole for c in self.task.source)) if i in self._seen]
        return contours(batch.source[:, own])

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """From the sample's noise to the target."""
        assert batch.noise is not None
        return self.head.layered(self._walked(batch.noise[:, 1:], batch, steps, self._ranged))

    def _ranged(self, out: Tensor, state: Tensor, kept: float) -> Tensor:
        least = state.new_tensor([0.0 if c.share else -1.0 for c in self.task.target]).reshape(1, -1, 1, 1)
        return torch.maximum(self._meant(out, state, kept).clamp(max=1.0), least)

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the noise (or of what `prediction` names), of targets along their own contours."""
        assert batch.target is not None
        self._traced = True
        try:
            out, wanted = self._noised(batch.target, batch, chance)
        finally:
            self._traced = False
        error = (out - wanted).square().mean(dim=(0, 2, 3))
        return {c.name: error[i] for i, c in enumerate(self.task.target)}


def contours(images: Tensor) -> Tensor:
    """(b, 1, y, x) from 0 to 1: the steepest of some images' gradients, over their mean in the slice.

    Args:
        images: (b, c, y, x).
    """
    down = F.pad(images[..., 1:, :] - images[..., :-1, :], (0, 0, 0, 1))
    right = F.pad(images[..., 1:] - images[..., :-1], (0, 1))
    steep = (down.square() + right.square() + 1e-12).sqrt()
    steep = (steep / steep.mean(dim=(2, 3), keepdim=True).clamp_min(1e-4)).amax(dim=1, keepdim=True)
    return (steep / _SHARPEST).clamp(max=1.0)


FAMILY = ContourDiffusion
