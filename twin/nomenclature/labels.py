"""What of a label may be kept and shown: an allow-list. A label that is not made of known words gets a number."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from twin.nomenclature.languages import in_english
from twin.nomenclature.tg263 import in_its_words, plausible_cgy
from twin.nomenclature.vocabulary import FILE_WORDS, WORDS

_LONGEST = 64
_INITIALS = re.compile(r"(?<![A-Za-z])[A-Za-z][^A-Za-z0-9]+[A-Za-z](?![A-Za-z])")
_PARTS = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|[^A-Za-z0-9]")
_MOST_NUMBERS = 2  # three make a date
_DOSE_WORD = re.compile(r"(?i)(i?gtv|i?ctv|itv|ptv|prv|boost)")
_UNIT = re.compile(r"(?i) ?(gy|cgy|mm|cm|cc|%)")


class Shown(str):
    """A text that may be shown and kept, and in memory what it stands for, which may not.

    Whatever prints, joins or stores it gets the text that may be shown; only what compares it with a user's word
    reads `original`.
    """

    original: str

    def __new__(cls, shown: str, original: str) -> Shown:
        """The text that may be shown, with what it stands for."""
        made = super().__new__(cls, shown)
        made.original = original
        return made


class Labels:
    """Gives each label the text that may be shown: the label itself where it is plain, else KIND-n.

    An organ's name in another language is shown as TG-263 has it, for some are surnames too. The same label always
    gets the same number, which counts all labels in the order in which they are first met.

    Args:
        kind: what numbered ones are called.
        keep: keep every label as it is, on the word of the user.
        names: words of the patient's name, which are no words of the vocabulary here.

    Example:
        >>> labels = Labels()
        >>> [str(labels.of(name)) for name in ("GTV-1", "Mueller", "Lt Lung", "Mueller", "Herz")]
        ['GTV-1', 'ROI-2', 'Lt Lung', 'ROI-2', 'Heart']
    """

    def __init__(self, kind: str = "ROI", *, keep: bool = False, names: Iterable[str] = ()) -> None:
        self.kind, self.keep, self.names = kind, keep, frozenset(n.lower() for n in names)
        self._of: dict[str, Shown] = {}

    def of(self, original: str) -> Shown:
        """The label as it may be shown.

        Args:
            original: as it stands in its file.
        """
        if original not in self._of:
            number = f"{self.kind}-{len(self._of) + 1}"
            plain = self.keep or is_plain(original, WORDS - self.names)
            self._of[original] = Shown(original if plain else self._translated(original) or number, original)
        return self._of[original]

    def _translated(self, original: str) -> str | None:
        name = in_english(original)
        return None if name in self._of or name in self._of.values() else name

    def meant(self, word: str) -> str:
        """The label that a user's word means: itself where there is one, else the one that is shown so.

        Args:
            word: a label, or ROI-n.
        """
        shown = {str(s): original for original, s in self._of.items()}
        return word if word in self._of else shown.get(word, word)


class FileNames(Labels):
    """The same for files: the last part of a path where it is plain and no other file has it, else file-n."""

    def __init__(self) -> None:
        super().__init__("file")
        self._taken: set[str] = set()

    def of(self, original: str) -> Shown:
        """A file as it may be shown.

        Args:
            original: its path below the source.
        """
        if original not in self._of:
            last = original.replace("\\", "/").rpartition("/")[2]
            plain = last not in self._taken and is_plain(last, FILE_WORDS, digits=4)
            self._of[original] = Shown(last if plain else f"file-{len(self._of) + 1}", original)
            self._taken.add(self._of[original])
        return self._of[original]


def repeated(word: str) -> str:
    """A user's word as a message may repeat it: in quotes where it is plain or a short number, else not at all."""
    return repr(word) if is_plain(word) or (word.isdigit() and len(word) < 4) else "of that name"


def shown_path(path: str | os.PathLike[str], what: str = "") -> str:
    """A path that the user gave as messages name it: its last part where that is plain, else what it is.

    Args:
        path: of a file or folder.
        what: it holds, which is said before its name.

    Example:
        >>> shown_path("/data/ward 3/ct.nii.gz"), shown_path("/data/Mueller_Anna_19470203.zip")
        ('ct.nii.gz', 'the file')
    """
    path = Path(path)
    if is_plain(path.name, FILE_WORDS, digits=4):
        return f"the {what} {path.name}" if what else path.name
    return f"the {what or ('folder' if path.is_dir() else 'file')}"


def is_plain(label: str, words: frozenset[str] = WORDS, *, digits: int = 2) -> bool:
    """Whether a label may be kept: it is a TG-263 name, or made only of words of a vocabulary and short numbers.

    Numbers are at most two, which no date fits in, and of few digits, which no hospital number fits in; a dose may
    have four, or decimals, with its target or its unit.

    Args:
        label: any text.
        words: the vocabulary, in lower case.
        digits: of the longest number.

    Example:
        >>> [is_plain(t) for t in ("Tumor_c40", "PTV_6600", "GTV 03.02.1947", "PTV 1947", "LN Maier", "Herz")]
        [True, True, False, False, False, False]
    """
    if not label or len(label) > _LONGEST or not (label.isascii() and label.isprintable()):
        return False
    if in_its_words(label):
        return True
    parts = list(_PARTS.finditer(label))
    letters = [p[0] for p in parts if p[0].isalpha()]
    numbers = [p for p in parts if p[0][0].isdigit()]
    return (
        bool(letters)
        and all(_is_known(text, words) for text in letters)
        and not _INITIALS.search(label)
        and len(numbers) <= _MOST_NUMBERS
        and all(_is_short(number, label, digits) for number in numbers)
    )


def _is_known(text: str, words: frozenset[str]) -> bool:
    """Whether a run of letters is a word, or words run together that begin with capitals."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)
    return text.lower() in words or all(part.lower() in words for part in parts)


def _is_short(number: re.Match[str], label: str, digits: int) -> bool:
    text = number[0]
    if _UNIT.match(label, number.end()) and re.fullmatch(r"\d{1,3}|\d{1,2}\.\d{1,2}|0\.\d{1,2}", text):
        return True
    if len(text) == 4 and digits < 4:
        return bool(_DOSE_WORD.search(label)) and plausible_cgy(float(text))
    return text.isdigit() and len(text) <= digits and not (len(text) == 4 and 1900 <= int(text) < 2100)
