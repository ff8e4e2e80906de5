"""Figures of docs/model.md are those that the package carries, and these are what the command still finds."""

import runpy
from pathlib import Path

import pytest

from scenarios.validation.checks import validate
from scenarios.validation.record import recorded

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_figures_are_what_the_script_makes_of_the_record():
    made = runpy.run_path(str(DOCS / "validation_tables.py"))["page"]()
    assert (DOCS / "model.md").read_text(encoding="utf-8") == made


@pytest.mark.slow  # ten thousand patients
def test_the_record_is_what_the_command_finds():
    found = {row.name + row.source: row for row in validate(patients=4000, phantoms=0)}
    stored = {row.name + row.source: row for row in recorded() if row.name + row.source in found}
    assert len(stored) == len(found) > 100
    for name, row in stored.items():
        assert found[name].ours == pytest.approx(row.ours, rel=1e-3, abs=3 * row.error), name
