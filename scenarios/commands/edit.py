"""The command `rt-twin edit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import TwinArg
from simulators.belief.update import update_belief
from twin import InputError, PatientTwin
from twin.files.records import edited, merged, read_clinical


def edit(
    twin: TwinArg,
    clinical: Annotated[
        Path | None,
        typer.Option(help="Clinical record, JSON, CSV or a FHIR bundle; what it misses stays as it is."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of one entry, as age=71; may be repeated.")
    ] = None,
) -> None:
    """Change a twin's clinical record; its history keeps what stood there, and its belief is formed anew."""
    if clinical is None and not set_:
        raise InputError("nothing to change; give --clinical FILE or --set age=71")
    said: list[str] = []
    with PatientTwin.changing(twin) as before:
        record = (
            before.clinical if clinical is None else merged(before.clinical, read_clinical(clinical, said))
        )
        after = before.edited(edited(record, set_ or ()))
        (after if before.belief is None else update_belief(after)).save(twin)
    print(f"{twin}: {after.history[-1].words}")
    for note in said:
        print(f"note: {note}")


COMMAND = edit
