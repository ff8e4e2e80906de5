"""What a training is watched by: figures on patients that it has not seen, and a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from models.data.examples import Examples, Subject

if TYPE_CHECKING:
    from models.networks.neural import NeuralTranslator

_BATCHES = 4
_ROWS = 6
_HALF_RANGE_HU = 1024.0
_WINDOW = (-1.3, 0.4)  # a lung window, -1350 to 400 HU, over the half range
PICTURES = "samples"


@dataclass(frozen=True, eq=False)
class Validation:
    """Slices in and around the tumour of held-out patients.

    Args:
        image, vector, target: (n, C, y, x), (n, f), (n, 2, y, x).
        out: folder of the pictures.
    """

    image: Tensor
    vector: Tensor
    target: Tensor
    out: Path

    @classmethod
    def of(cls, subjects: Sequence[Subject], slices: int, out: Path) -> Validation:
        """The same slices at any time."""
        data = Examples(subjects, slices, batch=16, volumes=16, near_share=1.0, seed=1)
        batches = [data.at(i) for i in range(_BATCHES)]
        image, vector, target = (torch.cat([b[k] for b in batches]) for k in ("image", "vector", "target"))
        return cls(image, vector, target, out)

    def figures(self, model: NeuralTranslator, step: int) -> dict[str, float]:
        """Error of a model beside those of copying and of what it starts from, guided by the true volume; a picture is
        written too.

        Returns:
            Within 3 cm of the tumour: mean absolute error in HU of model, start and copy; share of the copy's error
            that the model took away; Dice of the mask, of all three; mask volume over the true one.
        """
        device = next(iter(model.parameters())).device
        chance = torch.Generator().manual_seed(0)
        noise = torch.randn(len(self.image), model.noise_channels, *self.image.shape[2:], generator=chance)
        noise[:, 0] = noise[:, 0].mean()
        made = model.generate(*(t.to(device) for t in (self.image, self.vector, noise))).cpu()
        near = self.image[:, -1] > -1.0
        start = model.start(self.image.to(device)).cpu()
        error, begun, copied = (
            (v[:, 0] - self.target[:, 0]).abs()[near].mean().item() * _HALF_RANGE_HU
            for v in (made, start, self.image)
        )
        dice, start_dice, copy_dice = (_dice(v[:, 1], self.target[:, 1]) for v in (made, start, self.image))
        self._picture(made, step)
        return {
            "mae_hu": round(error, 2),
            "start_mae_hu": round(begun, 2),
            "copy_mae_hu": round(copied, 2),
            "gain": round(1.0 - error / max(copied, 1e-6), 4),
            "dice": round(dice, 4),
            "start_dice": round(start_dice, 4),
            "copy_dice": round(copy_dice, 4),
            "mask_ratio": round(float(made[:, 1].sum() / self.target[:, 1].sum().clamp_min(1)), 4),
        }

    def _picture(self, made: Tensor, step: int) -> None:
        """Rows: before, made, truth, and made minus truth; tumour outlined in white."""
        from PIL import Image

        largest = self.image[:, 1].sum(dim=(1, 2)).argsort(descending=True)[: 4 * _ROWS : 4]
        rows = []
        for i in largest:
            views = [
                _grey(self.image[i, 0], self.image[i, 1]),
                _grey(made[i, 0], made[i, 1]),
                _grey(self.target[i, 0], self.target[i, 1]),
                ((made[i, 0] - self.target[i, 0]).numpy() * 2.0 + 0.5).clip(0, 1),
            ]
            rows.append(np.concatenate(views, axis=1))
        folder = self.out / PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        picture = (np.concatenate(rows) * 255).astype(np.uint8)
        Image.fromarray(picture).resize((picture.shape[1] * 2, picture.shape[0] * 2), 0).save(
            folder / f"step-{step:06d}.png"
        )


def _dice(one: Tensor, other: Tensor) -> float:
    a, b = one > 0.5, other > 0.5
    return float(2 * (a & b).sum() / (a.sum() + b.sum()).clamp_min(1))


def _grey(picture: Tensor, mask: Tensor) -> np.ndarray:
    low, high = _WINDOW
    grey = ((picture.numpy() - low) / (high - low)).clip(0, 1)
    inside = mask.numpy() > 0.5
    core = inside.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            core &= np.roll(inside, shift, axis)
    grey[inside & ~core] = 1.0
    return grey
