"""A reader study on disk: `reader-study.json`, `key.json` with what each case is, `cases/` and `answers/`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.records.schema import SIMULATED
from simulators.core.chance import Key, Purpose
from twin import InputError, Volume
from twin.files.json_file import read_json
from twin.files.nifti import read
from twin.volume import Modality, Unit

FORMAT = "rt-twin-readers/1"
RECORD, KEY = "reader-study.json", "key.json"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,29}")
_M = TypeVar("_M", bound=BaseModel)

Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Reader(_Frozen):
    """Who reads.

    Args:
        name: a pseudonym, by which answers are kept and results are told.
        experience: a word for it, by which results are told apart.
        code: the secret of the reader's link.
    """

    name: Name
    experience: Name
    code: str

    @classmethod
    def parse(cls, text: str, code: str) -> Reader:
        """A reader as `NAME:EXPERIENCE`, or as `NAME`.

        Args:
            text: what was given.
            code: the secret of the reader's link.

        Raises:
            InputError: another form.

        Example:
            >>> Reader.parse("r1:resident", "-").experience
            'resident'
        """
        name, _, experience = text.partition(":")
        words = (name, experience or "unknown")
        if not all(_NAME.fullmatch(word) for word in words):
            raise InputError(
                f"{text!r} is no reader; give NAME:EXPERIENCE, each of letters, digits and dashes"
            )
        return cls(name=words[0], experience=words[1], code=code)


class LayerRecord(_Frozen):
    """One kind of image that each case has."""

    modality: Modality
    unit: Unit


class StudyRecord(_Frozen):
    """`reader-study.json`: all but what the cases are.

    `seed` shuffles the cases, for each reader in another order. The first of `layers` is judged; a second one can be
    laid over it.
    """

    format: Literal["rt-twin-readers/1"] = "rt-twin-readers/1"
    simulated: str = SIMULATED
    seed: int
    cases: int
    layers: tuple[LayerRecord, ...]
    readers: tuple[Reader, ...]
    version: str


class CaseKey(_Frozen):
    """What one case is."""

    real: bool
    patient: str
    source: str


class StudyKey(_Frozen):
    """`key.json`: what the cases are, in the order of their files."""

    cases: tuple[CaseKey, ...]


@dataclass(frozen=True, eq=False)
class ReaderStudy:
    """A reader study.

    Args:
        path: its folder.
        record: all but what the cases are.
    """

    path: Path
    record: StudyRecord

    @cached_property
    def key(self) -> StudyKey:
        """What the cases are; nothing that a reader is shown may come from it.

        Raises:
            InputError: it is missing or broken.
        """
        found = _parse(StudyKey, self.path / KEY)
        if len(found.cases) != self.record.cases:
            raise InputError(f"{self.path / KEY} is broken: it has another number of cases than the study")
        return found

    def reader(self, name: str) -> Reader:
        """The reader of a name.

        Args:
            name: of the reader.

        Raises:
            InputError: the study has none of that name.
        """
        for reader in self.record.readers:
            if reader.name == name:
                return reader
        raise InputError(f"this study has no reader {name!r}")

    def order(self, reader: str) -> list[int]:
        """The order in which a reader sees the cases: drawn by the study's seed, another one for each reader.

        Args:
            reader: name of the reader.

        Returns:
            Numbers of cases.
        """
        chance = Key(self.record.seed, f"reader {reader}", Purpose.READING).generator()
        return chance.permutation(self.record.cases).tolist()

    def volume(self, case: int, layer: int = 0) -> Volume:
        """An image of a case, whose voxels are read when first used.

        Args:
            case: its number.
            layer: which of the study's layers.

        Raises:
            InputError: there is none.
        """
        look = self.record.layers[layer]
        return read(self.path / case_file(case, layer), look.modality, look.unit)


def case_file(case: int, layer: int) -> str:
    """Where an image of a case lies in a study's folder.

    Args:
        case: its number.
        layer: which of the study's layers.
    """
    return f"cases/{case:03d}-{layer}.nii.gz"


def load_reader_study(path: str | os.PathLike[str]) -> ReaderStudy:
    """The reader study of a folder.

    Args:
        path: the folder.

    Raises:
        InputError: it holds none, one of a newer release, or a broken one.
    """
    folder = Path(path)
    if not (folder / RECORD).exists():
        raise InputError(f"{folder} is no reader study: it has no {RECORD}")
    data = read_json(folder / RECORD)
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{folder / RECORD} has the format {found!r}; this version reads {FORMAT}: update rt-twin"
        )
    return ReaderStudy(folder, _parse(StudyRecord, folder / RECORD))


def _parse(model: type[_M], file: Path) -> _M:
    try:
        return model.model_validate(read_json(file))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{file} is broken at {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
