"""A generator that keeps its resolution: residual blocks one after the other, no way down and up again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.networks.unet import Block, ChannelNorm


class ResidualNetwork(nn.Module):
    """Residual blocks on 2 x 2 blocks of pixels with one skip over all of them (SRResNet, Ledig et al. 2017).

    Args:
        before, after: channels of its input and output.
        widths: the first is the channels of its blocks; there are as many blocks as in a U-Net of these widths.
        embedding: width of what steers it.
    """

    def __init__(self, before: int, after: int, widths: Sequence[int], embedding: int) -> None:
        super().__init__()
        width = widths[0]
        self.enter = nn.Conv2d(4 * before, width, 3, padding=1)
        self.blocks = nn.ModuleList(Block(width, width, embedding) for _ in range(2 * len(widths) + 1))
        self.leave_norm = ChannelNorm(width)
        self.leave = nn.Conv2d(width, 4 * after, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(b, before, y, x), (b, embedding) -> (b, after, y, x), y and x of any size; 0 before training."""
        rows, columns = x.shape[-2:]
        x = F.pad(x, (0, columns % 2, 0, rows % 2), mode="replicate")
        first = h = self.enter(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h = block(h, embedding)
        out = self.leave(F.silu(self.leave_norm(first + h)))
        return F.pixel_shuffle(out, 2)[..., :rows, :columns].float()
