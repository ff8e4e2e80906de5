"""What two images look like to a network: an encoder of one's own, since those of photographs know no HU."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEARNED = Path(__file__).parent / "data" / "ct.safetensors"
_WIDTHS = (16, 32, 64)


@cache
def learned() -> dict[str, Tensor]:
    """What an encoder learned of CTs (`benchmarks/ct_scores.py`), with what distances of sets need beside it."""
    from safetensors.torch import load_file

    return {k: v.float() for k, v in load_file(LEARNED).items()}


class PerceptualEncoder(nn.Module):
    """Three levels of features, learned by giving the image back from the last of them.

    Args:
        channels: of the images.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        steps = list(zip((channels, *_WIDTHS), _WIDTHS, strict=False))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in steps)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in reversed(steps))

    @classmethod
    def of_cts(cls) -> PerceptualEncoder:
        """As it learned from CTs of -1024 to 1024 HU."""
        model = cls(1)
        model.load_state_dict({k: v for k, v in learned().items() if k.startswith(("down", "up"))})
        return model

    def features(self, images: Tensor) -> list[Tensor]:
        """(b, c, y, x) -> features of half, a quarter and an eighth of the resolution."""
        found, h = [], images
        for level in self.down:
            h = F.silu(level(h))
            found.append(h)
        return found

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Mean difference of the features' directions, over levels and pixels (as LPIPS, Zhang et al. 2018)."""
        pairs = zip(self.features(one), self.features(other), strict=True)
        apart = [
            (F.normalize(a.float(), dim=1) - F.normalize(b.float(), dim=1)).square().sum(1).mean()
            for a, b in pairs
        ]
        return torch.stack(apart).mean()

    def loss(self, images: Tensor) -> Tensor:
        """Mean absolute error of the images given back."""
        h = self.features(images)[-1]
        for number, level in enumerate(self.up):
            h = level(F.interpolate(h if number == 0 else F.silu(h), scale_factor=2.0))
        rows, columns = images.shape[-2:]
        return (h[..., :rows, :columns].float() - images).abs().mean()
