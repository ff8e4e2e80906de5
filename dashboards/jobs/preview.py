"""What a form would amount to, computed beside the server as the form is filled in: briefly, or not at all."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any, TypeVar

from twin.errors import InputError

T = TypeVar("T")
LONGEST_S = 2.0
_START_S = 20.0  # of the first process, which loads what the others share
_AT_ONCE = 4


class Superseded(Exception):
    """The form has changed meanwhile: nobody waits for this answer any more."""


class Previews:
    """Computations of seconds at most, each in a process of its own, ended by the next one of the same form.

    Args:
        loads: modules that the computations need; they are loaded once.

    Example:
        >>> Previews().of("a form", sorted, [2, 1])
        [1, 2]
    """

    def __init__(self, *loads: str) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(list(loads))
        self._running: dict[str, BaseProcess] = {}
        self._lock = threading.Lock()

    def of(self, form: str, work: Callable[..., T], *args: Any, longest_s: float = LONGEST_S) -> T:
        """What a function of a module makes of its arguments.

        Args:
            form: whose preview it is; one that runs for it is ended.
            work: raises nothing but `InputError`.
            *args: of `work`.
            longest_s: that it may take.

        Raises:
            InputError: what `work` raises; or it takes too long, or too many run.
            Superseded: the form asked again before the answer.
        """
        answers, told = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_tell, args=(told, work, args), daemon=True)
        with self._lock:
            before = self._running.pop(form, None)
            if before is not None:
                before.kill()
            if len(self._running) >= _AT_ONCE:
                raise InputError("several forms are being looked at; wait a moment and change this one again")
            with _without_main():
                process.start()
            self._running[form] = process
        told.close()
        try:
            if not answers.poll(_START_S) or answers.recv() is not None or not answers.poll(longest_s):
                raise InputError(
                    f"what this form asks for takes longer than {longest_s:g} s to look at; ask for less"
                )
            right, answer = answers.recv()
        except EOFError:
            if self._running.get(form) is process:
                raise RuntimeError("a preview ended without an answer") from None
            raise Superseded from None
        finally:
            self._end(form, process)
            answers.close()
        if not right:
            raise InputError(answer)
        return answer

    def _end(self, form: str, process: BaseProcess) -> None:
        with self._lock:
            if self._running.get(form) is process:
                del self._running[form]
        process.kill()
        process.join()


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that start here do not run the user's script once more, as those of `multiprocessing` would."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _tell(told: Connection, work: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """In the process: say that it has begun, then what came of it."""
    told.send(None)
    try:
        told.send((True, work(*args)))
    except InputError as error:
        told.send((False, str(error)))
