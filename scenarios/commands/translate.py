"""The command `rt-twin translate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from scenarios.commands.arguments import fresh
from scenarios.commands.progress import progress_bar
from scenarios.engine.scanning import translated
from scenarios.records.schema import SIMULATED
from scenarios.report.export import write_made
from simulators.core.imaging import scan_task
from simulators.learned.distance import distance, far_words
from twin import PatientTwin, Scan, Volume
from twin.files.images import SUFFIXES
from twin.importer import read_scans
from twin.volume import Modality


def translate(
    src: Annotated[
        Path,
        typer.Argument(metavar="FILE|TWIN", help="A scan in DICOM (a folder), NIfTI or NRRD; or a twin."),
    ],
    task: Annotated[str, typer.Option(help="What is translated, e.g. cbct-ct or denoise.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    family: Annotated[str | None, typer.Option(help="Of the weights, or a folder; the task's best.")] = None,
    scan: Annotated[
        str | None, typer.Option(help="Name of the scan; the last one of the task's modality.")
    ] = None,
    dicom: Annotated[
        bool | None, typer.Option("--dicom/--nifti", help="What to write; as the scan came where not said.")
    ] = None,
) -> None:
    """Translate a scan by a trained network: a cone-beam CT to a CT, a noisy CT to one with less noise, ..."""
    with progress_bar() as progress, fresh(out) as part:
        progress(task, 0.0)
        patient = _read(src, task)
        made, translator = translated(patient, task, family, source=scan)
        assert made.simulated is not None
        source = next(s for s in patient.scans if s.name == made.simulated.source)
        far = far_words(distance(source.volume, task, family))
        came_as_dicom = not (_is_file(src) or (src / "twin.json").exists())
        as_dicom = came_as_dicom if dicom is None else dicom
        write_made(patient, made, part, dicom=as_dicom)
        progress(task, 1.0)
    nz, ny, nx = made.volume.geometry.shape
    print(
        f"{out}: {made.volume.modality} of {made.simulated.source} by {translator.version}, {nx} x {ny} x {nz} voxels"
    )
    if far is not None:
        print(far)
    print(SIMULATED)


def _read(src: Path, task: str) -> PatientTwin:
    """The patient; a file that does not say its modality has the one that the task takes."""
    if (src / "twin.json").exists():
        return PatientTwin.load(src)
    found, modality = read_scans(src), scan_task(task).reads
    return found.fork(scans=tuple(_as(s, modality) for s in found.scans)) if _is_file(src) else found


def _is_file(src: Path) -> bool:
    return src.name.lower().endswith(SUFFIXES)


def _as(scan: Scan, modality: Modality) -> Scan:
    volume = Volume(scan.volume.geometry, scan.volume.array, modality, scan.volume.unit)
    return replace(scan, name=modality, volume=volume)


COMMAND = translate
