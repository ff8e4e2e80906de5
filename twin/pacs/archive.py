"""What both ways to an archive offer, and how their failures are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from pydicom.dataset import Dataset

Level = Literal["STUDY", "SERIES", "IMAGE"]
MAX_OBJECT_BYTES = 1 << 30
MOST_FOUND = 50_000


class Unreachable(Exception):
    """Something failed that may go well when it is tried again; its words are a clause."""


class Archive(Protocol):
    """An archive that was opened; nothing is sent before a method is called."""

    def echo(self) -> None:
        """Ask for a sign of life.

        Raises:
            Unreachable: there was none.
        """

    def find(self, level: Level, match: Mapping[str, str], asked: Sequence[str]) -> list[dict[str, str]]:
        """What the archive holds, by keyword as text; what it does not say is missing.

        Args:
            level: of what is looked for.
            match: what must match, the UIDs of the levels above among them.
            asked: keywords to be told besides.

        Raises:
            Unreachable: it did not answer.
            InputError: it cannot answer.
        """

    def get(self, study: str, series: str, uids: Sequence[str] | None, take: Callable[[bytes], None]) -> None:
        """Have objects of a series sent, all of them or those of some UIDs.

        Args:
            study: StudyInstanceUID.
            series: SeriesInstanceUID.
            uids: SOPInstanceUIDs; None for all.
            take: is given each object as the bytes of a DICOM file; what it raises ends the transfer.

        Raises:
            Unreachable: it ended before its end.
            InputError: the archive cannot send.
        """

    def put(self, objects: Sequence[Dataset], done: Callable[[str], None]) -> None:
        """Send objects.

        Args:
            objects: with their file meta information.
            done: is told the SOPInstanceUID of each that the archive has taken.

        Raises:
            Unreachable: it ended before its end.
            InputError: the archive does not take an object.
        """
