"""The command `rt-twin export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.progress import progress_bar
from scenarios.comparison.result import load
from scenarios.report.export import export_dicom, export_scans
from twin import InputError, PatientTwin
from twin.files.private import PrivateFolder
from twin.pacs import connection_named, send
from twin.pacs.identity import Identities


def export(
    src: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run folder with images, or a twin with simulated scans.")
    ],
    dicom: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write: CT, RTSTRUCT, RTPLAN, RTDOSE, and what virtual scanners made."
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option(metavar="NAME", help="The archive to send to: what is simulated, no more.")
    ] = None,
    as_: Annotated[
        Path | None,
        typer.Option("--as", help="YAML of whom pseudonyms stand for, to send under; kept nowhere."),
    ] = None,
) -> None:
    """Export a run's follow-ups, or a twin's simulated scans, as DICOM, to a folder or an archive."""
    if dicom is None and to is None:
        raise InputError("say where to: --dicom FOLDER or --to NAME")
    if as_ is not None and to is None:
        raise InputError("--as belongs to --to: a folder bears the pseudonym")
    if to is not None:
        connection_named(to)  # before long work
    identities = Identities(as_) if as_ is not None else None
    with PrivateFolder() as private:
        folder = dicom or private.path / "dicom"
        if (src / "twin.json").exists():
            words = f"{export_scans(PatientTwin.load(src), folder)} simulated scans"
        else:
            words = f"{export_dicom(load(src), folder)} follow-ups"
        if dicom is not None:
            print(f"{dicom}: {words} and the baseline")
        if to is not None:
            _send(folder, to, identities)


def _send(folder: Path, to: str, identities: Identities | None) -> None:
    with progress_bar() as progress:
        done = send(folder, to, identities, progress)
    print(f"{to}: {done.sent} objects sent" + (f", {done.there} were there" if done.there else ""))
    if done.unmarked:
        print(f"not sent: {done.unmarked} objects of the baseline, which was acquired and not simulated")


COMMAND = export
