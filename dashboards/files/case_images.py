"""A case of a reader study as a reader sees it: images and their number, and nothing that tells what they are."""

from __future__ import annotations

from dashboards.access.visitor import Visitor
from dashboards.files.entry import Entry
from dashboards.files.subject import OneDay, ground
from scenarios.readers import ReaderStudy, given
from scenarios.readers.folder import case_file
from scenarios.records.layer import scan_layer
from twin import InputError, PatientTwin, Scan


class CaseImages(OneDay):
    """A case of a reader study, in the place that it has for a reader.

    Args:
        study: the study.
        reader: name of the reader.
        place: of the case in the reader's order, from 0 on.

    Raises:
        InputError: no such reader or place.
    """

    def __init__(self, study: ReaderStudy, reader: str, place: int) -> None:
        order = study.order(study.reader(reader).name)
        if not 0 <= place < len(order):
            raise InputError("there is no such case")
        self.case = order[place]
        entry = Entry(str(place), study.path / case_file(self.case, 0), 0.0)
        volumes = [study.volume(self.case, n) for n in range(len(study.record.layers))]
        twin = PatientTwin(id=f"Case {place + 1}", scans=(Scan("case", 0.0, ground(volumes[0])),))
        over = [(scan_layer(v.modality, v.unit), v, "") for v in volumes if v.unit != "HU"]
        super().__init__(entry, twin, over)


def case_of(study: ReaderStudy, visitor: Visitor, place: str) -> CaseImages:
    """The case that a reader asks for.

    Args:
        study: his.
        visitor: the reader.
        place: of the case in his order, as the address has it.

    Raises:
        InputError: there is no such case.
    """
    if not (place.isascii() and place.isdigit() and len(place) < 6):
        raise InputError("there is no such case")
    return CaseImages(study, visitor.name, int(place))


def first_left(study: ReaderStudy, reader: str) -> int | None:
    """The place of the first case that a reader has not answered; None where he has answered all.

    Args:
        study: the study.
        reader: name of the reader.
    """
    done = {answer.case for answer in given(study, reader)}
    return next((place for place, case in enumerate(study.order(reader)) if case not in done), None)
