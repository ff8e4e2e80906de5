"""The record of a study: what was asked for, on disk as `study.json`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from scenarios.plans.plan import Frozen
from scenarios.records.schema import SIMULATED
from twin import InputError
from twin.files.atomic import atomic_file
from twin.files.json_file import read_json

FORMAT = "rt-twin-study/3"
# Prior and models were the usual ones; and in the first, other names of columns and outcomes
# (`scenarios.records.former`).
FORMER = ("rt-twin-study/1", "rt-twin-study/2")
RECORD = "study.json"


class StudyRecord(Frozen):
    """`study.json`: all that is needed to run the study again; equal requests give equal tables.

    `assumptions` is what is not usual in the prior and the models, `who` the fingerprint of the patients, `basis` a
    digest of settings and versions, `each` one of every plan, and `reused` what was taken from an earlier study.
    """

    format: Literal["rt-twin-study/3"] = "rt-twin-study/3"
    simulated: str = SIMULATED
    cohort: str
    patients: int
    plans: tuple[str, ...]
    scenarios: tuple[dict[str, Any], ...]
    days: float
    samples: int
    seed: int
    level: float
    assumptions: Mapping[str, Any] = {}
    part: int
    versions: dict[str, str]
    request: str
    complete: bool = False
    who: str = ""
    basis: str = ""
    each: tuple[str, ...] = ()
    reused: str = ""

    def says_all_of(self, other: StudyRecord) -> bool:
        """Whether this complete study is the other one, in whatever parts it was made.

        Args:
            other: what is asked for.
        """
        same = (self.who, self.basis, self.each) == (other.who, other.basis, other.each)
        return self.complete and bool(self.who) and same


def write_record(folder: Path, record: StudyRecord) -> None:
    """Write the record of a study into its folder."""
    with atomic_file(folder / RECORD) as part:
        part.write_text(record.model_dump_json(indent=1), encoding="utf-8")


def read_record(folder: Path) -> StudyRecord:
    """Read the record of a study.

    Raises:
        InputError: there is none, it is broken, of a newer format, or of a former one that was interrupted.
    """
    file = folder / RECORD
    if not file.exists():
        raise InputError(f"{folder} is not the folder of a study: it has no {RECORD}")
    data = read_json(file)
    found = data.get("format") if isinstance(data, dict) else None
    if found in FORMER and data.get("complete") is not True:
        raise InputError(f"{folder} holds a study that a former version began; remove it and run it again")
    if found in FORMER:
        data = {**data, "format": FORMAT}
    elif found != FORMAT:
        raise InputError(f"{file} has the format {found!r}; this version reads {FORMAT}: update rt-twin")
    try:
        return StudyRecord.model_validate(data)
    except ValidationError:
        raise InputError(f"{file} is broken; remove the folder and run the study again") from None
