"""Names and their places: files of a folder, and what other packages offer."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.registry import Registry
from twin import InputError


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A package with two parts, a helper and one that is broken."""
    folder = tmp_path / "toy_parts"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "two_words.py").write_text("THING = 2\n")
    (folder / "one.py").write_text("THING: int = 1\n")
    (folder / "helper.py").write_text("other = 'THING'\n")
    (folder / "broken.py").write_text("import not_there_at_all\nTHING = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Registry("thing", "things", "toy_parts")
    for name in [m for m in sys.modules if m.startswith("toy_parts")]:
        del sys.modules[name]


def test_a_file_that_binds_the_kind_is_a_part_of_its_name(parts):
    assert list(parts) == ["broken", "one", "two-words"]
    assert parts["two-words"] == 2
    assert parts.source("one") == "toy_parts.one:THING"


def test_looking_at_names_imports_nothing(parts):
    assert "one" in parts and len(parts) == 3
    assert "toy_parts.one" not in sys.modules


def test_a_wrong_name_is_told_the_right_ones(parts):
    with pytest.raises(InputError, match=r"unknown thing 'on'; there are: broken, one, two-words"):
        parts["on"]


def test_a_part_whose_library_is_missing_says_which(parts):
    with pytest.raises(InputError, match="'broken' cannot be loaded: it needs not_there_at_all"):
        parts["broken"]


def test_another_package_adds_a_part_and_cannot_replace_one(parts, tmp_path):
    info = tmp_path / "other-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[rt_twin.things]\nmine = math:pi\none = math:e\nbad = math:not_there\n"
    )
    assert parts["mine"] == pytest.approx(3.14159, abs=1e-5)
    assert parts["one"] == 1
    with pytest.raises(InputError, match="math holds no not_there"):
        parts["bad"]


def test_a_registry_costs_no_heavy_import():
    code = "import sys; from models.registry import Registry; print('torch' in sys.modules, 'numpy' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert out.stdout.split() == ["False", "False"]
