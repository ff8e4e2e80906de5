"""RTDOSE grids in Gy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from twin.dicom.dates import made
from twin.dicom.images.series import even_gap
from twin.dicom.instance import Instance
from twin.dicom.left_out import LeftOut
from twin.errors import InputError
from twin.geometry import Geometry, Triple
from twin.volume import Volume

_MAX_GY = 400.0
_PLANE_MM = 0.1  # rounding of the planes' positions
_MAX_VOXELS = 1 << 28


@dataclass(frozen=True, eq=False)
class RtDose:
    """One RTDOSE file, or the planes of one dose that lie in files of their own.

    Args:
        volume: Gy, axes upright.
        summation: DoseSummationType, "PLAN", "BEAM", "FRACTION", ...
        plans: UIDs of the plans that it refers to; empty where none is named.
        frame: FrameOfReferenceUID.
        uid: SOPInstanceUID, by which plans refer to it.
        groups: numbers of the fraction groups that it is the dose of; empty where none is named.
        beams: numbers of the beams that it is the dose of; empty where none is named.
        made: orders doses by the time at which they were made.
        comment: DoseComment, in which this software's own files say how the dose was calculated.
        file: its name, for messages.
    """

    volume: Volume
    summation: str
    plans: frozenset[str]
    frame: str
    uid: str = ""
    groups: frozenset[int] = frozenset()
    beams: frozenset[int] = frozenset()
    made: tuple[str, ...] = ()
    comment: str = ""
    file: Instance | None = field(default=None, repr=False)

    def moved(self, matrix: np.ndarray, frame: str) -> RtDose:
        """The dose after a rigid motion of patient space, (4, 4) on LPS mm, into another frame."""
        volume = Volume(self.volume.geometry.moved(matrix), self.volume.array, "DOSE", "Gy")
        return replace(self, volume=volume.upright(), frame=frame)


def read_doses(files: Sequence[Instance], left_out: LeftOut) -> list[RtDose]:
    """All doses of a patient; what is no physical dose in Gy on an even grid is left out.

    Args:
        files: RTDOSE files, each once.
        left_out: takes what cannot be used.
    """
    found: list[RtDose] = []
    planes: dict[tuple[Any, ...], list[Instance]] = defaultdict(list)
    for file in files:
        try:
            _check_kind(file)
            if _frames(file) == 1:
                planes[_beside(file)].append(file)
            else:
                found.append(read_dose(file))
        except InputError as error:
            left_out.add("RTDOSE", [file], error)
    for _, several in sorted(planes.items(), key=lambda item: str(item[0])):
        try:
            found.append(_of_planes(several))
        except InputError as error:
            left_out.add("RTDOSE", several, error)
    return sorted(found, key=lambda d: (d.made, d.uid))


def _check_kind(file: Instance) -> None:
    if file.get("PixelData") is None:
        raise InputError(f"{file.file}: it holds no dose grid, only histograms or points")
    units, kind = file.word("DoseUnits"), file.word("DoseType")
    if units != "GY":
        raise InputError(f"{file.file}: a dose in {units or 'unknown'} units is not in Gy and cannot be used")
    if kind not in ("PHYSICAL", ""):
        raise InputError(f"{file.file}: an RTDOSE of type {kind} is not a physical dose")


def _frames(file: Instance) -> int:
    return int(file.number("NumberOfFrames") or 1)


def _beside(file: Instance) -> tuple[Any, ...]:
    """What the planes of one dose share."""
    groups, beams = _parts(file)
    return (
        file.text("SeriesInstanceUID"), file.text("FrameOfReferenceUID"), file.word("DoseSummationType"),
        tuple(sorted(_plans(file))), tuple(sorted(groups)), tuple(sorted(beams)),
        file.numbers("Rows", 1), file.numbers("Columns", 1), file.numbers("PixelSpacing", 2),
        file.numbers("ImageOrientationPatient", 6),
    )  # fmt: skip


def read_dose(file: Instance) -> RtDose:
    """The dose of an RTDOSE file: its stored values times DoseGridScaling (DICOM PS3.3 C.8.8.3).

    Raises:
        InputError: units other than Gy, uneven planes, or damaged values.
    """
    _check_kind(file)
    geometry = _grid(file)
    return _dose(file, geometry, _gray(file, geometry.shape))


def _of_planes(files: list[Instance]) -> RtDose:
    """The dose of which each file holds one plane."""
    first = files[0]
    if len(files) == 1:
        raise InputError(f"{first.file}: one plane alone is no dose of a volume")
    x_axis, y_axis = np.reshape(first.numbers("ImageOrientationPatient", 6), (2, 3))
    normal = np.cross(x_axis, y_axis)
    along = np.asarray([f.numbers("ImagePositionPatient", 3) @ normal for f in files])
    order = np.argsort(along, kind="stable")
    files = [files[i] for i in order]
    step_mm, _ = even_gap(first, along[order], [f.file for f in files])
    geometry = _geometry(files[0], len(files), step_mm, normal)
    planes = [_gray(f, (1, *geometry.shape[1:]))[0] for f in files]
    return _dose(files[0], geometry, np.stack(planes))


def _gray(file: Instance, shape: tuple[int, int, int]) -> np.ndarray:
    """(frames, rows, columns) dose, Gy."""
    scaling = file.numbers("DoseGridScaling", 1)[0]
    try:
        stored = file.pixels()
    except Exception as error:  # pydicom raises many types on damaged pixels
        raise InputError(f"{file.file}: the dose values are damaged and cannot be read") from error
    if stored.size != np.prod(shape):
        raise InputError(f"{file.file}: the dose values do not fill their grid")
    dose_gy = stored.reshape(shape).astype(np.float32) * np.float32(scaling)
    if not (np.isfinite(dose_gy).all() and dose_gy.min() >= 0 and dose_gy.max() <= _MAX_GY):
        raise InputError(
            f"{file.file}: doses outside 0 to {_MAX_GY:g} Gy; DoseGridScaling or the file is damaged"
        )
    return dose_gy


def _dose(file: Instance, geometry: Geometry, dose_gy: np.ndarray) -> RtDose:
    groups, beams = _parts(file)
    return RtDose(
        Volume(geometry, dose_gy, "DOSE", "Gy").upright(),
        file.word("DoseSummationType"),
        _plans(file),
        file.text("FrameOfReferenceUID"),
        file.text("SOPInstanceUID"),
        groups,
        beams,
        made(file, "ContentDate", "SeriesDate"),
        file.text("DoseComment"),
        file,
    )


def _plans(file: Instance) -> frozenset[str]:
    plans = {p.text("ReferencedSOPInstanceUID") for p in file.items("ReferencedRTPlanSequence")}
    return frozenset(plans - {""})


def _parts(file: Instance) -> tuple[frozenset[int], frozenset[int]]:
    """Numbers of the fraction groups and of the beams that a dose refers to."""
    groups, beams = set(), set()
    for plan in file.items("ReferencedRTPlanSequence"):
        for group in plan.items("ReferencedFractionGroupSequence"):
            groups.add(int(group.number("ReferencedFractionGroupNumber") or 0))
            for beam in group.items("ReferencedBeamSequence"):
                beams.add(int(beam.number("ReferencedBeamNumber") or 0))
    return frozenset(groups - {0}), frozenset(beams - {0})


def _grid(file: Instance) -> Geometry:
    """The grid of a file of several planes.

    GridFrameOffsetVector gives the planes along the normal from the first one where it begins with 0, and their z in
    the patient where it begins with the z of ImagePositionPatient (DICOM PS3.3 C.8.8.3.2). The second is meant for
    head first supine alone; files that use it feet first mean the patient's z all the same. What begins with neither
    cannot be placed.
    """
    x_axis, y_axis = np.reshape(file.numbers("ImageOrientationPatient", 6), (2, 3))
    normal = np.cross(x_axis, y_axis)
    frames = _frames(file)
    offsets = np.asarray(file.numbers("GridFrameOffsetVector", frames))
    first_z = file.numbers("ImagePositionPatient", 3)[2]
    relative = abs(offsets[0]) < _PLANE_MM
    if not relative and (abs(offsets[0] - first_z) > _PLANE_MM or abs(normal[2]) < 0.999):
        raise InputError(
            f"{file.file}: GridFrameOffsetVector begins neither with 0 nor with the first plane's z, so the dose "
            "has no place"
        )
    along = offsets if relative else (offsets - offsets[0]) * np.sign(normal[2])
    rising = along if along[-1] >= along[0] else -along
    if np.diff(rising).min() <= 0:
        raise InputError(f"{file.file}: the dose planes are unevenly spaced")
    try:
        step_mm, _ = even_gap(file, rising, [f"plane {n + 1}" for n in range(frames)])
    except InputError:
        raise InputError(f"{file.file}: the dose planes are unevenly spaced") from None
    return _geometry(file, frames, step_mm, normal * np.sign(along[-1] - along[0]))


def _geometry(file: Instance, frames: int, step_mm: float, normal: np.ndarray) -> Geometry:
    x_axis, y_axis = np.reshape(file.numbers("ImageOrientationPatient", 6), (2, 3))
    rows, columns = (int(file.numbers(k, 1)[0]) for k in ("Rows", "Columns"))
    row_mm, column_mm = file.numbers("PixelSpacing", 2)
    if frames * rows * columns > _MAX_VOXELS:
        raise InputError(f"{file.file}: a dose of {frames} x {rows} x {columns} voxels cannot be")
    try:
        return Geometry(
            shape=(frames, rows, columns),
            spacing_mm=(step_mm, row_mm, column_mm),
            origin_mm=cast(Triple, tuple(float(v) for v in file.numbers("ImagePositionPatient", 3))),
            direction=tuple(float(v) for v in np.column_stack([x_axis, y_axis, normal]).ravel()),
        )
    except InputError as error:
        raise InputError(f"{file.file}: {error}") from None
