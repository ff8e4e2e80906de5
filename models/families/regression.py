"""Plain supervised regression: the yardstick that wins many challenges where pairs lie well on one another."""

from __future__ import annotations

import torch
from torch import Tensor

from models.batch import Batch
from models.family import Family


class Regression(Family):
    """One evaluation of one network, as near to the target as it can get."""

    def changed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Images and shares' logits that the network makes of the start."""
        out = self.predict(None, batch, batch.source.new_zeros(len(batch)))
        return self.head.changed(out, batch.source)

    def translate(self, batch: Batch, steps: int) -> Tensor:
        """In one step."""
        return self.head.layers(*self.changed(batch))

    def losses(self, part: int, batch: Batch, chance: torch.Generator) -> dict[str, Tensor]:
        """Of the target."""
        return self.supervised(*self.changed(batch), batch)


FAMILY = Regression
