"""The command `rt-twin edit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import TwinArg
from simulators.belief.update import update_belief
from twin import InputError, PatientTwin
from twin.files.records import edited, merged, read_clinical
from twin.inputs.bounds import check
from twin.inputs.quantities import FractionNumber, Prescribed


def edit(
    twin: TwinArg,
    clinical: Annotated[
        Path | None,
        typer.Option(help="Clinical record, JSON, CSV or a FHIR bundle; what it misses stays as it is."),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of one entry, as age=71; may be repeated.")
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="DOSE[=GY/FRACTIONS]",
            help="The planning system's dose that plans take theirs from, and what it prescribes to the tumour where "
            "its plan does not say; none for none of them.",
        ),
    ] = None,
) -> None:
    """Change a twin's clinical record, or say which dose plans take; its history keeps what stood there."""
    if clinical is None and not set_ and reference is None:
        raise InputError("nothing to change; give --clinical FILE, --set age=71 or --reference DOSE")
    if reference is not None:
        _refer(twin, reference)
        if clinical is None and not set_:
            return
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


def _refer(path: Path, text: str) -> None:
    """Say which of a twin's doses plans take theirs from."""
    with PatientTwin.changing(path) as before:
        name, _, schedule = text.partition("=") if text not in before.doses else (text, "", "")
        gy, fractions = _prescription(schedule) if schedule else (None, None)
        after = before.referring(name, gy=gy, fractions=fractions)
        after.save(path)
    print(f"{path}: {after.history[-1].words}")


def _prescription(text: str) -> tuple[float, int]:
    total, _, n = text.partition("/")
    return (
        check(Prescribed, total, "GY of --reference DOSE=GY/FRACTIONS"),
        check(FractionNumber, n, "FRACTIONS of --reference DOSE=GY/FRACTIONS"),
    )


COMMAND = edit
