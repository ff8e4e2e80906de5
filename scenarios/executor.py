"""Where the parts of a study are computed: in this process, or on a Ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twin import InputError

EXECUTORS = ("local", "ray")
_AHEAD = 2  # tasks in flight for each core: none waits for work, and results do not pile up
_REACH_S = 20.0


def mapper(name: str) -> Callable[[Callable, Iterable], Iterable]:
    """A function like `map` that computes somewhere; results may come in any order.

    Args:
        name: "local", or "ray": the cluster that RAY_ADDRESS names, else one on this machine.

    Raises:
        InputError: an unknown executor.
    """
    if name not in EXECUTORS:
        raise InputError(f"unknown executor {name!r}; there are: {', '.join(EXECUTORS)}")
    return map if name == "local" else ray_map


def ray_map(work: Callable[[Any], Any], jobs: Iterable[Any]) -> Iterator[Any]:
    """Results of jobs on a Ray cluster as they come; a job whose worker or node dies is done again elsewhere.

    Args:
        work: a function of a module, without side effects.
        jobs: its arguments.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = _connected()
    task = ray.remote(work).options(max_retries=-1, num_cpus=1)
    waiting, flying = iter(jobs), set()
    cores = int(ray.cluster_resources().get("CPU", 1))
    while True:
        for job in waiting:
            flying.add(task.remote(job))
            if len(flying) >= _AHEAD * cores:
                break
        if not flying:
            return
        done, _ = ray.wait(list(flying), num_returns=1)
        for ref in done:
            flying.discard(ref)
            yield ray.get(ref)


def _connected():
    """The module `ray`, connected."""
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("--executor ray needs Ray: pip install 'rt-twin[cluster]'") from None
    if ray.is_initialized():
        return ray
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_reachable(address)
    try:
        # "local" starts one here; without it Ray would look for a cluster that may have died, and wait for it
        ray.init(address=address or "local", logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError) as error:
        where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{where} cannot be reached: {reason}") from None
    return ray


def _check_reachable(address: str) -> None:
    """Try the address's port first: Ray itself would try for minutes, and write pages.

    Raises:
        InputError: nothing answers there.
    """
    import socket

    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto" and the like: Ray knows
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except OSError:
        raise InputError(
            f"the Ray cluster at {address} cannot be reached; start it, or set RAY_ADDRESS to where it is"
        ) from None
