"""A package made from docs/extending.md adds one part of each kind, from the command line and in Python."""

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from models.registry import GROUPS, Registry

pytest.importorskip("torch", reason="torch is in the [learned] extra")

ROOT = Path(__file__).resolve().parents[1]
TWIN = ROOT / "tests" / "fixtures" / "formats" / "v1" / "patient.twin"
TINY = (
    "{family: mean, steps: 2, widths: [8, 16], embedding: 16, batch_volumes: 2, batch_slices: 4, window: 16}"
)
SCENARIO = "plan: {phases: [{total_gy: 60, fractions: 30}]}\npolicy: {kind: early stop}\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """What the page shows, installed into a folder of its own; gives a function that runs rt-twin with it."""
    source, target = tmp_path_factory.mktemp("my-parts"), tmp_path_factory.mktemp("installed")
    (source / "my_parts").mkdir()
    (source / "my_parts" / "__init__.py").touch()
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (source / name).write_text(text, encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        target,
    ]
    subprocess.run([*pip, source], check=True, capture_output=True)

    def run(*command: str, module: str = "-m") -> str:
        start = [
            sys.executable,
            "-P",
            module,
            *([] if module == "-c" else ["scenarios.commands.main"]),
            *command,
        ]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(target), str(ROOT)])}
        done = subprocess.run(start, capture_output=True, text=True, env=environment, cwd=source, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def test_every_kind_is_shown_on_the_page():
    page = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    kinds = {
        "families",
        "tasks",
        "generators",
        "scanners",
        "kinetics",
        "outcomes",
        "policies",
        "commands",
        "pages",
    }
    assert set(re.findall(rf'entry-points\."{GROUPS}\.(\w+)"', page)) == kinds


def test_its_command_is_one_of_ours(installed):
    assert installed("hello", "--name", "Marie") == "hello Marie\n"
    assert "Greet somebody." in installed("--help")


@pytest.mark.slow
def test_its_family_learns_its_task(installed, tmp_path):
    (tmp_path / "tiny.yaml").write_text(TINY)
    text = installed(
        "train",
        str(TWIN),
        "--task",
        "sharpen",
        "--family",
        str(tmp_path / "tiny.yaml"),
        "--out",
        str(tmp_path / "w"),
    )
    assert "trained on 1 pairs of 1 patients" in text and "mae_hu" in text
    config = json.loads((tmp_path / "w" / "config.json").read_text())
    assert (config["family"], config["task"]["name"]) == ("mean", "sharpen")


def test_its_generator_scanner_kinetics_outcomes_and_policy_make_a_comparison(installed, tmp_path):
    (tmp_path / "stop.yaml").write_text(SCENARIO)
    run = tmp_path / "run"
    plans = ("--plan", "60/30", "--plan", str(tmp_path / "stop.yaml"), "--days", "60", "--samples", "4")
    parts = ("--generator", "still", "--scanner", "bone", "--kinetics", "resistant", "--outcomes", "hopeful")
    installed("compare", str(TWIN), *plans, *parts, "--dose=approximate", "--out", str(run))
    record = json.loads((run / "run.json").read_text())
    assert (record["kinetics"], record["outcomes"]) == ("resistant", "hopeful")
    assert {i["kind"] for i in record["images"]} >= {"ct", "gtv", "bone-scan"}
    control = pl.read_parquet(run / "outcomes.parquet").filter(pl.col("outcome") == "control")
    assert (control["mean"] == 1.0).all()


def test_its_parts_are_found_in_python_and_its_page_in_the_dashboard(installed):
    code = """
from dashboards.app import PAGES
from models.registry import FAMILIES
from simulators.core.imaging import TASKS
from simulators.names.generators import generator_named
from simulators.names.scanners import scanner_named
print(FAMILIES["mean"].__name__, TASKS["sharpen"].version, generator_named("still").name, scanner_named("bone").unit)
print(PAGES["about"].title)
"""
    assert installed(code, module="-c") == "Mean 1 still a.u.\nAbout us\n"


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("models.registry", "FAMILIES"),
        ("simulators.core.imaging", "TASKS"),
        ("simulators.names.generators", "GENERATORS"),
        ("simulators.names.scanners", "SCANNERS"),
        ("simulators.names.kinetics", "KINETICS"),
        ("simulators.names.outcomes", "OUTCOMES"),
        ("scenarios.plans.policy", "POLICIES"),
        ("scenarios.commands.main", "COMMANDS"),
        ("dashboards.app", "PAGES"),
    ],
)
def test_one_new_file_in_its_folder_is_a_new_part(module, name, tmp_path):
    registry = getattr(importlib.import_module(module), name)
    word = registry.kind.upper().replace(" ", "_")
    (tmp_path / "brand_new.py").write_text(f"{word} = 'here it is'\n")
    package = importlib.import_module(registry.folder)
    known = set(registry)  # before: a registry looks once
    package.__path__.append(str(tmp_path))
    try:
        again = Registry(registry.kind, registry.group.partition(".")[2], registry.folder)
        assert again["brand-new"] == "here it is" and known <= set(again)
    finally:
        package.__path__.remove(str(tmp_path))
        sys.modules.pop(f"{registry.folder}.brand_new", None)
