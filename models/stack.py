"""Slices of a volume as a 2.5-D model sees them: each with its neighbours as further channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def offsets(slices: int) -> list[int]:
    """Distances along z in the order of the channels: the slice itself, below, above, two below, two above, ...

    Args:
        slices: how many slices a model sees, odd: 1 is 2-D, 3 is 2.5-D.

    Raises:
        ValueError: the number is even or not positive.

    Example:
        >>> offsets(5)
        [0, -1, 1, -2, 2]
    """
    if slices < 1 or slices % 2 == 0:
        raise ValueError(f"a model sees an odd number of slices, not {slices}")
    return [0, *(sign * n for n in range(1, slices // 2 + 1) for sign in (-1, 1))]


def stack(volume: Tensor, slices: int) -> Tensor:
    """All slices of a volume with their neighbours; the volume's first and last slice are repeated beyond its ends.

    Args:
        volume: (c, z, y, x).
        slices: how many slices a model sees, odd.

    Returns:
        (z, c * slices, y, x): the c channels of the slice itself, then those of the slice below, then above, ...

    Example:
        >>> import torch
        >>> stack(torch.tensor([5.0, 6.0, 7.0]).reshape(1, 3, 1, 1), 3)[:, :, 0, 0].tolist()
        [[5.0, 5.0, 6.0], [6.0, 5.0, 7.0], [7.0, 6.0, 7.0]]
    """
    import torch

    z = torch.arange(volume.shape[1], device=volume.device)
    parts = [volume[:, (z + offset).clamp(0, len(z) - 1)] for offset in offsets(slices)]
    return torch.cat(parts).transpose(0, 1).contiguous()
