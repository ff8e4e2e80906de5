"""The command `rt-twin scan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from scenarios.commands.progress import progress_bar
from scenarios.engine.scanning import scan as scanned
from scenarios.records.schema import SIMULATED
from scenarios.report.export import write_made
from twin import InputError, PatientTwin, Scan
from twin.importer import read_scans
from twin.inputs.quantities import Seed, Time


def scan(
    src: Annotated[
        Path,
        typer.Argument(
            metavar="TWIN", help="A NAME.twin folder; or a CT alone, with --out: NIfTI, NRRD, DICOM."
        ),
    ],
    scanner: Annotated[str, typer.Option(help="Virtual scanner: cbct, ct, pet, radiograph, ...")],
    source: Annotated[
        str | None,
        typer.Option("--scan", help="Name of what is scanned: a CT, or what a learned scanner reads."),
    ] = None,
    day: Annotated[Time | None, typer.Option(help="Day of the new scan, from day 0; the CT's own.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE of the scanner, as dose=0.25; may be repeated.")
    ] = None,
    seed: Annotated[Seed, typer.Option(help="Root of its chance.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the scan and how it was made to this folder, not to the twin.")
    ] = None,
) -> None:
    """Add a simulated scan of a CT to a twin, by a virtual scanner; or make one of a CT alone."""
    options = dict(_name_value(text) for text in option or ())
    is_twin = (src / "twin.json").exists()
    if not is_twin and out is None:
        raise InputError(f"{src} is no twin; to scan a CT alone, say where to write: --out DIR")
    with progress_bar() as progress:
        progress(f"{scanner} scan", 0.0)
        if out is None:
            with PatientTwin.changing(src) as before:
                after = scanned(before, scanner, source=source, day=day, options=options, seed=seed)
                after.save(src)
            made = _new(before, after)
        else:
            with fresh(out) as part:
                before = PatientTwin.load(src) if is_twin else read_scans(src)
                made = _new(
                    before, scanned(before, scanner, source=source, day=day, options=options, seed=seed)
                )
                write_made(before, made, part)
        progress(f"{scanner} scan", 1.0)
    nz, ny, nx = made.volume.geometry.shape
    print(
        f"{out or src}: {made.name} ({made.volume.modality}), day {made.time_days:g}, {nx} x {ny} x {nz} voxels"
    )
    print(SIMULATED)


def _new(before: PatientTwin, after: PatientTwin) -> Scan:
    old = {s.name for s in before.scans}
    return next(s for s in after.scans if s.name not in old)


def _name_value(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--option takes NAME=VALUE, as dose=0.25, not {text!r}")
    return name, value


COMMAND = scan
