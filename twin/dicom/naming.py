"""Names that are given once each."""

from __future__ import annotations

from collections.abc import Iterable


class Names:
    """Hands out names, each once.

    Args:
        taken: names that are not handed out.

    Example:
        >>> names = Names()
        >>> [names.free(n) for n in ("GTVp", "GTVp", "PTV_60", "PTV_60")]
        ['GTVp', 'GTVp2', 'PTV_60', 'PTV_60-2']
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)

    def free(self, name: str) -> str:
        """The name, or the name with the first number from 2 on that is free."""
        number, free = 2, name
        while free in self.taken:
            free, number = f"{name}{'-' if name[-1:].isdigit() else ''}{number}", number + 1
        self.taken.add(free)
        return free
