"""What a network is given at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Slices with all that is known of them.

    Args:
        source: (b, C, y, x): the source channels of each slice, then those of its neighbours, last the channels of the
            whole volume (`models.data.stack.stack`).
        vector: (b, f) conditions, nan where missing.
        noise: (b, k, y, x) standard normal; channel 0 is one number for a whole volume (`models.data.noise`).
        target: (b, T, y, x) that is wanted, or None.
        near: (b, y, x) bool where an error counts more, or None.
        groups: (b, g) weights of the groups that each slice is of (`models.router`), or None.
    """

    source: Tensor
    vector: Tensor
    noise: Tensor | None = None
    target: Tensor | None = None
    near: Tensor | None = None
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: torch.device | str) -> Batch:
        """The same on a device."""
        return self._with(lambda t: t.to(device))

    def parts(self, size: int) -> Iterator[Batch]:
        """In pieces of a size, the last one filled up with zeros: a network's last bits depend on a batch's size."""
        import torch

        for first in range(0, len(self), size):
            part = self._with(lambda t, first=first: t[first : first + size])  # type: ignore[misc]
            lacks = size - len(part)
            if lacks:
                part = part._with(lambda t, n=lacks: torch.cat([t, t.new_zeros(n, *t.shape[1:])]))  # type: ignore[misc]
            yield part

    def _with(self, change: Callable[[Tensor], Tensor]) -> Batch:
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{k: change(v) for k, v in known.items() if v is not None})


def joined(batches: Sequence[Batch]) -> Batch:
    """Several batches as one; all of them know the same."""
    import torch

    if len(batches) == 1:
        return batches[0]
    known = [f.name for f in fields(Batch) if getattr(batches[0], f.name) is not None]
    return Batch(**{name: torch.cat([getattr(b, name) for b in batches]) for name in known})
