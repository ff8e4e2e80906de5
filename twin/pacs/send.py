"""What was simulated to an archive: nothing else is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from twin.errors import InputError
from twin.export import is_simulated
from twin.pacs.archive import Archive, Unreachable
from twin.pacs.connection import connection_named
from twin.pacs.identity import Identities
from twin.pacs.opening import opened
from twin.pacs.retry import Patience

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Sent:
    """What became of the files of a folder.

    Args:
        sent: how many the archive took.
        there: how many it had already.
        unmarked: how many were not sent because they do not say that they are simulated.
    """

    sent: int
    there: int
    unmarked: int


def send(
    folder: Path, name: str, identities: Identities | None = None, progress: Progress | None = None
) -> Sent:
    """Send the simulated objects of a folder to an archive; those that it has already are not sent again.

    Args:
        folder: of DICOM files, as `export_dicom` writes them.
        name: of the archive.
        identities: whom a pseudonym stands for; None leaves pseudonyms and UIDs as they are.
        progress: is told what is done, and its share of all.

    Raises:
        InputError: no such archive, it cannot be reached in as many tries as its connection says, it does not take an
            object, or a pseudonym stands for nobody.
    """
    connection = connection_named(name)
    archive = opened(name, connection)
    patience = Patience(name, connection.tries)
    series: dict[tuple[str, str], list[Path]] = defaultdict(list)
    unmarked = 0
    for path in sorted(folder.rglob("*.dcm")):
        data = pydicom.dcmread(path, stop_before_pixels=True)
        if is_simulated(data):
            series[data.StudyInstanceUID, data.SeriesInstanceUID].append(path)
        else:
            unmarked += 1
    total, sent, there = sum(map(len, series.values())), 0, 0
    for paths in series.values():
        if progress is not None:
            progress("sending", (sent + there) / total)
        objects = [_named(pydicom.dcmread(path), identities) for path in paths]
        before = _there(archive, objects[0], patience)
        new = [data for data in objects if data.SOPInstanceUID not in before]
        _put(archive, new, patience)
        sent, there = sent + len(new), there + len(objects) - len(new)
    return Sent(sent, there, unmarked)


def _named(data: Dataset, identities: Identities | None) -> Dataset:
    if identities is not None:
        identities.name(data)
    if not is_simulated(data):  # whatever was done to it
        raise InputError("an object that does not say that it is simulated is not sent")
    return data


def _there(archive: Archive, first: Dataset, patience: Patience) -> set[str]:
    """What the archive has of a series; nothing where it takes objects but no questions."""
    keys = {"StudyInstanceUID": first.StudyInstanceUID, "SeriesInstanceUID": first.SeriesInstanceUID}
    try:
        found = patience.until(lambda: archive.find("IMAGE", keys, ["SOPInstanceUID"]))
    except InputError as error:
        if isinstance(error.__cause__, Unreachable):
            raise
        return set()
    return {f["SOPInstanceUID"] for f in found}


def _put(archive: Archive, objects: Sequence[Dataset], patience: Patience) -> None:
    taken: set[str] = set()
    while left := [data for data in objects if data.SOPInstanceUID not in taken]:
        before = len(taken)
        try:
            archive.put(left, taken.add)
        except Unreachable as error:
            patience.again(error, moved=len(taken) > before)
    patience.failed = 0
