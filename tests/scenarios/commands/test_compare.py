"""`rt-twin compare` plans what the twin does not hold, says what is quicker while it does, and does it once."""

import json

import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app

pytestmark = pytest.mark.slow


def test_a_comparison_plans_once_and_says_what_is_quicker(quick_plans, boxes, tmp_path, monkeypatch):
    monkeypatch.setenv("RT_TWIN_PLANS", str(tmp_path / "plans"))
    boxes.save(tmp_path / "p.twin")
    words = ["--days", "30", "--samples", "4", "--image-samples", "0"]
    plans = ["--plan", "60/30", "--plan", "66/33"]
    tables, said = [], []
    for out in ("first", "again"):
        where = ["compare", str(tmp_path / "p.twin"), *plans, *words, "--out", str(tmp_path / out)]
        result = CliRunner().invoke(app, where, catch_exceptions=False)
        said.append(result.stderr)
        assert "fluence plan, not a deliverable arc: 60/30, 66/33" in " ".join(result.stdout.split())
        tables.append((tmp_path / out / "outcomes.parquet").read_bytes())
        assert json.loads((tmp_path / out / "run.json").read_text())["dose"] == "fluence"
    assert "--dose approximate" in said[0] and "--dose" not in said[1]
    assert tables[0] == tables[1], "a plan from disk is the one that was computed"
