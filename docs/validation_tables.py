"""Write the figures of docs/model.md, section 7, from the rows that the package carries.

    rt-twin validate --json > scenarios/validation/data/rows.json && python docs/validation_tables.py

So table and text cannot differ from what the command found; a test holds the page to this script.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from scenarios.validation.dose import SOURCE
from scenarios.validation.record import recorded
from scenarios.validation.row import GROUPS, Row
from simulators.calibration.crossvalidation import CrossValidation
from simulators.calibration.evidence import evidence

PAGE = Path(__file__).parent / "model.md"
BEGIN, END = "<!-- docs/validation_tables.py makes what follows -->", "<!-- to here -->"
_HEADS = "| what | published | interval | here | source | note |\n|---|---|---|---|---|---|"


def page() -> str:
    """The page with its figures made anew."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}", "", *_figures(recorded()), "", f"{END}{after}"])


def _figures(rows: Sequence[Row]) -> Iterator[str]:
    yield "| group | rows | inside | outside | not judged |\n|---|---|---|---|---|"
    for group in GROUPS:
        found = [row.inside for row in rows if row.group == group]
        yield f"| {group} | {len(found)} | {found.count(True)} | {found.count(False)} | {found.count(None)} |"
    trials, doses = (
        max((r.seeds for r in rows if (r.source == SOURCE) == dose), default=0) for dose in (False, True)
    )
    yield f"\nIn this record rows of trials are means of {trials} seeds, rows of doses of {doses}."
    fitted = [f"{row.name} ({row.source.split(',')[0]})" for row in rows if row.group == "fitted"]
    yield f"\nFitted were: {'; '.join(fitted)}.\n"
    yield "Outside, with the standard error of what is simulated here:\n"
    yield _HEADS
    yield from (_line(row) for row in rows if row.inside is False)
    yield "\nNot judged, as chance could turn the verdict or endpoints differ:\n"
    yield _HEADS
    yield from (_line(row) for row in rows if row.inside is None)
    yield "\nOutcomes calibrated on trials, where they were not fitted ([every forecast](calibration.md)):\n"
    for words in CrossValidation.load(digest=evidence().digest).words():
        yield f"- {words}."


def _line(row: Row) -> str:
    here = f"{row.ours:.4g}" + (f" ({row.error:.2g})" if row.error else "")
    interval = f"{row.low:.4g} to {row.high:.4g}"
    return f"| {row.name} | {row.published:.4g} | {interval} | {here} | {row.source} | {row.note} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
