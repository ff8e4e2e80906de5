"""What writing commands leave behind when the power goes, the disk is full or read-only, or another one writes.

Each command runs in forks of one process (`tests.killing`); the small patient, run and set are those of the formats.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from twin.files.lock import held

GIVEN = Path(__file__).parents[2] / "fixtures" / "formats" / "v1"
TINY = """
family: regression
widths: [4, 4]
embedding: 8
quantile_steps: 5
steps: 4
checkpoint_every: 2
validate_every: 2
validation_share: 0.0
batch_slices: 4
batch_volumes: 2
window: 16
"""
# What differs from one time to the next: how long something took, and checkpoints, which say so too.
TIMES = {"timings_s", "minutes", "seconds_a_step", "seconds"}
TIMED = {"report.html", "checkpoint.pt"}


@dataclass(frozen=True)
class Command:
    """A command that writes.

    Args:
        words: of rt-twin; HERE is where it writes.
        given: what is copied there first.
        writes: what it makes there.
        again: another command that may be given when it has ended, where the same would do something more.
        repeats: whether the same may be given, with the same result; else it is refused.
        grows: whether what it makes is there before it is whole, and the same command goes on with it.
        every: it is killed at every so many points, to save time; with RT_TWIN_KILLS=all at all of them. A file has
            about a dozen.
    """

    words: str
    writes: str
    given: tuple[str, ...] = ()
    again: str = ""
    repeats: bool = False
    grows: bool = False
    every: int = 1


PATIENT, RUN, SET = (str(GIVEN / name) for name in ("patient.twin", "run", "set"))
COMPARE = (
    "compare HERE/patient.twin --plan 60/30 --samples 3 --days 30 --out HERE/run --generator mechanistic "
    "--dose approximate"
)
COMMANDS = {
    "import": Command(
        f"import {PATIENT}/scans/00-CT.nii.gz HERE/new.twin --mask {PATIENT}/structures/00-06-GTVp.nii.gz", "new.twin"
    ),
    "observe": Command(
        "observe HERE/patient.twin --day 20 --gtv-cm3 9", "patient.twin", ("patient.twin",),
        "edit HERE/patient.twin --set fev1=62",
    ),
    "edit": Command(
        "edit HERE/patient.twin --set age=71", "patient.twin", ("patient.twin",),
        "edit HERE/patient.twin --set fev1=62", every=3,
    ),
    "compare": Command(f"{COMPARE} --image-samples 0", "run", ("patient.twin",), repeats=True, every=5),
    "cohort": Command(
        "cohort --n 6 --plan 60/30 --plan 55/20 --samples 4 --days 30 --out HERE/study", "study", grows=True, every=5
    ),
    "clinic": Command(
        "clinic --days 20 --warm-up 2 --samples 0 --out HERE/clinic", "clinic", repeats=True
    ),
    "export": Command(f"export {RUN} --dicom HERE/dicom", "dicom", every=5),
    "train": Command(
        f"train {SET} --family HERE/tiny.yaml --out HERE/weights --device cpu", "weights", ("tiny.yaml",),
        grows=True, every=13,
    ),
}  # fmt: skip
SLOW = {
    "compare with images": Command(
        f"{COMPARE} --image-samples 1 --scanner pet", "run", ("patient.twin",), repeats=True, every=11
    ),
    "phantom": Command("phantom HERE/new.twin --seed 3", "new.twin", every=16),
    "evaluate": Command(
        f"evaluate {SET} --out HERE/scores --generator mechanistic --no-cost --samples 2 --days 1 --plans 1"
        " --workers 1",
        "scores",
        grows=True,
        every=16,
    ),
    "runs": Command(
        "cohort --twins HERE --plan 60/30 --samples 3 --days 30 --image-samples 1 --generator mechanistic"
        " --workers 1 --out HERE/study",
        "study",
        ("patient.twin",),
        grows=True,
        every=26,
    ),
    "set": Command(
        "cohort --images --n 1 --twins HERE --workers 1 --out HERE/set",
        "set",
        ("patient.twin",),
        grows=True,
        every=26,
    ),
}


class Machine:
    """rt-twin in forks of one process, and the folder that it writes to."""

    def __init__(self, place: Path) -> None:
        self.place = place
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.killing", str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
            cwd=Path(__file__).parents[3],
        )

    def begin(self, command: Command) -> None:
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in command.given:
            if name == "tiny.yaml":
                (self.place / name).write_text(TINY)
            else:
                shutil.copytree(GIVEN / name, self.place / name)

    def run(self, words: str, **more) -> dict:
        request = {"args": [w.replace("HERE", str(self.place)) for w in words.split()], **more}
        self.process.stdin.write(f"{json.dumps(request)}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def done(self, words: str) -> dict:
        answer = self.run(words)
        assert answer["status"] == 0, answer["said"]
        return answer

    def refused(self, words: str, says: str, **more) -> None:
        answer = self.run(words, **more)
        assert answer["status"] == 2, answer["said"]
        last = answer["said"].strip().splitlines()[-1]
        assert last.startswith("rt-twin: ") and says in last and "Traceback" not in answer["said"], answer[
            "said"
        ]

    def hidden(self) -> list[str]:
        return [str(p.relative_to(self.place)) for p in self.place.rglob(".*")]

    def holds(self, name: str) -> dict[str, str]:
        """A digest of each file of something written, without times."""
        found = {}
        for path in sorted((self.place / name).rglob("*")):
            name = str(path.relative_to(self.place))
            if path.is_file() and path.name not in TIMED and not any(p[0] == "." for p in Path(name).parts):
                found[name] = hashlib.sha256(_content(path)).hexdigest()
        return found


def _content(path: Path) -> bytes:
    if path.suffix == ".parquet":
        table = pl.read_parquet(path)
        kept = table.filter(~pl.col("metric").is_in(TIMES)) if "metric" in table.columns else table
        return repr(kept.to_dict(as_series=False)).encode()
    if path.suffix in {".json", ".jsonl"}:
        rows = [json.loads(line) for line in ([path.read_text()] if path.suffix == ".json" else path.open())]
        return repr([{k: v for k, v in row.items() if k not in TIMES} for row in rows]).encode()
    return path.read_bytes()


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    started = Machine(tmp_path_factory.mktemp("killed").resolve())
    yield started
    started.process.stdin.close()
    started.process.wait()


def killed_at(machine: Machine, command: Command, points, before, whole) -> None:
    for at in points:
        machine.begin(command)
        answer = machine.run(command.words, at=int(at))
        assert answer["status"] == -9, answer["said"]
        after = {} if command.grows else machine.holds(command.writes)
        assert command.grows or after in (before, whole), f"killed at point {at}: neither as before nor whole"
        if command.grows or command.repeats or after == before:
            machine.done(command.words)
            assert machine.holds(command.writes) == whole, f"killed at point {at}: other tables"
        elif command.again:
            machine.done(command.again)
        else:
            machine.refused(command.words, "already exists")
        assert machine.hidden() == [], f"killed at point {at}: something is left"


def whole_of(machine: Machine, command: Command):
    machine.begin(command)
    before = machine.holds(command.writes)
    answer = machine.done(command.words)
    assert machine.hidden() == []
    return before, machine.holds(command.writes), answer["points"]


@pytest.mark.long
@pytest.mark.parametrize("name", ["observe"])  # the others: at every point, below
def test_after_a_power_cut_the_same_command_gives_the_same(machine, name):
    before, whole, points = whole_of(machine, COMMANDS[name])
    moves = [
        n for n, kind in enumerate(points, 1) if kind in {"exchange", "after exchange", "rename", "replace"}
    ]
    chosen = {moves[0], moves[-1], int(np.median(np.arange(1, len(points)))), len(points)}
    killed_at(machine, COMMANDS[name], sorted(chosen), before, whole)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*COMMANDS, *SLOW])
def test_after_a_power_cut_at_every_point_the_same_command_gives_the_same(machine, name, capsys):
    command = (COMMANDS | SLOW)[name]
    before, whole, points = whole_of(machine, command)
    every = 1 if os.environ.get("RT_TWIN_KILLS") == "all" else command.every
    chosen = range(1, len(points) + 1, every)
    with capsys.disabled():
        print(f"\n{name}: killed at {len(chosen)} of {len(points)} points")
    killed_at(machine, command, chosen, before, whole)


@pytest.mark.slow
def test_a_run_that_replaces_its_like_is_there_at_every_point(machine):
    command = COMMANDS["compare"]
    _, whole, points = whole_of(machine, command)
    points = machine.done(command.words)["points"]
    moves = [n for n, kind in enumerate(points, 1) if "exchange" in kind]
    for at in (1, *moves, moves[-1] + 20, len(points)):
        assert machine.run(command.words, at=at)["status"] == -9
        assert machine.holds("run") == whole
        machine.done(command.words)
        assert machine.hidden() == [] and machine.holds("run") == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_what_another_one_writes_is_let_alone_and_said(machine, name):
    command = COMMANDS[name]
    machine.begin(command)
    before = machine.holds(command.writes)
    with held(machine.place / command.writes):
        machine.refused(command.words, "another rt-twin is writing", patience=0.2)
    assert machine.holds(command.writes) == before and machine.hidden() == []
    machine.done(command.words)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*COMMANDS, "set", "runs"])
def test_files_that_may_not_grow_are_said_and_the_same_command_works_after(machine, name):
    command = (COMMANDS | SLOW)[name]
    before, whole, _ = whole_of(machine, command)
    machine.begin(command)
    machine.refused(command.words, "writ", largest=700)  # "cannot write"; numpy only says that it wrote less
    assert machine.hidden() == []
    if not command.grows:
        assert machine.holds(command.writes) == before
    machine.done(command.words)
    assert machine.holds(command.writes) == whole


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A machine that writes to a small disk of its own."""
    place = tmp_path_factory.mktemp("disk").resolve()
    if os.geteuid() != 0 or _mount("-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)):
        pytest.skip("no tmpfs can be mounted here")
    started = Machine(place)
    yield started
    started.process.stdin.close()
    started.process.wait()
    subprocess.run(["umount", str(place)], check=True)


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], check=False, capture_output=True).returncode


def on_a_full_disk(disk: Machine, command: Command, share: float) -> None:
    before, whole, _ = whole_of(disk, command)
    free = shutil.disk_usage(disk.place).free
    disk.begin(command)
    need = shutil.disk_usage(disk.place).free - free
    filler = disk.place / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(disk.place).free - int(share * max(need, 0))))
    disk.refused(command.words, "the disk is full")
    assert disk.hidden() == []
    if not command.grows:
        assert disk.holds(command.writes) == before
    filler.unlink()
    disk.done(command.words)
    assert disk.holds(command.writes) == whole and disk.hidden() == []


def on_a_read_only_disk(disk: Machine, command: Command) -> None:
    disk.begin(command)
    before = disk.holds(command.writes)
    assert _mount("-o", "remount,ro", str(disk.place)) == 0
    try:
        disk.refused(command.words, "Read-only file system")
    finally:
        assert _mount("-o", "remount,rw", str(disk.place)) == 0
    assert disk.holds(command.writes) == before and disk.hidden() == []
    disk.done(command.words)


@pytest.mark.long
def test_an_observation_on_a_full_and_on_a_read_only_disk(disk):
    on_a_full_disk(disk, COMMANDS["observe"], 0.5)
    on_a_read_only_disk(disk, COMMANDS["observe"])


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", [n for n in COMMANDS if n != "observe"])
def test_a_full_disk_is_said_and_the_same_command_works_after(disk, name, share):
    on_a_full_disk(disk, COMMANDS[name], share)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in COMMANDS if n != "observe"])
def test_a_read_only_disk_is_said_and_the_same_command_works_after(disk, name):
    on_a_read_only_disk(disk, COMMANDS[name])


@pytest.mark.long
def test_three_that_observe_at_once_lose_nothing(tmp_path):
    shutil.copytree(GIVEN / "patient.twin", tmp_path / "p.twin")
    values = (7.5, 8.5, 9.5)
    command = [
        sys.executable,
        "-m",
        "scenarios.commands.main",
        "observe",
        str(tmp_path / "p.twin"),
        "--day",
        "20",
    ]
    at_once = [
        subprocess.Popen(
            [*command, "--gtv-cm3", str(v)], stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[3]
        )
        for v in values
    ]
    assert [p.wait() for p in at_once] == [0, 0, 0]
    seen = json.loads((tmp_path / "p.twin" / "twin.json").read_text())["observations"]
    assert sorted(o["value"] for o in seen if o["time_days"] == 20) == list(values)
    assert [p.name for p in tmp_path.iterdir()] == ["p.twin"]
