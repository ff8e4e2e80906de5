"""How much memory a training takes, estimated before it begins."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from models.data.examples import Subject
from models.networks.unet import UNet
from models.training.config import TrainingConfig
from twin.inputs.memory import afford

_PROGRAM_GB = (
    0.9  # with torch, a batch's examples and pictures: 0.68 to 0.85 were measured with next to no network
)
_KEPT_BYTES = 110  # of a pixel of a channel until the gradient is known; 105 were measured, 57 in bfloat16
_LEARNED_BYTES = 4 * 6  # of a weight: itself, its gradient, two moments, its average, and a checkpoint's copy
_ENTERING = 64  # channels, more than any task has


def afford_training(config: TrainingConfig, subjects: Sequence[Subject]) -> None:
    """Refuse a training that would take too much memory.

    Args:
        config: its networks and batches.
        subjects: whose slices are drawn; they are read from the disk as they are needed.

    Raises:
        InputError: it would.
    """
    pixels = config.window**2 or max((s.source.shape[-2] * s.source.shape[-1] for s in subjects), default=0)
    kept = sum(width / 4**level for level, width in enumerate(config.widths, 1))  # the first halves already
    with torch.device("meta"):  # without memory of its own
        weights = sum(p.numel() for p in UNet(_ENTERING, 1, config.widths, config.embedding).parameters())
    batch = config.batch_slices * pixels / config.coarsen**2 * kept * _KEPT_BYTES
    gb = _PROGRAM_GB + (batch + weights * _LEARNED_BYTES) / 1e9
    afford(
        gb, "this training", "slices a batch, pixels of the window or channels (batch_slices, window, widths)"
    )
