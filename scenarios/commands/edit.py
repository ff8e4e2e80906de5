"""The command `rt-twin edit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import TwinArg
from simulators.belief.update import update_belief
from twin import InputError, PatientTwin, StructureSet
from twin.dicom.organ import read_organ
from twin.files.images import SUFFIXES, read_mask
from twin.files.records import edited, merged, read_clinical
from twin.inputs.bounds import check
from twin.inputs.quantities import FractionNumber, Prescribed
from twin.nomenclature import standard


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
    reject: Annotated[
        list[str] | None,
        typer.Option(help="An organ whose estimate is wrong: it has no dose figures then; may be repeated."),
    ] = None,
    replace: Annotated[
        str | None, typer.Option(help="ORGAN=FILE: the organ as drawn, in NIfTI, NRRD or an RTSTRUCT.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The organ's value in a label map, or its name in the RTSTRUCT.")
    ] = None,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back the last organ that was rejected or replaced.")
    ] = False,
) -> None:
    """Change a twin's clinical record, say which dose plans take, or reject or replace organs that were estimated.

    Its history keeps what stood there. With another record its belief is formed anew.
    """
    if not (clinical or set_ or reference or reject or replace or undo):
        raise InputError(
            "nothing to change; give --clinical FILE, --set age=71, --reference DOSE, --reject ORGAN or "
            "--replace ORGAN=FILE"
        )
    if undo and (clinical or set_ or reference or reject or replace):
        raise InputError("--undo takes back the last change of an organ and goes with no other option")
    said: list[str] = []
    with PatientTwin.changing(twin) as before:
        after = before.organ_restored() if undo else before
        if reference:
            after = _referring(after, reference)
        if clinical or set_:
            record = merged(after.clinical, read_clinical(clinical, said)) if clinical else after.clinical
            after = after.edited(edited(record, set_ or ()))
            after = after if before.belief is None else update_belief(after)
        for name in reject or ():
            after = after.organ_rejected(_organ(name))
        if replace:
            after = _replaced(after, replace, label, said)
        after.save(twin)
    for change in after.history[len(before.history) :]:
        print(f"{twin}: {change.words}")
    for note in said:
        print(f"note: {note}")


def _referring(twin: PatientTwin, text: str) -> PatientTwin:
    """The twin whose plans take their dose from one of its doses."""
    name, _, schedule = text.partition("=") if text not in twin.doses else (text, "", "")
    gy, fractions = _prescription(schedule) if schedule else (None, None)
    return twin.referring(name, gy=gy, fractions=fractions)


def _prescription(text: str) -> tuple[float, int]:
    total, _, n = text.partition("/")
    return (
        check(Prescribed, total, "GY of --reference DOSE=GY/FRACTIONS"),
        check(FractionNumber, n, "FRACTIONS of --reference DOSE=GY/FRACTIONS"),
    )


def _organ(name: str) -> str:
    """An organ's TG-263 name, however the user spells it."""
    known = standard(name)
    return known.name if known else name


def _replaced(twin: PatientTwin, given: str, label: str | None, said: list[str]) -> PatientTwin:
    """The twin with an organ as a file has it.

    Raises:
        InputError: the text is not ORGAN=FILE, the organ is none of TG-263, or the file does not hold it.
    """
    name, _, file = given.partition("=")
    known = standard(name)
    if not file or known is None or known.role != "OAR":
        raise InputError("give --replace ORGAN=FILE with an organ of TG-263, as Heart=heart.nii.gz")
    path, grid = Path(file), twin.contours.geometry
    if path.name.lower().endswith(SUFFIXES):
        read = read_mask(path, grid, label)
        said += read.notes
        organ = StructureSet(grid, ()).with_mask(known.name, "OAR", read.mask, source_name="mask")[known.name]
    else:
        organ, notes = read_organ(path, known.name, grid, label)
        said += notes
    return twin.organ_replaced(organ)


COMMAND = edit
