"""One organ from a structure set that came later than the scan."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from twin.dicom.left_out import LeftOut
from twin.dicom.reader import read_series
from twin.dicom.regions import read_regions
from twin.dicom.rtstruct import Roi, read_rois
from twin.errors import InputError
from twin.files.private import PrivateFolder
from twin.geometry import Geometry
from twin.nomenclature import standard
from twin.nomenclature.labels import Labels, repeated, shown_path
from twin.structures import Structure


def read_organ(
    path: Path, organ: str, grid: Geometry, roi: str | None = None
) -> tuple[Structure, tuple[str, ...]]:
    """An organ of an RTSTRUCT that was drawn on a CT, and what is uncertain of it.

    Args:
        path: the RTSTRUCT; it is supposed to be drawn on the CT, in its frame.
        organ: TG-263 name.
        grid: of the CT.
        roi: the name of its region in the file, where TG-263 would not tell.

    Raises:
        InputError: the file is no RTSTRUCT, holds no such region or several, or draws nothing on the CT.
    """
    said, left_out = shown_path(path, "file"), LeftOut()
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    with PrivateFolder() as private:
        shutil.copyfile(path, private.path / "file")
        files = [f for s in read_series(private.path, left_out) if s.modality == "RTSTRUCT" for f in s.files]
        if not files:
            raise InputError(f"{said} is no RTSTRUCT{left_out.because}")
        regions = read_rois(files[0], Labels())
    wanted = [r for r in regions if _is(r, organ, roi)]
    if len(wanted) != 1:
        names = ", ".join(str(r.name) for r in regions)
        asked = repeated(roi) if roi else organ
        raise InputError(
            f"{said} holds {len(wanted) or 'no'} regions {asked}; name one with --label; it holds {names}"
        )
    found = read_regions(wanted, grid, grid, gtv=())
    if not found.structures:
        raise InputError(f"{said} draws nothing of {organ} on the CT; {'; '.join(found.notes)}")
    return replace(found.structures[0], name=organ, role="OAR"), found.notes


def _is(region: Roi, organ: str, roi: str | None) -> bool:
    if roi is not None:
        return region.name.original == roi
    known = standard(region.name.original)
    return known is not None and known.name == organ
