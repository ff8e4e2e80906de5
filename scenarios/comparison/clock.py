"""How long the steps of a comparison take."""

from __future__ import annotations

import time
from collections.abc import Callable

Progress = Callable[[str, float], None]


class Clock:
    """Seconds by step, told on to whoever shows the progress.

    Args:
        progress: called with a step's name and the share of all work that is done.
    """

    def __init__(self, progress: Progress) -> None:
        self.progress, self.laps, self._last = progress, dict[str, float](), time.perf_counter()

    def lap(self, step: str, share: float) -> None:
        """A step has ended, and with it a share of the work."""
        now = time.perf_counter()
        self.laps[step] = round(self.laps.get(step, 0.0) + now - self._last, 3)
        self._last = now
        self.progress(step, share)
