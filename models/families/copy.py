"""Copy: what a translation begins as is its answer; the yardstick that every other family has to beat."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.batch import Batch
from models.family import Family


class Copy(Family):
    """Learns nothing."""

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """The start itself."""
        return self.head.start(batch.source)

    def parts(self) -> list[list[nn.Parameter]]:
        """Nothing is trained."""
        return []

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """None."""
        return {}


FAMILY = Copy
