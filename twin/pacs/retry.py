"""Trying again, with longer and longer pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from twin.errors import InputError
from twin.pacs.archive import Unreachable

_LONGEST_S = 30.0
T = TypeVar("T")


class Patience:
    """Counts failures in a row: after each but the last there is a pause, of 1, 2, 4, ... s.

    Args:
        name: of the archive, for the message.
        tries: how often in a row something may fail.
        wait: pauses for some seconds.
    """

    def __init__(self, name: str, tries: int, wait: Callable[[float], None] = time.sleep) -> None:
        self.name, self.tries, self.wait, self.failed = name, tries, wait, 0

    def again(self, error: Unreachable, moved: bool = False) -> None:
        """Pause, or give up.

        Args:
            error: what failed.
            moved: whether something was gained before it did, which starts the count anew.

        Raises:
            InputError: it failed too often.
        """
        self.failed = 1 if moved else self.failed + 1
        if self.failed >= self.tries:
            raise InputError(
                f"the archive {self.name} {error}; tried {self.tries} times, the same command goes on from here"
            ) from error
        self.wait(min(2.0 ** (self.failed - 1), _LONGEST_S))

    def until(self, step: Callable[[], T]) -> T:
        """What a step returns, when it goes well.

        Raises:
            InputError: it failed too often.
        """
        while True:
            try:
                result = step()
            except Unreachable as error:
                self.again(error)
            else:
                self.failed = 0
                return result
