"""The command `rt-twin import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from scenarios.commands.facts import print_notes
from scenarios.commands.progress import progress_bar
from scenarios.engine.scanning import changed, changer
from scenarios.records.schema import SIMULATED
from simulators.learned.distance import distance, far_words
from simulators.learned.scanner import ScanTranslator
from simulators.scanners.quality.kernel import KernelName
from twin import PatientTwin
from twin.anatomy.organs import Finder
from twin.dicom.listing import listing
from twin.errors import InputError
from twin.importer import import_patient, source
from twin.inputs.bounds import check
from twin.inputs.quantities import DatedTime, Workers

GtvOption = Annotated[list[str] | None, typer.Option(help="Name of the tumour's structure; may be repeated.")]
LabelOption = Annotated[
    str | None, typer.Option(help="Value or name of the tumour where the mask is a label map.")
]
StructuresOption = Annotated[
    list[str] | None,
    typer.Option(help="Structure set to use where several lie on one scan: its number; may be repeated."),
]
DayOption = Annotated[
    list[str] | None, typer.Option(help="FILE=DAY of a series without a date; may be repeated.")
]
DeliveredOption = Annotated[
    DatedTime | None, typer.Option(help="Day of the first fraction, where the plans were delivered.")
]
KeepOption = Annotated[
    bool, typer.Option("--keep-names", help="Keep structures' names as they are; you say they name nobody.")
]
OrgansOption = Annotated[
    Finder, typer.Option(help="What finds organs that no file holds; totalsegmentator must be installed.")
]
DenoiseOption = Annotated[
    bool, typer.Option("--denoise", help="Make the CTs less noisy; the acquired ones are kept beside them.")
]
HarmoniseOption = Annotated[
    KernelName | None,
    typer.Option(
        help="Bring the CTs to this reconstruction kernel, as a trained network would have them; the acquired ones "
        "are kept beside them."
    ),
]
ManyOption = Annotated[
    bool, typer.Option("--many", help="SRC holds a folder or zip for each patient, with all his dates.")
]
SetOption = Annotated[
    Path | None, typer.Option("--out", help="With --many: the set to write; the same command again goes on.")
]


def import_(
    src: Annotated[
        str, typer.Argument(help="DICOM folder or zip, a NIfTI or NRRD CT, or pacs://NAME?PatientID=...")
    ],
    out: Annotated[Path | None, typer.Argument(metavar="OUT.twin", help="The twin folder to write.")] = None,
    clinical: Annotated[
        Path | None, typer.Option(help="Clinical record, JSON, CSV or a FHIR bundle.")
    ] = None,
    gtv: GtvOption = None,
    mask: Annotated[Path | None, typer.Option(help="Tumour mask, NIfTI or NRRD.")] = None,
    label: LabelOption = None,
    structures: StructuresOption = None,
    day: DayOption = None,
    delivered_from: DeliveredOption = None,
    keep_names: KeepOption = False,
    organs: OrgansOption = "estimate",
    denoise: DenoiseOption = False,
    harmonise: HarmoniseOption = None,
    list_: Annotated[
        bool, typer.Option("--list", help="Only print what the source holds, under its own names.")
    ] = False,
    many: ManyOption = False,
    set_: SetOption = None,
    workers: Annotated[Workers, typer.Option(help="With --many: processes of this machine.")] = 2,
) -> None:
    """Make a twin from a patient's images, or a set of twins from a folder of patients (--many)."""
    if many or set_ is not None:
        if (
            any((out, clinical, mask, label, structures, day, keep_names, list_, denoise, harmonise))
            or organs != "estimate"
        ):
            raise InputError("--many goes with --out, --gtv, --delivered-from and --workers alone")
        _many(Path(src), set_ if many else None, tuple(gtv or ()), delivered_from, workers)
        return
    if list_:
        with progress_bar() as progress, source(src, progress) as (place, *_):
            for line in listing(place):
                print(_printable(line))
        return
    if out is None:
        raise InputError("say which twin to write: rt-twin import SRC OUT.twin")
    days = dict(_file_day(text) for text in day or ())
    by = _changer(denoise, harmonise)
    with fresh(out) as part, progress_bar() as progress:
        twin = import_patient(
            src, clinical=clinical, gtv=gtv or (), mask=mask, label=label, structures=structures or (), days=days,
            delivered_from=delivered_from, keep_names=keep_names, organs=organs, progress=progress,
        )  # fmt: skip
        twin = twin if by is None else changed(twin, by)
        twin.save(part)
    _told(out, twin)


def _changer(denoise: bool, kernel: KernelName | None) -> ScanTranslator | None:
    """Who changes the CTs, known before anything is read."""
    if denoise and kernel is not None:
        raise InputError("give --denoise or --harmonise, not both: a kernel has its own noise")
    if denoise:
        return changer("denoise")
    return None if kernel is None else changer("harmonise", kernel)


def _told(out: Path, twin: PatientTwin) -> None:
    """What came of it."""
    print(f"{out}: patient {twin.id}, GTV {twin.gtv_cm3:.1f} cm3")
    ct = twin.baseline
    acquired = ct if ct.changed is None else next(s for s in twin.scans if s.name == ct.changed.source)
    far = far_words(distance(acquired.volume, "denoise"))  # whose guard knows CTs as they are acquired
    if far is not None:
        print(f"{acquired.name}: {far}")
    if ct.changed is not None:
        print(SIMULATED)
    print_notes(twin)


def _many(
    folder: Path, out: Path | None, gtv: tuple[str, ...], delivered_from: float | None, workers: int
) -> None:
    """Import a folder of patients and print who is there, and what was left out and why."""
    if out is None:
        raise InputError("a set is imported by: rt-twin import --many FOLDER --out SET")
    from scenarios.datasets.imported import Reading, import_many, lines  # loads the engine

    reading = Reading(gtv, delivered_from)
    with progress_bar() as progress:
        table = import_many(folder, out, reading, workers=workers, progress=progress)
    for line in lines(table):
        print(line)
    print(f"{out}: the table is imported.csv (and .parquet); train and evaluate take the folder as it is")


def _printable(line: str) -> str:
    """A line in any script as the terminal can show it."""
    code = sys.stdout.encoding or "utf-8"
    return line.encode(code, "backslashreplace").decode(code)


def _file_day(text: str) -> tuple[str, float]:
    file, _, day = text.rpartition("=")
    return (file or day), check(DatedTime, day, "the DAY of --day FILE=DAY")


COMMAND = import_
