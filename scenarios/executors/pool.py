"""Work in processes of this machine, one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from twin import InputError

_THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_FEW = 4  # jobs for which starting processes does not pay
_Job = TypeVar("_Job")


def pool_map(
    work: Callable[[_Job], Any], jobs: Iterable[_Job], *, workers: int, hold: Callable[[], Any] | None = None
) -> Iterator[Any]:
    """Results of jobs as they come, in any order; two processes of one thread beat one process of two.

    Args:
        work: a function of a module.
        jobs: its arguments.
        workers: processes; with 1, or few jobs, the work is done in this one.
        hold: what each process loads once and keeps, such as a generator.

    Raises:
        InputError: a process was ended from outside.
    """
    todo = list(jobs)
    if workers <= 1 or len(todo) < _FEW:
        yield from map(work, todo)
        return
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    with _one_thread_each():
        pool = ProcessPoolExecutor(min(workers, len(todo)), mp_context=get_context("spawn"), initializer=hold)
        try:
            for future in as_completed([pool.submit(work, job) for job in todo]):
                yield future.result()
        except BrokenProcessPool:
            raise InputError(
                "a process that worked was ended from outside, or memory ran out; the same call goes on from here"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start here take one thread each; the environment is put back after."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
