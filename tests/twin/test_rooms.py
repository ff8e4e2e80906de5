"""A user's own file of a room's name is named in one sentence, by whichever room is imported first."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder, *command):
    return subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def foreign(tmp_path):
    """The folder of a user who calls a file of his `models.py`."""
    (tmp_path / "models.py").write_text("raise SystemExit('the foreign file was run')")
    return tmp_path


@pytest.mark.parametrize("room", ["twin", "simulators", "scenarios", "dashboards"])
def test_a_foreign_file_beside_a_script_is_named_in_one_sentence(foreign, room):
    (foreign / "mine.py").write_text(f"import {room}")
    done = run(foreign, sys.executable, "mine.py")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: {foreign / 'models.py'} hides the package 'models' of rt-twin: rename it, or move it away from "
        "your script"
    )


def test_a_foreign_package_is_named_too(tmp_path):
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "__init__.py").write_text("")
    (tmp_path / "mine.py").write_text("import twin")
    assert (
        f"{tmp_path / 'scenarios' / '__init__.py'} hides the package 'scenarios'"
        in run(tmp_path, sys.executable, "mine.py").stderr
    )


def test_folders_that_hide_nothing_are_no_matter(tmp_path):
    (tmp_path / "models").mkdir()  # of weights, say: a package elsewhere goes before a plain folder
    (tmp_path / "mine.py").write_text("import twin, models; print(models.__file__)")
    assert run(tmp_path, sys.executable, "mine.py").stdout.strip() == str(ROOT / "models" / "__init__.py")


def test_the_command_works_in_such_a_folder(foreign):
    command = Path(sys.executable).with_name("rt-twin")
    if not command.exists():
        pytest.skip("rt-twin is not installed beside this Python")
    done = run(foreign, command, "bed", "60/30")
    assert done.returncode == 0 and "72" in done.stdout, done.stderr
