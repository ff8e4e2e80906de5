"""Slices of a volume as a 2.5-D network sees them: each with its neighbours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from models.channel import Channel

if TYPE_CHECKING:
    from torch import Tensor


def offsets(slices: int) -> list[int]:
    """Distances along z in the order of the channels: the slice itself, below, above, two below, two above, ...

    Args:
        slices: how many slices a network sees, odd: 1 is 2-D, 3 is 2.5-D.

    Raises:
        ValueError: the number is even or not positive.

    Example:
        >>> offsets(5)
        [0, -1, 1, -2, 2]
    """
    if slices < 1 or slices % 2 == 0:
        raise ValueError(f"a model sees an odd number of slices, not {slices}")
    return [0, *(sign * n for n in range(1, slices // 2 + 1) for sign in (-1, 1))]


def channels(source: Sequence[Channel], slices: int) -> int:
    """How many channels `stack` gives.

    Example:
        >>> channels([Channel(name="ct"), Channel(name="pet"), Channel(name="depth", whole=True)], slices=3)
        7
    """
    own = sum(not c.whole for c in source)
    return own * len(offsets(slices)) + len(source) - own


def hidden_places(source: Sequence[Channel], slices: int, hidden: Collection[str]) -> list[int]:
    """The places in what `stack` gives of channels that a network is not shown.

    Args:
        source: the channels, those of the whole volume last.
        slices: that the network sees; one that sees a single slice is not shown what came of the whole volume.
        hidden: names.

    Example:
        >>> hidden_places([Channel(name="ct"), Channel(name="pet"), Channel(name="depth", whole=True)], 3, ["pet"])
        [1, 3, 5]
    """
    own = [c.name for c in source if not c.whole]
    found = [n * len(own) + i for i, name in enumerate(own) if name in hidden for n in range(slices)]
    for i, channel in enumerate(c for c in source if c.whole):
        if channel.name in hidden or slices == 1:
            found.append(len(own) * slices + i)
    return found


def stack(volume: Tensor, source: Sequence[Channel], slices: int) -> Tensor:
    """All slices of a volume with their neighbours; the volume's first and last slice are repeated beyond its ends.

    Args:
        volume: (c, z, y, x).
        source: what its channels are, those of the whole volume last.
        slices: how many slices a network sees, odd.

    Returns:
        (z, C, y, x): the channels of the slice itself, then those of the slice below, then above, ...; last the
        slice's channels of the whole volume.

    Example:
        >>> import torch
        >>> volume = torch.zeros(2, 3, 1, 1)
        >>> volume[0, :, 0, 0] = torch.tensor([5.0, 6.0, 7.0])
        >>> stack(volume, [Channel(name="ct"), Channel(name="depth", whole=True)], 3)[0, :, 0, 0].tolist()
        [5.0, 5.0, 6.0, 0.0]
    """
    own, count = sum(not c.whole for c in source), volume.shape[1]
    by_slice = volume.transpose(0, 1)
    stacked = volume.new_empty((count, channels(source, slices), *volume.shape[2:]))
    for n, offset in enumerate(offsets(slices)):
        low, high = min(max(-offset, 0), count), max(count - max(offset, 0), 0)
        part = stacked[:, n * own : (n + 1) * own]
        part[low:high] = by_slice[low + offset : high + offset, :own]
        part[:low], part[high:] = by_slice[0, :own], by_slice[-1, :own]
    stacked[:, own * slices :] = by_slice[:, own:]
    return stacked
