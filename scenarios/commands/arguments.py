"""Arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from scenarios.records.assumptions import assumed, read_assumptions
from twin.errors import InputError
from twin.files.atomic import atomic_folder
from twin.files.lock import BRIEFLY_S, held

TwinArg = Annotated[Path, typer.Argument(metavar="TWIN", help="A NAME.twin folder.")]
AssumeOption = Annotated[
    Path | None,
    typer.Option(help="A YAML file with what is assumed otherwise than usual (docs/changing.md)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def fresh(out: Path) -> Iterator[Path]:
    """A folder that did not exist, to be filled; it is refused before the work, and no other command writes it.

    Args:
        out: what a command is to write.

    Raises:
        InputError: it exists, is being written, or cannot be.
    """
    with held(out, patience_s=BRIEFLY_S):
        if os.path.lexists(out):
            raise InputError(f"{out} already exists; choose another name or remove it")
        with atomic_folder(out) as part:
            yield part


def assumed_by(file: Path | None, **names: str | None) -> dict[str, Any]:
    """Keywords of a run from a file of assumptions and the models that a command names.

    Args:
        file: what `--assume` gives.
        names: part -> name of its model; None where the command names none.

    Raises:
        InputError: a part is both named and in the file, or the file cannot be read.
    """
    found = {} if file is None else read_assumptions(file)
    named = {part: name for part, name in names.items() if name is not None}
    if both := sorted(found.keys() & named.keys()):
        raise InputError(f"{both[0]} is given by --{both[0]} and by {file}; give one of them")
    return found | assumed(named)
