"""A built wheel holds the five rooms whole: an editable install hides what is missing."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("twin", "models", "simulators", "scenarios", "dashboards")
BESIDE = ("pyproject.toml", "README.md", "LICENSE")


def tracked() -> set[str]:
    """Paths of the rooms' files as git has them."""
    if not (ROOT / ".git").exists():
        pytest.skip("what belongs to the project is told by git, and this is no clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {path for path in listed.stdout.split("\0") if (ROOT / path).is_file()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel, built of a copy so that what earlier builds left behind stays out of it."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in (*BESIDE, *tracked()):
        copy = folder / "source" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / path).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, "./source"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    [made] = folder.glob("*.whl")
    return made


def test_a_wheel_holds_every_file_of_the_rooms_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as packed:
        held = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert held == tracked()


@pytest.mark.slow
def test_the_readme_s_example_runs_from_the_wheel_in_another_folder(wheel, phantom_twin, tmp_path):
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "installed")
    [example] = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    small = example.replace("days=365, samples=200", "days=30, samples=4")
    assert small != example
    away = tmp_path / "away"
    phantom_twin.save(away / "patient.twin")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    command = [sys.executable, "-P", "-c", f"{small}\nimport scenarios\nprint(scenarios.__file__)"]
    done = subprocess.run(command, cwd=away, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split()[-1]).is_relative_to(tmp_path / "installed")
    assert (away / "runs" / "demo" / "report.html").is_file()
