"""Fills the tables and the picture of docs/generators.md: `python docs/generators_tables.py EVALUATION [ABLATION]`.

EVALUATION is what `rt-twin evaluate --pictures N` wrote, ABLATION what `rt-twin ablate` wrote. The picture is that of
the first patient, or the one that PICTURE, a third argument, names.
"""

import re
import shutil
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "generators.md"
PICTURE = Path(__file__).parent / "images" / "generators.png"
CAPTION = "Baseline, truth, generated images and their differences from the truth"


def main() -> None:
    """Copy tables and picture into the page."""
    evaluation, *others = map(Path, sys.argv[1:])
    text = (evaluation / "tables.md").read_text()
    if others:
        text += "\n" + (others[0] / "tables.md").read_text()
    pictures = sorted((evaluation / "pictures").glob("*.png"))
    chosen = others[1] if len(others) > 1 else next(iter(pictures), None)
    if chosen is not None:
        shutil.copy(chosen, PICTURE)
        text = f"{text.strip()}\n\n![{CAPTION}](images/{PICTURE.name})"
    table = f"<!-- tables -->\n{text.strip()}\n<!-- end -->"
    page = re.sub(r"<!-- tables -->.*<!-- end -->", lambda _: table, PAGE.read_text(), flags=re.DOTALL)
    PAGE.write_text(page)
    print(f"{PAGE}: tables of {evaluation}; {PICTURE}: {chosen}")


if __name__ == "__main__":
    main()
