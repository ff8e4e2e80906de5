"""Arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from twin.errors import InputError
from twin.files.atomic import atomic_folder
from twin.files.lock import BRIEFLY_S, held

TwinArg = Annotated[Path, typer.Argument(metavar="TWIN", help="A NAME.twin folder.")]
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
