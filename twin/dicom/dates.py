"""When an object was acquired or made."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from contextlib import suppress

from twin.dicom.instance import Instance
from twin.errors import InputError


def acquired(files: Sequence[Instance]) -> datetime.date | None:
    """The day on which a series was acquired, or None where no tag says it.

    Its own acquisition comes first, then its series, then its study: a later cone-beam CT may be stored in the
    planning study and bear that study's date (DICOM PS3.3 C.7.3.1 and C.7.6.1). Dates that are none count as missing.

    Args:
        files: of the series; the first of their days counts, since a scan may pass midnight.
    """
    for keyword in ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate"):
        days = _days(files, keyword)
        if days:
            return min(days)
    return None


def study_day(files: Sequence[Instance]) -> datetime.date | None:
    """The date of a series' study, or None where it is missing."""
    return min(_days(files, "StudyDate"), default=None)


def _days(files: Sequence[Instance], keyword: str) -> set[datetime.date]:
    """The days that a tag holds; what is none is left out."""
    texts = set()
    for file in files:
        with suppress(InputError):
            texts.add(file.text(keyword)[:8])
    return {day for text in texts if (day := _day(text)) is not None}


def _day(text: str) -> datetime.date | None:
    try:
        day = datetime.datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None
    return day if len(text) == 8 and day.year > 1900 else None


def made(file: Instance, *tags: str) -> tuple[str, ...]:
    """What orders objects by the time at which they were made; empty texts, the earliest, where nothing says it.

    Args:
        file: the object.
        *tags: its own dates, for example "StructureSetDate"; the time stands beside them.
    """
    found = []
    for tag in (*tags, "InstanceCreationDate"):
        for keyword in (tag, f"{tag.removesuffix('Date')}Time"):
            try:
                found.append(file.text(keyword))
            except InputError:
                found.append("")
    return tuple(found)
