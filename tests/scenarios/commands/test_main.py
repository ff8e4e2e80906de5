"""The list of verbs, and verbs of other installed packages."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from scenarios.commands.main import COMMANDS, summary

VERBS = """
\"\"\"Commands of another package.\"\"\"
import typer

def greet(name: str) -> None:
    \"\"\"Say hello,
    politely.

    And more.
    \"\"\"
    print(f"hello {name}")

COMMAND = greet
MANY = typer.Typer()

@MANY.command()
def first() -> None:
    print("the first")

@MANY.command()
def second() -> None:
    print("the second")
"""


@pytest.fixture
def rt_twin(tmp_path):
    """Runs `rt-twin` where another package with two commands is installed."""
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "__init__.py").write_text("")
    (tmp_path / "hello" / "verbs.py").write_text(VERBS)
    info = tmp_path / "hello-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n")
    offered = "[rt_twin.commands]\ngreet = hello.verbs:COMMAND\nmany = hello.verbs:MANY\nlost = hello.gone:COMMAND\n"
    (info / "entry_points.txt").write_text(offered)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "scenarios.commands.main", *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "150"},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    return run


def test_the_version_is_that_of_the_installed_package(rt_twin):
    assert rt_twin("--version").stdout == f"rt-twin {version('rt-twin')}\n"


def test_help_says_what_each_verb_does_and_imports_none_of_them():
    code = (
        "import sys; from scenarios.commands.main import main; sys.argv[1:] = ['--help']\n"
        "try: main()\nexcept SystemExit: print('LOADED', *sorted(sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    shown, loaded = told.split("LOADED")
    places = [shown.index(f"│ {name} ") for name in ("phantom", "import", "show", "compare", "bed")]
    assert places == sorted(places)
    assert "Make a twin from a patient's images, or" in shown
    files = {COMMANDS.source(name).partition(":")[0] for name in COMMANDS}
    assert not (files | {"polars", "numpy"}) & set(loaded.split())


def test_every_verb_says_what_it_does():
    assert len(COMMANDS) >= 14
    for name in COMMANDS:
        assert summary(COMMANDS.source(name)).endswith((".", ")")), name


def test_commands_of_other_packages_stand_beside_ours(rt_twin):
    shown = " ".join(rt_twin("--help").stdout.split())
    assert "greet Say hello, politely. " in shown
    assert "many Commands of another package. " in shown
    assert rt_twin("greet", "you").stdout == "hello you\n"
    assert rt_twin("many", "second").stdout == "the second\n"
    lost = rt_twin("lost")
    assert (lost.returncode, lost.stderr.count("\n")) == (2, 1)
    assert "command 'lost' cannot be loaded: it needs hello" in lost.stderr


def test_a_wrong_verb_gets_the_near_one(rt_twin):
    wrong = rt_twin("comprae")
    assert wrong.returncode == 2
    assert "Did you mean 'compare'?" in wrong.stderr


LONG = "x" * 5000
NOWHERE = "/proc/nowhere/x"  # where nobody can write


@pytest.mark.parametrize(
    "words",
    [
        ("show", LONG), ("phantom", LONG), ("import", LONG, "o.twin"), ("edit", LONG, "--set", "age=3"),
        ("observe", LONG, "--day", "3", "--gtv-cm3", "3"), ("compare", LONG, "--plan", "60/30", "--out", "r"),
        ("export", LONG, "--dicom", "d"), ("clinic", LONG), ("bed", LONG), ("app", LONG),
        ("cohort", "--n", "2", "--plan", "60/30", "--out", LONG), ("cohort", "--n", "2", "--plan", LONG, "--out", "s"),
        ("cohort", "--table", LONG, "--plan", "60/30", "--out", "s"),
        ("cohort", "--n", "2", "--plan", "60/30", "--out", NOWHERE),
        ("cohort", "--twins", LONG, "--plan", "60/30", "--out", "s"), ("train", LONG, "--out", "o"),
        ("evaluate", LONG, "--out", "o"), ("ablate", LONG, LONG, "--out", "o"),
        ("clinic", "--days", "9", "--out", NOWHERE),
        ("bed", "6\udcff"),
    ],
)  # fmt: skip
def test_what_the_machine_refuses_is_a_sentence(words, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    said = refused(*words)
    assert said.startswith("rt-twin: ") and len(said) < 1000
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), "/tmp/x: No space left on device"),
        (MemoryError(), "there is not enough memory for this"),
    ],
)
def test_what_comes_up_on_the_way_is_a_sentence(error, words, monkeypatch, capsys):
    import scenarios.commands.main as command

    def fails():
        raise error

    monkeypatch.setattr(command, "app", fails)
    monkeypatch.setattr(sys, "argv", ["rt-twin"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2 and capsys.readouterr().err.startswith(f"rt-twin: {words}")
