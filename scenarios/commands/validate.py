"""The command `rt-twin validate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from scenarios.commands.arguments import JsonOption
from scenarios.report.console import wide_console
from scenarios.validation.checks import PHANTOMS, QUICK
from scenarios.validation.checks import validate as rows_of
from scenarios.validation.row import GROUPS, Row
from simulators.calibration.crossvalidation import CrossValidation
from simulators.calibration.evidence import evidence


def validate(
    quick: Annotated[
        bool,
        typer.Option(
            help=f"Only the first {QUICK[0]} patients of each arm and the first {QUICK[1]} of {PHANTOMS} phantoms."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hold the engine against exact values and published outcomes; what misses stays in the table."""
    rows = rows_of(patients=QUICK[0], phantoms=QUICK[1]) if quick else rows_of()
    if as_json:
        print(json.dumps([row.as_dict() for row in rows], indent=1))
    else:
        print_validation(rows)


def print_validation(rows: Sequence[Row]) -> None:
    """The validation table, how many of its rows lie inside their interval, and how the calibrated model did."""
    shown = Table(box=SIMPLE_HEAD)
    for heading in ("", "what", "published", "interval", "ours", "error", "kind", "source", "note"):
        number = heading in ("published", "interval", "ours", "error")
        shown.add_column(heading, justify="right" if number else "left")
    marks = {True: "ok", False: "MISS", None: "-"}
    for row in rows:
        interval = f"{row.low:.4g} to {row.high:.4g}"
        numbers = (
            f"{row.published:.4g}",
            interval,
            f"{row.ours:.4g}",
            f"{row.error:.2g}" if row.error else "",
        )
        shown.add_row(marks[row.inside], row.name, *numbers, row.group, row.source, row.note)
    console = wide_console(200)
    console.print(shown)
    for group in GROUPS:
        judged = [row.inside for row in rows if row.group == group]
        told = [inside for inside in judged if inside is not None]
        open_ = f", {len(judged) - len(told)} not judged" if len(told) < len(judged) else ""
        console.print(f"{group}: {sum(told)} of {len(told)} inside{open_}", highlight=False)
    console.print("outcomes calibrated on trials (docs/evidence.md):", highlight=False)
    for words in CrossValidation.load(digest=evidence().digest).words():
        console.print(f"  {words}", highlight=False, soft_wrap=True)


COMMAND = validate
