"""One DICOM file, read as far as the pixels."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from twin.dicom.pixels import stored_values
from twin.dicom.terms import term
from twin.errors import InputError
from twin.nomenclature.labels import Shown

_DECIMALS = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
)


@dataclass(frozen=True, eq=False)
class Instance:
    """One DICOM file, read as far as the pixels.

    Args:
        file: its name as messages say it, and in memory as the user knows it.
        data: the dataset.
    """

    file: Shown
    data: Dataset
    _known: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def text(self, keyword: str) -> str:
        """A tag as stripped text; empty where it is missing."""
        value = self.get(keyword)
        return "" if value is None else str(value).strip()

    def get(self, keyword: str, default: Any = None) -> Any:
        """A tag's value, or the default where it is missing or empty.

        Raises:
            InputError: the tag cannot be decoded.
        """
        if keyword not in self._known:  # pydicom takes long to find a tag again
            try:
                self._known[keyword] = self.data.get(keyword)
            except Exception as error:  # pydicom raises many types on damaged values
                raise InputError(f"{self.file}: {keyword} is damaged and cannot be read") from error
        value = self._known[keyword]
        return default if value is None or value == "" else value

    def is_called(self, word: str) -> bool:
        """Whether a user's word is a part of the file's name, or what messages call it."""
        return (
            word == self.file
            if re.fullmatch(r"file-\d+", word)
            else word != "" and word in self.file.original
        )

    def items(self, keyword: str) -> list[Instance]:
        """The items of a sequence, each read as the file itself is; none where it is missing.

        Raises:
            InputError: the sequence is damaged.
        """
        try:
            return [Instance(self.file, item) for item in self.get(keyword) or ()]
        except InputError:
            raise
        except Exception as error:  # pydicom raises many types on damaged items
            raise InputError(f"{self.file}: {keyword} is damaged and cannot be read") from error

    def pixels(self) -> np.ndarray:
        """(rows, columns) stored values; raises what pydicom raises on damaged ones."""
        return stored_values(self.data)

    def word(self, keyword: str) -> str:
        """One of the terms that the standard defines for a tag, which may be shown and kept.

        Returns:
            The term; empty where the tag is missing, UNKNOWN where it holds something else, as a name.
        """
        return term(keyword, self.text(keyword))

    def date(self, keyword: str) -> datetime.date | None:
        """A date, or None where it is missing.

        Raises:
            InputError: the tag is not a date.
        """
        text = self.text(keyword)
        try:
            return datetime.datetime.strptime(text, "%Y%m%d").date() if text else None
        except ValueError:
            raise InputError(f"{self.file}: {keyword} is not a date") from None

    def numbers(self, keyword: str, count: int) -> tuple[float, ...]:
        """A tag's finite numbers.

        Raises:
            InputError: missing, not numbers, or not `count` of them.
        """
        known = self._known.get((keyword, count))
        if known is not None:
            return known
        value = self._texts(keyword) or self.get(keyword)
        if value is None:
            raise InputError(f"{self.file}: {keyword} is missing")
        try:
            several = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
            numbers = tuple(float(v) for v in several)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.file}: {keyword} is not a number") from error
        if len(numbers) != count or not np.isfinite(numbers).all():
            raise InputError(f"{self.file}: {keyword} needs {count} finite number{'s' * (count > 1)}")
        self._known[keyword, count] = numbers
        return numbers

    def _texts(self, keyword: str) -> list[bytes] | None:
        """A decimal string's numbers as they stand in the file, unless pydicom has decoded them, which takes long."""
        raw = self.data.get_item(keyword) if keyword in _DECIMALS else None
        if not isinstance(raw, RawDataElement) or not isinstance(raw.value, bytes):
            return None
        return raw.value.rstrip(b"\x00 ").split(b"\\") if raw.value.strip(b"\x00 ") else None

    def has(self, keyword: str) -> bool:
        """Whether a tag is there and not empty."""
        return self._texts(keyword) is not None or self.get(keyword) is not None

    def number(self, keyword: str) -> float | None:
        """One finite number, or None where it is missing or empty.

        Raises:
            InputError: the tag is not one finite number.
        """
        return self.numbers(keyword, 1)[0] if self.has(keyword) else None


def multi_frame(file: Instance) -> bool:
    """Whether a file holds several slices, as enhanced objects do."""
    return (file.number("NumberOfFrames") or 1) > 1
