"""A cache of bounded size whose values are made once, however many threads ask at the same time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class BoundedCache(Generic[V]):
    """Keeps what was used last, up to a total size.

    Args:
        limit: the largest total of the values' sizes.
        size: the size of a value; 1 for each by default.

    Example:
        >>> cache = BoundedCache(limit=2)
        >>> [cache.get(k, lambda k=k: k.upper()) for k in "abca"], len(cache)
        (['A', 'B', 'C', 'A'], 2)
    """

    def __init__(self, limit: int, size: Callable[[V], int] = lambda _: 1) -> None:
        self._limit, self._size = limit, size
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._total = 0
        self._lock = Lock()
        self._making: dict[Hashable, Lock] = {}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def total(self) -> int:
        """Sum of the sizes of what is kept."""
        return self._total

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key, made by `make` where it is not kept; other keys are not held up by it.

        Args:
            key: of the value.
            make: makes it.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            turn = self._making.setdefault(key, Lock())
        with turn:
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            try:
                value = make()
            finally:
                with self._lock:
                    self._making.pop(key, None)
            self._keep(key, value)
            return value

    def _keep(self, key: Hashable, value: V) -> None:
        with self._lock:
            if key in self._kept:
                self._total -= self._size(self._kept.pop(key))
            self._kept[key] = value
            self._total += self._size(value)
            while self._total > self._limit and len(self._kept) > 1:
                self._total -= self._size(self._kept.popitem(last=False)[1])
