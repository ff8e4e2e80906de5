"""What a network's output means: a change of the images that a translation begins as, and of the shares' logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from models.batch import Batch
from models.task import Task

SHARP = 0.01  # of Huber's error: of a CT's range of 2048 HU, about 10 HU
_IMAGE_STEP, _LOGIT_STEP = 0.3, 2.0  # what 1 of the network's output changes
_UNSURE = 0.0025  # what a share that a translation begins as leaves open at least


class Head:
    """Each target channel is changed by itself.

    Args:
        task: what is translated.
        begins: for each layer the place of the source channel that it begins as, or None.
    """

    def __init__(self, task: Task, begins: Sequence[int | None]) -> None:
        self.names = [c.name for c in task.target]
        self.images = sum(not c.share for c in task.painted)
        self.channels = len(task.painted)
        self.begins = list(begins)

    def start(self, source: Tensor) -> Tensor:
        """(b, L, y, x): the layers that are changed."""
        if None not in self.begins:
            return source[:, self.begins]
        zero = torch.zeros_like(source[:, :1])
        return torch.cat([zero if i is None else source[:, i : i + 1] for i in self.begins], dim=1)

    def changed(self, out: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """The images, and the shares' logits, that the network's output makes of the start.

        Args:
            out: (b, L, y, x) of the network.
            source: (b, C, y, x).
        """
        start, n = self.start(source), self.images
        return start[:, :n] + _IMAGE_STEP * out[:, :n], start[:, n:].logit(_UNSURE) + _LOGIT_STEP * out[:, n:]

    def layers(self, images: Tensor, logits: Tensor) -> Tensor:
        """(b, L, y, x) of what `changed` gives."""
        return torch.cat([images, logits.sigmoid()], dim=1)

    def cut(self, layers: Tensor) -> Tensor:
        """Layers within their ranges."""
        n = self.images
        return torch.cat([layers[:, :n].clamp(-1.0, 1.0), layers[:, n:].clamp(0.0, 1.0)], dim=1)

    def composed(self, layers: Tensor) -> Tensor:
        """(b, T, y, x): the target of which these are the layers."""
        return layers

    def layered(self, target: Tensor) -> Tensor:
        """(b, L, y, x): layers that give a target of which no more is known."""
        return target

    def losses(
        self,
        images: Tensor,
        logits: Tensor,
        batch: Batch,
        delta: float,
        near_weight: float,
        share_weight: float,
    ) -> dict[str, Tensor]:
        """Huber's error of each image and cross-entropy of each share, both weighted towards what is near.

        Squared below `delta`, in the end the size of noise; of larger changes a network learns the median: what comes
        in patches must not become haze everywhere.
        """
        assert batch.target is not None
        weight = weights(batch, near_weight)
        shares = batch.target[:, len(self.names) - logits.shape[1] :].clamp(0, 1)
        made = self.composed(torch.cat([images, shares], dim=1))[:, : len(self.names) - logits.shape[1]]
        terms = {}
        for i, name in enumerate(self.names):
            if i < made.shape[1]:
                error = F.huber_loss(made[:, i], batch.target[:, i], reduction="none", delta=delta) / delta
                terms[name] = (weight * error).sum() / weight.sum()
            else:
                k = i - made.shape[1]
                entropy = F.binary_cross_entropy_with_logits(logits[:, k], shares[:, k], reduction="none")
                terms[name] = share_weight * (weight * entropy).sum() / weight.sum()
        return terms


class Overlay(Head):
    """One image laid over another where a share says; the target is the composed image and the share.

    Kept apart, a border that a network is unsure of does not blur the image: whoever uses the layers decides where the
    border lies, and lays the two images over one another there. In training each of them answers for the pixels that
    the true share gives it.
    """

    def composed(self, layers: Tensor) -> Tensor:
        """(b, 2, y, x): the image and the share, of (b, 3, y, x): image below, image above, share."""
        below, above, share = layers[:, :1], layers[:, 1:2], layers[:, 2:3]
        return torch.cat([below + share * (above - below), share], dim=1)

    def layered(self, target: Tensor) -> Tensor:
        """One image, below and above."""
        return target[:, [0, 0, 1]]


def head_of(task: Task, hidden: Sequence[str] = ()) -> Head:
    """The head that a task's layers ask for.

    Args:
        task: what is translated.
        hidden: names of source channels that the model is not shown.
    """
    return (Overlay if task.layers else Head)(task, task.begins(hidden))


def weights(batch: Batch, near_weight: float) -> Tensor:
    """(b, y, x) float32: how much each pixel counts."""
    if batch.near is None:
        return torch.ones_like(batch.source[:, 0])
    return 1.0 + (near_weight - 1.0) * batch.near.float()
