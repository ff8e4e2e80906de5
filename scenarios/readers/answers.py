"""What readers answered: one file a reader, one line an answer, never changed and never lost."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.readers.folder import ReaderStudy
from twin import InputError
from twin.files.atomic import append
from twin.files.lock import held

Grade = Annotated[int, Field(ge=1, le=5)]


class Answer(BaseModel):
    """What a reader says of one case.

    Args:
        case: its number in the study.
        real: judged to be acquired, not simulated.
        confidence: in that, 1 (a guess) to 5 (certain).
        quality: of the image, 1 (useless) to 5 (excellent).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: Annotated[int, Field(ge=0)]
    real: bool
    confidence: Grade
    quality: Grade


def give(study: ReaderStudy, reader: str, answer: Answer) -> None:
    """Keep an answer; it is on the disk when this returns.

    Args:
        study: the study.
        reader: name of one of its readers.
        answer: to a case that the reader has not answered yet.

    Raises:
        InputError: no such reader or case, one that is answered already, or the disk refuses it.
    """
    study.reader(reader)
    if answer.case >= study.record.cases:
        raise InputError(f"this study has no case {answer.case}")
    file = study.path / "answers" / f"{reader}.jsonl"
    with held(file):
        if any(known.case == answer.case for known in given(study, reader)):
            raise InputError("this case has been answered; answers are not changed")
        append(file, answer.model_dump_json())


def given(study: ReaderStudy, reader: str) -> list[Answer]:
    """The answers of a reader, in the order in which they were given; a line that a power cut left cut short is none.

    Args:
        study: the study.
        reader: name of one of its readers.

    Raises:
        InputError: no such reader, or a broken file.
    """
    study.reader(reader)
    file = study.path / "answers" / f"{reader}.jsonl"
    if not file.exists():
        return []
    found: dict[int, Answer] = {}
    for number, line in enumerate(file.read_bytes().splitlines(keepends=True), start=1):
        try:
            answer = Answer.model_validate(json.loads(line))
        except (ValueError, ValidationError):
            if line.endswith(b"}\n"):
                raise InputError(f"{file} is broken at line {number}") from None
            continue
        if answer.case >= study.record.cases:
            raise InputError(f"{file} is broken at line {number}: there is no such case")
        found.setdefault(answer.case, answer)
    return list(found.values())
