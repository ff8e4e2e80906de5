"""The command `rt-twin export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scenarios.comparison.result import load
from scenarios.report.export import export_dicom


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder with images.")],
    dicom: Annotated[Path, typer.Option(help="The folder to write: follow-up CT, RTSTRUCT, RTPLAN, RTDOSE.")],
) -> None:
    """Export a run's follow-ups as DICOM."""
    count = export_dicom(load(run), dicom)
    print(f"{dicom}: {count} follow-ups and the baseline")


COMMAND = export
