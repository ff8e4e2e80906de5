"""The command `rt-twin validate`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from scenarios.commands.arguments import JsonOption
from scenarios.validation.checks import validate as rows_of
from scenarios.validation.row import Row


def validate(as_json: JsonOption = False) -> None:
    """Hold the engine against exact values and published outcomes; what misses stays in the table."""
    rows = rows_of()
    if as_json:
        print(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        print_validation(rows)


def print_validation(rows: Sequence[Row]) -> None:
    """The validation table, and how many of its rows lie inside their interval."""
    shown = Table(box=SIMPLE_HEAD)
    for heading in ("", "what", "published", "interval", "ours", "held out", "source", "note"):
        shown.add_column(heading, justify="right" if heading in ("published", "interval", "ours") else "left")
    marks = {True: "ok", False: "MISS", None: "-"}
    for row in rows:
        interval = f"{row.low:.4g} to {row.high:.4g}"
        held_out = "yes" if row.held_out else "calibrated"
        numbers = (f"{row.published:.4g}", interval, f"{row.ours:.4g}")
        shown.add_row(marks[row.inside], row.name, *numbers, held_out, row.source, row.note)
    console = Console(markup=False)
    console.width = max(console.width, 200) if not console.is_terminal else console.width
    console.print(shown)
    for kind in ("exact", "clinical"):
        judged = [row.inside for row in rows if row.kind == kind and row.inside is not None]
        console.print(f"{kind}: {sum(judged)} of {len(judged)} inside", highlight=False)


COMMAND = validate
