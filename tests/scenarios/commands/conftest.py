"""The command line in this process: as a process says it, without one's start."""

import signal
import sys

import pytest

from scenarios.commands.main import main


@pytest.fixture(autouse=True)
def ends_as_before():
    """How a command lets its process be ended is forgotten with the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def refused(monkeypatch, capsys):
    """Words -> the one sentence that refuses them; its status is that of a user's mistake."""

    def says(*words) -> str:
        monkeypatch.setattr(sys, "argv", ["rt-twin", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        return told

    return says
