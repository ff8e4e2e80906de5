"""The command `rt-twin import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from scenarios.commands.facts import print_notes
from scenarios.commands.progress import progress_bar
from twin.anatomy.organs import Finder
from twin.dicom.listing import listing
from twin.errors import InputError
from twin.importer import import_patient, source
from twin.inputs.bounds import check
from twin.inputs.quantities import DatedTime

OrgansOption = Annotated[
    Finder, typer.Option(help="What finds organs that no file holds; totalsegmentator must be installed.")
]


def import_(
    src: Annotated[
        str, typer.Argument(help="DICOM folder or zip, a NIfTI or NRRD CT, or pacs://NAME?PatientID=...")
    ],
    out: Annotated[Path | None, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")] = None,
    clinical: Annotated[
        Path | None, typer.Option(help="Clinical record, JSON, CSV or a FHIR bundle.")
    ] = None,
    gtv: Annotated[
        list[str] | None, typer.Option(help="Name of the tumour's structure; may be repeated.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Tumour mask, NIfTI or NRRD.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Value or name of the tumour where the mask is a label map.")
    ] = None,
    structures: Annotated[
        list[str] | None,
        typer.Option(help="Structure set to use where several lie on one scan: its number; may be repeated."),
    ] = None,
    day: Annotated[
        list[str] | None, typer.Option(help="FILE=DAY of a series without a date; may be repeated.")
    ] = None,
    delivered_from: Annotated[
        DatedTime | None, typer.Option(help="Day of the first fraction, where the plans were delivered.")
    ] = None,
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Keep structures' names as they are; you say they name nobody."),
    ] = False,
    organs: OrgansOption = "estimate",
    list_: Annotated[
        bool, typer.Option("--list", help="Only print what the source holds, under its own names.")
    ] = False,
) -> None:
    """Make a twin from a patient's images."""
    if list_:
        with progress_bar() as progress, source(src, progress) as (place, *_):
            for line in listing(place):
                print(_printable(line))
        return
    if out is None:
        raise InputError("say which twin to write: rt-twin import SRC OUT.twin")
    days = dict(_file_day(text) for text in day or ())
    with fresh(out) as part, progress_bar() as progress:
        twin = import_patient(
            src,
            clinical=clinical,
            gtv=gtv or (),
            mask=mask,
            label=label,
            structures=structures or (),
            days=days,
            delivered_from=delivered_from,
            keep_names=keep_names,
            organs=organs,
            progress=progress,
        )
        twin.save(part)
    print(f"{out}: patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")
    print_notes(twin)


def _printable(line: str) -> str:
    """A line in any script as the terminal can show it."""
    code = sys.stdout.encoding or "utf-8"
    return line.encode(code, "backslashreplace").decode(code)


def _file_day(text: str) -> tuple[str, float]:
    file, _, day = text.rpartition("=")
    return (file or day), check(DatedTime, day, "the DAY of --day FILE=DAY")


COMMAND = import_
