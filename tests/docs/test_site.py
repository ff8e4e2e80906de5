"""The site shows every document that there is; `make docs` builds it, and fails where a link leads nowhere."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_document_and_tutorial_has_a_place_in_the_site():
    told = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path.name for path in (ROOT / "docs").glob("*.md")]
    pages += [f"tutorials/{path.stem}.md" for path in (ROOT / "docs" / "tutorials").glob("*.py")]
    assert pages and not [page for page in pages if f": {page}\n" not in told]
    assert told.count("tutorials/") == len([page for page in pages if "/" in page])
