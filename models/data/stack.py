"""Slices of a volume as a 2.5-D model sees them: each with its neighbours, and where it lies in the tumour."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MASK = 1  # the channel of a volume that holds the tumour
DEPTH_VOXELS = 15.0  # of the depth channel's unit: 3 cm at 2 mm


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


def channels(volume_channels: int, slices: int) -> int:
    """How many channels `stack` gives.

    Example:
        >>> channels(3, slices=3)
        10
    """
    return volume_channels * len(offsets(slices)) + 1


def depth(mask: Tensor) -> Tensor:
    """How deep each voxel lies inside the tumour in 3-D: what a few slices can not tell of a whole tumour's shape.

    Args:
        mask: (z, y, x) tumour, 0 to 1.

    Returns:
        (z, y, x) float32 signed distance to the surface, positive inside, in units of 15 voxels, cut at -1 and 1.

    Example:
        >>> import torch
        >>> line = torch.zeros(1, 1, 33)
        >>> line[..., 16:] = 1
        >>> [round(float(depth(line)[0, 0, i]) * 15, 1) for i in (0, 14, 15, 16, 17)]
        [-15.0, -1.5, -0.5, 0.5, 1.5]
    """
    import torch
    from scipy.ndimage import distance_transform_edt

    inside = (mask > 0.5).cpu().numpy()
    if not inside.any():
        return torch.full(mask.shape, -1.0, device=mask.device)
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside)
    distance -= inside - 0.5  # the surface lies midway between two voxels
    signed = torch.from_numpy(distance).to(mask.device, torch.float32)
    return (signed / DEPTH_VOXELS).clamp(-1.0, 1.0)


def stack(volume: Tensor, slices: int, deep: Tensor | None = None) -> Tensor:
    """All slices of a volume with their neighbours; the volume's first and last slice are repeated beyond its ends.

    Args:
        volume: (c, z, y, x); channel 1 is the tumour.
        slices: how many slices a model sees, odd.
        deep: (z, y, x) `depth` of the tumour, where it is at hand.

    Returns:
        (z, c * slices + 1, y, x): the c channels of the slice itself, then those of the slice below, then above, ...;
        last the slice's `depth`.

    Example:
        >>> import torch
        >>> volume = torch.zeros(2, 3, 1, 1)
        >>> volume[0, :, 0, 0] = torch.tensor([5.0, 6.0, 7.0])
        >>> stack(volume, 3)[:, :, 0, 0].tolist()[0]
        [5.0, 0.0, 5.0, 0.0, 6.0, 0.0, -1.0]
    """
    import torch

    z = torch.arange(volume.shape[1], device=volume.device)
    parts = [volume[:, (z + offset).clamp(0, len(z) - 1)] for offset in offsets(slices)]
    deep = depth(volume[MASK]) if deep is None else deep
    parts.append(deep[None].to(volume.dtype))
    return torch.cat(parts).transpose(0, 1).contiguous()
