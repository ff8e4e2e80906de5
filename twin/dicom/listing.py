"""What a source holds under its own names, for the person who holds the data: printed on request, kept nowhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from twin.dicom.images.series import IMAGES, Series
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.dicom.reader import read_source, words_of_name
from twin.dicom.regions import named
from twin.dicom.structure_sets import Drawing, filled, read_drawings
from twin.errors import InputError
from twin.files.images import SUFFIXES
from twin.nomenclature.labels import Labels


def listing(src: Path) -> list[str]:
    """Series, structure sets with their structures, plans and files of a source, a line each.

    Args:
        src: a folder or zip of DICOM files.

    Returns:
        What each is called in its own file, and what the twin or a message calls it.

    Raises:
        InputError: it cannot be read at all, or is a single image, which names nothing.
    """
    if src.name.lower().endswith(SUFFIXES):
        raise InputError("a single image has no series and structures to list; --list is for DICOM")
    left_out = LeftOut()
    with read_source(src, left_out) as series:
        of: dict[str, list[Instance]] = defaultdict(list)
        for one in series:
            of[one.modality] += one.files
        drawings = read_drawings(of, Labels(names=words_of_name(series)), left_out)
        files = sorted((f for s in series for f in s.files), key=lambda f: f.file.original)
        lines = [
            *(_series(s) for s in series if s.modality in IMAGES),
            *(line for d in drawings for line in _drawing(d)),
            *(f"RTPLAN: {_called(f, 'RTPlanLabel', 'RTPlanName')}, {f.file.original}" for f in of["RTPLAN"]),
            *(f"{f.file} is {f.file.original}" for f in files if f.file != Path(f.file.original).name),
            *left_out.notes,
        ]
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]  # a terminal obeys some


def _series(series: Series) -> str:
    first = series.first
    words = _called(first, "SeriesDescription", "StudyDescription")
    return f"{series.modality}: {words}, {len(series.files)} files, {first.file.original} and more"


def _drawing(drawing: Drawing) -> Iterator[str]:
    status = f", {drawing.status.lower()}" if drawing.status else ""
    yield (
        f"structure set {drawing.number}: {drawing.kind} {drawing.label or 'without a label'}{status}, "
        f"{drawing.file.file.original}"
    )
    for region in drawing.regions:
        known = named(region, ())
        becomes = known[0] if known else str(region.name)
        shown = "" if region.name == region.name.original else f", shown as {region.name}"
        yield f"  {region.name.original}: {becomes}{shown}{'' if filled(region) else ', empty'}"


def _called(file: Instance, *keywords: str) -> str:
    return next(filter(None, map(file.text, keywords)), "without a description")
