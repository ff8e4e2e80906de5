"""Structure sets, from RTSTRUCT or DICOM segmentations: which image each is drawn on, and which one is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from twin.dicom import rtstruct, seg
from twin.dicom.dates import made
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.dicom.rtstruct import DrawnOn, Roi
from twin.dicom.seg import Segment
from twin.errors import InputError
from twin.nomenclature import Labels, is_gross_tumour, role_of, standard

Region = Roi | Segment
_TARGETS = ("GTV", "CTV", "PTV")
_MADE = {"RTSTRUCT": ("StructureSetDate",), "SEG": ("ContentDate", "SeriesDate")}


@dataclass(frozen=True, eq=False)
class Drawing:
    """One structure set as it stands in its file.

    Args:
        kind: RTSTRUCT or SEG.
        file: the file.
        regions: all that it names, empty ones too.
        refers: what it says it is drawn on.
        status: APPROVED, UNAPPROVED or REJECTED; empty where it is not kept.
        made: orders structure sets by the time at which they were made.
        number: by which the user may choose it, from 1 for the oldest of the patient.
    """

    kind: str
    file: Instance
    regions: tuple[Region, ...]
    refers: DrawnOn
    status: str
    made: tuple[str, ...]
    number: int = 0

    @property
    def uid(self) -> str:
        """SOPInstanceUID."""
        return self.file.text("SOPInstanceUID")

    @property
    def label(self) -> str:
        """What its authors call it; never kept nor shown."""
        return self.file.text("StructureSetLabel") or self.file.text("ContentLabel")

    def named(self, name: str) -> bool:
        """Whether it has a region that the user calls so, empty or not."""
        return any(r.name.original == name for r in self.regions)

    def holds(self, names: Sequence[str]) -> tuple[bool, bool]:
        """Whether it holds a gross tumour, and whether it holds any target; of empty regions none counts.

        Args:
            names: what the user calls gross tumour; where there are any, all of them must be there.
        """
        drawn = [r for r in self.regions if filled(r)]
        gross = all(self.named(name) for name in names) if names else any(gross_tumour(r) for r in drawn)
        target = gross or any(_is_target(r.name.original) for r in drawn)
        return gross, target


def filled(region: Region) -> bool:
    """Whether anything is drawn of a region."""
    return isinstance(region, Segment) or bool(region.contours)


def gross_tumour(region: Region) -> bool:
    """Whether a region's name, or what a segment is said to mean, is a gross tumour."""
    meaning = region.meaning if isinstance(region, Segment) else ""
    name = region.name.original
    return is_gross_tumour(name) or (meaning == "Tumour" and standard(name) is None)


def _is_target(name: str) -> bool:
    known = standard(name)
    return (known.role if known else role_of(name)) in _TARGETS


def read_drawings(
    files: Mapping[str, Sequence[Instance]], labels: Labels, left_out: LeftOut
) -> list[Drawing]:
    """All structure sets, numbered from the oldest on; one that cannot be read is left out.

    Args:
        files: by their kind, RTSTRUCT and SEG among them, each once.
        labels: gives what may be kept of the regions' names.
        left_out: takes the damaged.
    """
    found = []
    for kind, file in [(k, file) for k in _MADE for file in files.get(k, ())]:
        try:
            regions: list[Region]
            if kind == "RTSTRUCT":
                regions, refers = [*rtstruct.read_rois(file, labels)], rtstruct.drawn_on(file)
            else:
                regions, refers = [*seg.read_segments(file, labels)], seg.drawn_on(file)
            when = made(file, *_MADE[kind])
            found.append(Drawing(kind, file, tuple(regions), refers, file.word("ApprovalStatus"), when))
        except InputError as error:
            left_out.add(kind, [file], error)
    found.sort(key=lambda d: (d.made, d.uid))
    return [replace(d, number=n) for n, d in enumerate(found, start=1)]


def choose(
    drawings: Sequence[Drawing],
    *,
    gtv: Sequence[str],
    wanted: Sequence[str],
    planned_on: frozenset[str],
    on: str,
) -> tuple[list[Drawing], list[str]]:
    """Which of several structure sets on one image are used, and what is to be said of the others.

    The newest approved set that holds the tumour (where none holds one: a target) is used; where none is approved,
    the newest. A rejected set is not used unless it is asked for. Of two of the same time the one that a treatment
    plan was made on is used; else the user is asked. Sets that the user names are used, all of them.

    Args:
        drawings: on one image.
        gtv: names that the user calls gross tumour.
        wanted: sets that the user asks for, by number, by their label or by a part of the file's name.
        planned_on: UIDs of the structure sets that treatment plans name.
        on: the image, for messages.

    Raises:
        InputError: two sets of the same time, and nothing tells which one is meant.
    """
    if wanted:
        asked = [d for d in drawings if any(is_meant(d, w) for w in wanted)]
        if asked:
            return asked, []
    sets = _different(drawings)
    if len(sets) < 2:
        return list(sets), []
    ranked = [(_rank(d, gtv, planned_on), d) for d in sets]
    best = max(rank for rank, _ in ranked)
    used = [d for rank, d in ranked if rank == best]
    listed = ", ".join(f"{d.number} ({(d.status or 'no approval kept').lower()})" for d in sets)
    if len(used) > 1:
        raise InputError(
            f"{len(used)} structure sets of the same time are drawn on the {on} and nothing tells which one is meant: "
            + ", ".join(f"{d.number} is {d.file.file} with {_names(d)}" for d in used)
            + f"; say which by --structures {used[0].number}, and again for more"
        )
    spread = [d for name in gtv for d in _with(name, used, ranked)]
    why = "the newest approved one" if used[0].status == "APPROVED" else "the newest; none is approved"
    used = sorted({d.number: d for d in [*used, *spread]}.values(), key=lambda d: d.number)
    numbers = " and ".join(str(d.number) for d in used)
    note = (
        f"{len(sets)} structure sets are drawn on the {on}: {listed}; number {numbers} is used, {why} that "
    )
    return used, [note + "holds the tumour; others by --structures NUMBER"]


def _with(name: str, used: list[Drawing], ranked: list[tuple[tuple[Any, ...], Drawing]]) -> list[Drawing]:
    """The best set that holds a tumour which the user names and the used sets lack."""
    if any(d.named(name) for d in used):
        return []
    having = [(rank, d.number, d) for rank, d in ranked if d.named(name)]
    return [max(having, key=lambda x: x[:2])[2]] if having else []


def is_meant(drawing: Drawing, wanted: str) -> bool:
    """Whether a user's word means a structure set: its number, its label, or a part of its file's name."""
    if wanted in (str(drawing.number), drawing.label):
        return True
    return not wanted.isdigit() and drawing.file.is_called(wanted)


def _rank(drawing: Drawing, gtv: Sequence[str], planned_on: frozenset[str]) -> tuple[Any, ...]:
    gross, target = drawing.holds(gtv)
    approved = {"APPROVED": 2, "REJECTED": 0}.get(drawing.status, 1)
    return approved > 0, gross, target, approved, drawing.made, drawing.uid in planned_on


def _different(drawings: Sequence[Drawing]) -> list[Drawing]:
    """Sets without those that draw the same as another, as a second export does; of them an approved one stays."""
    kept: list[Drawing] = []
    for drawing in sorted(drawings, key=lambda d: (d.status != "APPROVED", d.number)):
        if not any(_same(drawing, other) for other in kept):
            kept.append(drawing)
    return sorted(kept, key=lambda d: d.number)


def _same(one: Drawing, other: Drawing) -> bool:
    return len(one.regions) == len(other.regions) and all(
        type(a) is type(b) and a.name.original == b.name.original and _same_region(a, b)
        for a, b in zip(one.regions, other.regions, strict=True)
    )


def _same_region(one: Region, other: Region) -> bool:
    if isinstance(one, Segment) and isinstance(other, Segment):
        return one.volume.geometry.same_grid(other.volume.geometry) and np.array_equal(
            one.volume.array, other.volume.array
        )
    contours = [sorted(c.tobytes() for c in region.contours) for region in (one, other)]
    return contours[0] == contours[1]


def _names(drawing: Drawing) -> str:
    names = [r.name for r in drawing.regions if filled(r)]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
