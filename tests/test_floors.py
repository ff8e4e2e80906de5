"""The rooms stand on floors: each imports only from below; and looking in costs little."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOOR = {"twin": 1, "models": 2, "simulators": 3, "scenarios": 4, "dashboards": 5}
HEAVY = ("torch", "monai", "diffusers", "lifelines", "numba", "scipy", "SimpleITK")
FILES = sorted(p for room in FLOOR for p in (ROOT / room).rglob("*.py"))


def rooms_imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found & set(FLOOR)


@pytest.mark.parametrize("file", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_imports_only_from_floors_below(file):
    own = file.relative_to(ROOT).parts[0]
    above = {r for r in rooms_imported(file) if FLOOR[r] >= FLOOR[own] and r != own}
    assert not above


@pytest.mark.parametrize(
    "statement",
    [
        "import twin, models, simulators, scenarios",
        "from scenarios.commands.main import app",
        "from scenarios import compare",
    ],
)
def test_light_imports_load_nothing_heavy(statement):
    code = f"import sys; {statement}; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    assert loaded.split() == []


def test_each_room_offers_what_it_names():
    import models
    import scenarios
    import simulators
    import twin

    for room in (twin, simulators, scenarios, models):
        for name in room.__all__:
            assert getattr(room, name) is not None
