import os
import subprocess
import sys
import threading

import pytest

from twin import InputError
from twin.files.atomic import atomic_file, atomic_folder, growing_folder
from twin.files.lock import held, hidden, put_back, settle_below

HOLDER = """
import sys, time
from twin.files.lock import held
with held(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder():
    """Holds a path in another process until it is killed."""
    processes = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_what_another_process_holds_is_said_and_free_again_when_it_was_killed(tmp_path, holder):
    path = tmp_path / "p.twin"
    other = holder(path)
    with pytest.raises(InputError, match=r"another rt-twin is writing .*p.twin"), held(path, patience_s=0.1):
        pass
    other.kill()
    other.wait()
    assert hidden(path, "lock").exists()
    with held(path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_thread_holds_twice_and_another_one_waits(tmp_path):
    path, seen = tmp_path / "run", []

    def other():
        with held(path):
            seen.append("other")

    with held(path), held(path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.3)
        seen.append("first")
    thread.join()
    assert seen == ["first", "other"] and not list(tmp_path.iterdir())


def test_many_processes_that_add_one_lose_none(tmp_path):
    code = """
import sys
from pathlib import Path
from twin.files.atomic import atomic_file
from twin.files.lock import held
path = Path(sys.argv[1])
for _ in range(10):
    with held(path):
        n = int(path.read_text())
        with atomic_file(path) as part:
            part.write_text(str(n + 1))
"""
    count = tmp_path / "count"
    count.write_text("0")
    adding = [subprocess.Popen([sys.executable, "-c", code, str(count)]) for _ in range(4)]
    assert [p.wait() for p in adding] == [0] * 4
    assert count.read_text() == "40"
    assert [p.name for p in tmp_path.iterdir()] == ["count"]


def test_a_folder_that_was_moved_aside_goes_back_and_a_part_is_removed(tmp_path):
    path = tmp_path / "p.twin"
    hidden(path, "old").mkdir()
    (hidden(path, "old") / "a").write_text("old")
    hidden(path, "part").mkdir()
    (hidden(path, "part") / "a").write_text("half")
    put_back(path)
    assert [p.name for p in tmp_path.iterdir()] == ["p.twin"]
    assert (path / "a").read_text() == "old"


def test_an_old_folder_whose_place_is_taken_is_removed(tmp_path):
    path = tmp_path / "p.twin"
    path.mkdir()
    (path / "a").write_text("new")
    hidden(path, "old").mkdir()
    with held(path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["p.twin"] and (path / "a").read_text() == "new"


def test_what_killed_writers_left_is_found_below_and_a_live_ones_stays(tmp_path, holder):
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    hidden(deep / "run", "part").mkdir()
    hidden(deep / "table", "lock").touch()
    (deep / ".kept").touch()
    hidden(tmp_path / "live", "part").mkdir()
    holder(tmp_path / "busy")
    hidden(tmp_path / "busy", "part").mkdir()
    settle_below(tmp_path, depth=2)
    assert sorted(p.name for p in deep.iterdir()) == [".kept"]
    left = sorted(p.name for p in tmp_path.iterdir())
    assert left == [".busy.rt-twin-lock", ".busy.rt-twin-part", "a"]


def test_parents_that_nothing_came_into_are_removed(tmp_path):
    with pytest.raises(KeyError), held(tmp_path / "a" / "b" / "run"):
        raise KeyError
    assert not list(tmp_path.iterdir())
    with atomic_file(tmp_path / "a" / "b" / "file") as part:
        part.write_text("x")
    assert (tmp_path / "a" / "b" / "file").read_text() == "x"


def test_a_link_is_written_through_and_held_as_what_it_leads_to(tmp_path):
    with atomic_folder(tmp_path / "p.twin") as part:
        (part / "a").write_text("old")
    (tmp_path / "latest").symlink_to("p.twin")
    with atomic_folder(tmp_path / "latest", replace=True) as part:
        (part / "a").write_text("new")
    assert (tmp_path / "latest").is_symlink() and (tmp_path / "p.twin" / "a").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "p.twin"]


def test_what_stands_where_the_part_goes_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    hidden(tmp_path / "out", "part").symlink_to(victim)
    with atomic_file(tmp_path / "out") as part:
        part.write_text("new")
    assert victim.read_text() == "mine" and (tmp_path / "out").read_text() == "new"


def test_a_growing_folder_is_swept_first_and_goes_when_nothing_came(tmp_path):
    with growing_folder(tmp_path / "study"):
        assert not (tmp_path / "study").exists()
    assert not list(tmp_path.iterdir())
    (tmp_path / "study").mkdir()
    hidden(tmp_path / "study" / "00000", "part").mkdir()
    with growing_folder(tmp_path / "study"):
        assert not list((tmp_path / "study").iterdir())
    assert os.listdir(tmp_path) == ["study"]
