"""A branch that steers a network by an image, which it leaves as it is at the start (ControlNet, Zhang et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.unet import Block


class Control(nn.Module):
    """The way down of a U-Net, given the image as well; what it adds to each level of the other begins as 0.

    Args:
        before: channels of the other network's input and of the image.
        widths, embedding: of the other network.
    """

    def __init__(self, before: int, widths: Sequence[int], embedding: int) -> None:
        super().__init__()
        self.multiple = 2 ** len(widths)
        self.enter = nn.Conv2d(4 * before, widths[0], 3, padding=1)
        steps = list(zip([widths[0], *widths], widths, strict=False))
        self.down = nn.ModuleList(Block(a, b, embedding) for a, b in steps)
        self.adds = nn.ModuleList(nn.Conv2d(width, width, 1) for width in widths)
        for weight in self.adds.parameters():
            nn.init.zeros_(weight)

    def forward(self, x: Tensor, embedding: Tensor) -> list[Tensor]:
        """(b, before, y, x), (b, embedding) -> what is added to each level of the other network."""
        rows, columns = x.shape[-2:]
        x = F.pad(x, (0, -columns % self.multiple, 0, -rows % self.multiple), mode="replicate")
        h = self.enter(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        added = []
        for level, (block, add) in enumerate(zip(self.down, self.adds, strict=True)):
            h = block(F.avg_pool2d(h, 2) if level else h, embedding)
            added.append(add(h))
        return added
