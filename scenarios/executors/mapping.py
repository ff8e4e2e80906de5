"""The executors by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from scenarios.executors.cluster import ray_map
from scenarios.executors.pool import pool_map
from twin import InputError

EXECUTORS = ("local", "ray")


def mapper(
    name: str, hold: Callable[[], Any] | None = None, workers: int = 1
) -> Callable[[Callable, Iterable], Iterable]:
    """A function like `map` that computes somewhere; results may come in any order.

    Args:
        name: "local", or "ray": the cluster that RAY_ADDRESS names, else one on this machine.
        hold: what each worker loads once and keeps, such as a generator; on the cluster workers are then actors, on a
            GPU each where there are any.
        workers: processes of this machine; 1 works in this one.

    Raises:
        InputError: an unknown executor.
    """
    if name not in EXECUTORS:
        raise InputError(f"unknown executor {name!r}; there are: {', '.join(EXECUTORS)}")
    return partial(ray_map, hold=hold) if name == "ray" else partial(pool_map, hold=hold, workers=workers)
