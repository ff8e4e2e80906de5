"""docs/calibration.md says what the package carries."""

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_is_what_its_script_makes():
    made = runpy.run_path(str(DOCS / "calibration_tables.py"))["page"]()
    assert (DOCS / "calibration.md").read_text(encoding="utf-8") == made + "\n"
