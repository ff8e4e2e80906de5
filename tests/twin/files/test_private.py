"""Identified data lie in one place, for their owner alone, and the next start finds what a killed one left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from twin.errors import InputError
from twin.files.private import PrivateFolder, kept_folder, sweep

HOLD = """
import signal
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests themselves run under nohup
from twin.files.private import PrivateFolder
folder = PrivateFolder()
(folder.path / "scan").write_bytes(b"identified")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The user's place within the test's own folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path / f"rt-twin-{os.getuid()}"


@pytest.fixture
def other():
    """Starts another process that holds a folder; gives it and the folder."""
    started = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_nobody_else_may_look(place):
    with PrivateFolder() as folder:
        assert folder.path.parent == place
        assert place.stat().st_mode & 0o777 == folder.path.stat().st_mode & 0o777 == 0o700


def test_a_place_that_others_may_read_is_closed(place):
    place.mkdir(mode=0o755)
    with PrivateFolder():
        assert place.stat().st_mode & 0o777 == 0o700


def test_a_place_that_leads_elsewhere_is_refused(place, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="set TMPDIR"):
        PrivateFolder()
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_the_next_start_sweeps_whatever_ended_the_last(other, place, end):
    process, left = other()
    process.send_signal(end)
    process.wait(60)
    assert (left / "scan").is_file()  # else the test tests nothing
    sweep()
    assert [p.name for p in place.iterdir()] == ["turn.lock"]


def test_what_is_in_use_is_left_alone(other):
    _, theirs = other()
    with PrivateFolder() as own:
        sweep()
        assert (theirs / "scan").is_file() and own.path.is_dir()
    sweep()
    assert (theirs / "scan").is_file()


def test_nothing_is_left_when_all_goes_well(other, place):
    process, left = other()
    process.communicate("\n")
    with PrivateFolder() as own:
        (own.path / "deep").mkdir()
    assert not left.exists() and not own.path.exists()
    assert [p.name for p in place.iterdir()] == ["turn.lock"]


def test_what_is_long_to_get_is_kept_for_a_week_until_it_was_used(place):
    with pytest.raises(RuntimeError), kept_folder("k") as folder:
        (folder / "scan").write_bytes(b"identified")
        with pytest.raises(InputError, match="another command"), kept_folder("k"):
            pass
        raise RuntimeError
    sweep()
    assert folder.stat().st_mode & 0o777 == 0o700
    with kept_folder("k") as again:
        assert (again / "scan").read_bytes() == b"identified"
    assert not folder.exists()
    with pytest.raises(RuntimeError), kept_folder("k") as folder:
        raise RuntimeError
    long_ago = time.time() - 8 * 86_400
    os.utime(folder, (long_ago, long_ago))
    sweep()
    assert sorted(p.name for p in place.iterdir()) == ["turn.lock"]
