"""Work in processes: everything is done once, in one thread each, and a process that dies is said."""

import os
import signal

import pytest

from scenarios.executors.pool import pool_map
from twin import InputError

pytestmark = pytest.mark.long  # starts processes


def square(x):
    return os.getpid(), os.environ["NUMBA_NUM_THREADS"], x * x


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_share_the_work(monkeypatch):
    monkeypatch.setenv("NUMBA_NUM_THREADS", "2")
    done = list(pool_map(square, range(40), workers=2))
    assert sorted(x for _, _, x in done) == [x * x for x in range(40)]
    assert {threads for _, threads, _ in done} == {"1"}
    assert os.getpid() not in {pid for pid, _, _ in done}
    assert os.environ["NUMBA_NUM_THREADS"] == "2"


def test_one_worker_is_this_process():
    assert {pid for pid, _, _ in map(square_here, range(8))} == {os.getpid()}


def square_here(x):
    return next(iter(pool_map(lambda y: (os.getpid(), None, y), [x], workers=2)))


def test_a_process_that_is_ended_from_outside_is_said():
    with pytest.raises(InputError, match="ended from outside"):
        list(pool_map(die, range(8), workers=2))
