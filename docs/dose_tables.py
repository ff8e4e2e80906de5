"""Copies what a benchmark printed into docs/dose.md: `python docs/dose_tables.py NAME FILE`, NAME that of a block."""

import re
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "dose.md"


def main(name: str, file: str) -> None:
    """Fill one block of the page."""
    block = f"<!-- {name} -->\n```text\n{Path(file).read_text().strip()}\n```\n<!-- end -->"
    page, n = re.subn(rf"<!-- {name} -->.*?<!-- end -->", lambda _: block, PAGE.read_text(), flags=re.DOTALL)
    if not n:
        sys.exit(f"{PAGE.name} has no block {name}")
    PAGE.write_text(page)


if __name__ == "__main__":
    main(*sys.argv[1:3])
