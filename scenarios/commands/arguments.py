"""Arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from twin.errors import InputError

TwinArg = Annotated[Path, typer.Argument(metavar="TWIN", help="A NAME.twin folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def free(out: Path) -> None:
    """Refuse early what writing would refuse late.

    Args:
        out: what a command is to write.

    Raises:
        InputError: it exists.
    """
    if out.exists():
        raise InputError(f"{out} already exists; choose another name or remove it")
