"""Frames of reference: how others lie in the baseline's, by registration objects where given, else by the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.dicom.dates import made
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.errors import InputError
from twin.scan import Registration
from twin.volume import Volume


@dataclass(frozen=True, eq=False)
class Link:
    """A rigid motion from one frame of reference to another.

    Args:
        source: frame from which it leads.
        target: frame to which it leads.
        matrix: (4, 4) on LPS mm.
        made: orders links by the time at which they were made.
    """

    source: str
    target: str
    matrix: np.ndarray
    made: tuple[str, ...] = ()


def read_links(files: Sequence[Instance], left_out: LeftOut) -> list[Link]:
    """The rigid motions of spatial registration objects (DICOM PS3.3 C.20.2).

    Each item's matrices, applied in their order, lead from the item's frame to the frame that the object itself has.

    Args:
        files: spatial registrations.
        left_out: takes what is damaged or not rigid.
    """
    found = []
    for file in files:
        target = file.text("FrameOfReferenceUID")
        for item in file.items("RegistrationSequence"):
            source = item.text("FrameOfReferenceUID")
            if not source or source == target:
                continue
            try:
                found.append(Link(source, target, _matrix(item), made(file, "ContentDate")))
            except InputError as error:
                left_out.add("REG", [file], error)
    return found


def _matrix(item: Instance) -> np.ndarray:
    whole = np.eye(4)
    for registration in item.items("MatrixRegistrationSequence"):
        for step in registration.items("MatrixSequence"):
            values = step.numbers("FrameOfReferenceTransformationMatrix", 16)
            whole = np.reshape(values, (4, 4)) @ whole
    rotation = whole[:3, :3]
    rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    if not rigid or not np.allclose(whole[3], (0, 0, 0, 1), atol=1e-6):
        raise InputError(f"{item.file}: a registration that scales, shears or mirrors is not rigid")
    return whole


class Frames:
    """How other frames of reference lie in the baseline's, each found once.

    Args:
        frame: of the baseline.
        baseline: its volume, on which scans without a registration object are registered.
        links: of registration objects; of two between the same frames the one made last counts.
    """

    def __init__(self, frame: str, baseline: Volume, links: Sequence[Link] = ()) -> None:
        self.frame, self.baseline = frame, baseline
        self.of: dict[str, tuple[np.ndarray, Registration | None]] = {frame: (np.eye(4), None)}
        latest = {(x.source, x.target): x for x in sorted(links, key=lambda x: x.made)}
        both = {(s, t): x.matrix for (s, t), x in latest.items()}
        for (s, t), x in latest.items():
            both.setdefault((t, s), np.linalg.inv(x.matrix))
        self.given: dict[str, np.ndarray] = {frame: np.eye(4)}
        near = [frame]
        while near:  # through frames in between, by the fewest steps
            here = near.pop(0)
            for (source, target), matrix in sorted(both.items(), key=lambda item: item[0]):
                if target == here and source not in self.given:
                    self.given[source] = self.given[here] @ matrix
                    near.append(source)

    def placed(self, frame: str, native: Volume) -> tuple[Volume, Registration | None]:
        """A scan in the baseline's frame, its voxels as they were, and how it came there."""
        if frame == self.frame:
            return native, None
        if frame not in self.of:
            self.of[frame] = self._found(frame, native)
        matrix, registration = self.of[frame]
        return Volume(native.geometry.moved(matrix), native.array, native.modality, native.unit), registration

    def _found(self, frame: str, native: Volume) -> tuple[np.ndarray, Registration]:
        from twin.anatomy.registration import POOR_SIMILARITY, Rigid, register, similarity

        given = self.given.get(frame)
        rigid = (
            register(native, self.baseline)
            if given is None
            else Rigid(given, similarity(self.baseline, native, given))
        )
        poor = rigid.similarity < POOR_SIMILARITY
        return rigid.matrix, Registration(rigid.similarity, rigid.shift_mm, rigid.turn_deg, poor)

    def matrix(self, frame: str) -> np.ndarray | None:
        """(4, 4) from a frame to the baseline's, or None where neither an object nor a scan tells it."""
        if not frame:
            return np.eye(4)
        found = self.of.get(frame)
        return found[0] if found is not None else self.given.get(frame)
