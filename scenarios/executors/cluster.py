"""Work on a Ray cluster."""

from __future__ import annotations

import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

from twin import InputError

_AHEAD = 2  # tasks in flight for each core: none waits for work, and results do not pile up
_REACH_S = 20.0
_PATIENCE = 8  # deaths of actors that are borne with, besides three for each
_NONE = object()


def ray_map(
    work: Callable[[Any], Any], jobs: Iterable[Any], hold: Callable[[], Any] | None = None
) -> Iterator[Any]:
    """Results of jobs on a Ray cluster as they come; a job whose worker or node dies is done again elsewhere.

    Args:
        work: a function of a module, without side effects.
        jobs: its arguments.
        hold: loaded once by each worker, which is then an actor; None for plain tasks.

    Raises:
        InputError: Ray is not installed, the cluster cannot be reached, or workers die again and again.
    """
    ray = _connected()
    if hold is not None:
        yield from _by_actors(ray, work, jobs, hold)
        return
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


class _Holder:
    """A worker that keeps what it has loaded."""

    def __init__(self, hold: Callable[[], Any]) -> None:
        hold()

    def do(self, work: Callable[[Any], Any], job: Any) -> Any:
        return work(job)


def _by_actors(
    ray: Any, work: Callable[[Any], Any], jobs: Iterable[Any], hold: Callable[[], Any]
) -> Iterator[Any]:
    """One actor for each GPU of the cluster, or for each core where it has none; the dead ones' jobs go to others."""
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    holder = ray.remote(_Holder).options(num_cpus=1, num_gpus=1 if gpus else 0)
    idle = [holder.remote(hold) for _ in range(gpus or int(resources.get("CPU", 1)))]
    most_deaths = 3 * len(idle) + _PATIENCE
    waiting, again, deaths = iter(jobs), deque[Any](), 0
    flying: dict[Any, tuple[Any, Any]] = {}
    while True:
        while idle:
            job = again.popleft() if again else next(waiting, _NONE)
            if job is _NONE:
                break
            actor = idle.pop()
            flying[actor.do.remote(work, job)] = actor, job
        if not flying:
            return
        done, _ = ray.wait(list(flying), num_returns=1)
        actor, job = flying.pop(done[0])
        try:
            result = ray.get(done[0])
        except ray.exceptions.RayActorError as error:
            again.append(job)
            deaths += 1
            if deaths > most_deaths:
                reason = str(error).strip().splitlines()[-1]
                raise InputError(f"workers of the Ray cluster die again and again: {reason}") from None
            if not flying and not idle:
                idle.append(holder.remote(hold))
        else:
            idle.append(actor)
            yield result


def _connected():
    """The module `ray`, connected."""
    address = os.environ.get("RAY_ADDRESS")
    _close(address)
    try:
        import ray
    except ModuleNotFoundError:
        raise InputError("--executor ray needs Ray: pip install 'rt-twin[cluster]'") from None
    if ray.is_initialized():
        return ray
    if address:
        _check_reachable(address)
    # Workers look for modules in the folder where Ray is begun first: there shall be no user's own `models.py`.
    rooms = Path(__file__).parents[2]
    try:
        # "local" starts one here; without it Ray would look for a cluster that may have died, and wait for it
        with chdir(rooms):
            ray.init(address=address or "local", logging_level=logging.ERROR, log_to_driver=False)
    except ray.exceptions.AuthenticationError:
        raise InputError(
            f"the Ray cluster at {address} asks for a token; set RAY_AUTH_TOKEN to it, or RAY_AUTH_MODE=disabled where "
            "it is to go without"
        ) from None
    except Exception as error:  # Ray raises a bare one where its own processes take too long to start
        where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{where} cannot be reached: {reason}") from None
    return ray


def _close(address: str | None) -> None:
    """Shut others out: a Ray that listens runs whatever code it is sent.

    Without an address it listens on 127.0.0.1 only (its own switch for machines without clusters says so) and answers
    who has the token of this process; left alone it would write one into the home folder, for all to read. A cluster is
    asked with its token.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if not address:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


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
