"""Guessing of passwords is slowed down."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

FREE = 5  # failures before waiting begins
LONGEST_S = 300.0
_KEPT = 10_000


class Throttle:
    """How long whoever failed must wait: after five failures 1 s, doubled by each further one up to five minutes.

    Args:
        now: seconds of a clock that never goes back.

    Example:
        >>> t = Throttle(lambda: 0.0)
        >>> for _ in range(6): t.failed("a name")
        >>> t.wait_s("a name", "an address")
        1.0
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, *keys: str) -> float:
        """Seconds that must pass before the next try; 0 where none must.

        Args:
            *keys: who tries: a name, an address.
        """
        with self._lock:
            ends = (self._failures[key][1] for key in keys if key in self._failures)
            return max(0.0, max(ends, default=0.0) - self._now())

    def failed(self, *keys: str) -> None:
        """A try has failed.

        Args:
            *keys: who tried.
        """
        with self._lock:
            for key in keys:
                count = self._failures.pop(key, (0, 0.0))[0] + 1
                wait = min(LONGEST_S, 2.0 ** min(count - FREE - 1, 30)) if count > FREE else 0.0
                self._failures[key] = (count, self._now() + wait)
                if len(self._failures) > _KEPT:
                    self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """A try was right: what failed before is forgotten.

        Args:
            *keys: who tried.
        """
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)
