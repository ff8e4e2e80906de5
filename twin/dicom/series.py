"""DICOM files: sorted into series, and an image series read as a volume."""

from __future__ import annotations

import datetime
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from twin.errors import InputError
from twin.geometry import Geometry, Shape, Triple
from twin.volume import Modality, Unit, Volume

IMAGES = ("CT", "PT", "MR")
_KEEP_ON_DISK_BYTES = 1 << 16  # longer elements (pixels) are read when first used
_POSITION_MM = 0.01  # rounding of positions and cosines in files
_SPACING_MM = (0.01, 100.0)
_MAX_VOXELS = 1 << 31
_SCALE_LIMIT = 1e12
_IN_PLANE_MM = 0.1
_STEEPEST = 0.7  # drift by slice distance: a gantry tilts by at most 30 to 35 degrees
_GAP = 0.02  # share by which gaps between slices may differ


@dataclass(frozen=True, eq=False)
class Instance:
    """One DICOM file, read as far as the pixels.

    Args:
        file: its name as the user knows it, for messages.
        data: the dataset.
    """

    file: str
    data: Dataset

    def text(self, keyword: str) -> str:
        """A tag as stripped text; empty where it is missing."""
        value = self.get(keyword)
        return "" if value is None else str(value).strip()

    def get(self, keyword: str, default: Any = None) -> Any:
        """A tag's value, or the default where it is missing or empty.

        Raises:
            InputError: the tag cannot be decoded.
        """
        try:
            value = self.data.get(keyword, default)
        except Exception as error:  # pydicom raises many types on damaged values
            raise InputError(f"{self.file}: {keyword} is damaged and cannot be read") from error
        return default if value is None or value == "" else value

    def pixels(self) -> np.ndarray:
        """(rows, columns) stored values; raises what pydicom raises on damaged ones."""
        return np.asarray(self.data.pixel_array)

    def word(self, keyword: str) -> str:
        """A code string (VR CS) that may be shown in a message; empty where it is missing.

        Raises:
            InputError: the tag is no code string; a damaged one may have swallowed a name.
        """
        text = self.text(keyword)
        if not re.fullmatch(r"[A-Z0-9_ ]{0,16}", text):
            raise InputError(f"{self.file}: {keyword} is damaged and cannot be read")
        return text

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
        value = self.get(keyword)
        if value is None:
            raise InputError(f"{self.file}: {keyword} is missing")
        try:
            several = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
            numbers = tuple(float(v) for v in several)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.file}: {keyword} is not a number") from error
        if len(numbers) != count or not np.isfinite(numbers).all():
            raise InputError(f"{self.file}: {keyword} needs {count} finite number{'s' * (count > 1)}")
        return numbers


@dataclass(frozen=True, eq=False)
class Series:
    """The files of one series.

    Args:
        modality: its DICOM modality.
        files: at least one.
    """

    modality: str
    files: tuple[Instance, ...]

    @property
    def first(self) -> Instance:
        """The file whose tags stand for the series."""
        return self.files[0]

    @property
    def frame(self) -> str:
        """FrameOfReferenceUID; empty where it is missing."""
        return self.first.text("FrameOfReferenceUID")


def multi_frame(file: Instance) -> bool:
    """Whether a file holds several slices, as enhanced objects do."""
    return file.get("NumberOfFrames") is not None and file.numbers("NumberOfFrames", 1)[0] > 1


def read_series(folder: Path) -> list[Series]:
    """All DICOM series below a folder, in the order of their first files.

    Args:
        folder: searched through all levels; links to folders are not followed.

    Raises:
        InputError: there is no DICOM file, or there are files of several patients.
    """
    found: dict[tuple[str, str], list[Instance]] = defaultdict(list)
    for path in _files(folder):
        instance = _read(path, str(path.relative_to(folder)))
        if instance is not None:
            found[instance.word("Modality"), instance.text("SeriesInstanceUID")].append(instance)
    if not found:
        raise InputError(f"no DICOM file in {folder}")
    series = [Series(modality, tuple(files)) for (modality, _), files in found.items()]
    _one_patient([f for s in series for f in s.files])
    return series


def _files(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if name != "DICOMDIR" and path.is_file():
                yield path


def _read(path: Path, name: str) -> Instance | None:
    """The file as an instance, or None where it is not DICOM."""
    with path.open("rb") as file:
        start = file.read(132)
    preamble = start[128:] == b"DICM"
    if not preamble and path.suffix.lower() not in (".dcm", ".ima", ""):
        return None
    try:
        data = pydicom.dcmread(path, defer_size=_KEEP_ON_DISK_BYTES, force=not preamble)
        known = "SOPClassUID" in data and "Modality" in data
    except Exception as error:  # pydicom raises many types on damaged files
        if preamble:
            raise InputError(f"{name} is a damaged DICOM file") from error
        return None
    if not known:
        if preamble:
            raise InputError(f"{name} is a damaged DICOM file: SOPClassUID or Modality is missing")
        return None
    return Instance(name, data)


def _one_patient(files: list[Instance]) -> None:
    """Refuse files of several patients, naming one file of each but no patient."""
    example: dict[str, str] = {}
    for file in files:
        example.setdefault(file.text("PatientID"), f"the {file.word('Modality')} {file.file}")
    if len(example) > 1:
        one, other = list(example.values())[:2]
        raise InputError(f"{other} belongs to another patient than {one}; import one patient at a time")


def volume(
    series: Series, modality: Modality, unit: Unit, scale: Callable[[Instance], float] = lambda _: 1.0
) -> Volume:
    """The voxels of an image series, rescaled, sorted along the slice normal, axes turned upright.

    Args:
        series: CT, PT or MR slices.
        modality: of the volume.
        unit: of the volume; HU is kept as int16, all else as float32.
        scale: a further factor of each slice after RescaleSlope and RescaleIntercept.

    Raises:
        InputError: missing, doubled or uneven slices, mixed grids or frames of reference, damaged pixels.
    """
    files = _distinct(series.files)
    for file in files:
        if file.text("FrameOfReferenceUID") != series.frame:
            raise InputError(
                f"the {series.modality} slices {series.first.file} and {file.file} lie in two frames of reference"
            )
    files, geometry, drift_mm = _grid(files)
    array = np.empty(geometry.shape, np.int16 if unit == "HU" else np.float32)
    for plane, file in zip(array, files, strict=True):
        _fill(plane, file, scale(file))
    if np.abs(drift_mm).max() * len(files) > _IN_PLANE_MM:
        geometry, array = _straightened(geometry, array, drift_mm, -1000.0 if unit == "HU" else 0.0)
    return Volume(geometry, array, modality, unit).upright()


def _distinct(files: tuple[Instance, ...]) -> list[Instance]:
    """Files with their SOP instance once: the same image may lie in a folder twice."""
    kept: dict[str, Instance] = {}
    for file in files:
        kept.setdefault(file.text("SOPInstanceUID") or file.file, file)
    return list(kept.values())


def _grid(files: list[Instance]) -> tuple[list[Instance], Geometry, np.ndarray]:
    """Files in the order of their positions along the normal, their grid, and how each slice drifts on it.

    The drift is (rows, columns) in mm from one slice to the next; it is not zero where the gantry was tilted.
    """
    first = files[0]
    cosines = first.numbers("ImageOrientationPatient", 6)
    rows, columns = first.numbers("Rows", 1)[0], first.numbers("Columns", 1)[0]
    row_mm, column_mm = first.numbers("PixelSpacing", 2)
    for file in files[1:]:
        same = (
            np.allclose(file.numbers("ImageOrientationPatient", 6), cosines, atol=1e-3)
            and file.numbers("Rows", 1)[0] == rows
            and file.numbers("Columns", 1)[0] == columns
            and np.allclose(file.numbers("PixelSpacing", 2), (row_mm, column_mm), rtol=1e-3)
        )
        if not same:
            raise InputError(
                f"the slices {first.file} and {file.file} differ in size, spacing or orientation"
            )
    x_axis, y_axis = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    if not (_SPACING_MM[0] <= min(row_mm, column_mm) and max(row_mm, column_mm) <= _SPACING_MM[1]):
        raise InputError(f"{first.file}: PixelSpacing of {row_mm:g} x {column_mm:g} mm cannot be")
    if not 1 <= rows * columns * len(files) <= _MAX_VOXELS:
        raise InputError(f"{first.file}: {len(files)} images of {rows:g} x {columns:g} pixels cannot be")
    normal = np.cross(x_axis, y_axis)
    if not np.isclose(np.linalg.norm(normal), 1.0, atol=1e-3):
        raise InputError(f"{first.file}: ImageOrientationPatient is not two orthogonal unit vectors")
    positions = np.asarray([file.numbers("ImagePositionPatient", 3) for file in files])
    order = np.argsort(positions @ normal)
    files, positions = [files[i] for i in order], positions[order]
    gap_mm = _even_gap(first, positions @ normal, [f.file for f in files])
    in_plane = (positions - positions[0]) @ np.column_stack([x_axis, y_axis])
    drift_mm = in_plane[-1] / max(1, len(files) - 1)
    off_mm = np.abs(in_plane - np.arange(len(files))[:, None] * drift_mm).max(axis=1)
    if off_mm.max() > _IN_PLANE_MM or np.linalg.norm(drift_mm) > _STEEPEST * gap_mm:
        worst = files[int(off_mm.argmax())].file
        raise InputError(f"the slices of {files[0].file} are shifted against each other, most of all {worst}")
    try:
        geometry = Geometry(
            shape=(len(files), int(rows), int(columns)),
            spacing_mm=(gap_mm, row_mm, column_mm),
            origin_mm=cast(Triple, tuple(float(v) for v in positions[0])),
            direction=tuple(float(v) for v in np.column_stack([x_axis, y_axis, normal]).ravel()),
        )
    except InputError as error:
        raise InputError(f"{first.file}: {error}") from None
    return files, geometry, drift_mm[::-1]


def _straightened(
    geometry: Geometry, array: np.ndarray, drift_mm: np.ndarray, fill: float
) -> tuple[Geometry, np.ndarray]:
    """The slices of a tilted gantry, each moved in its plane to where it belongs, on a straight grid.

    Args:
        geometry: the grid of the first slice, continued straight.
        array: (z, rows, columns).
        drift_mm: (2,) along rows and columns, from one slice to the next.
        fill: the value where no slice reaches.
    """
    from scipy.ndimage import shift

    n, rows, columns = array.shape
    drift = drift_mm / np.asarray(geometry.spacing_mm[1:])
    extra = np.ceil(np.abs(drift) * (n - 1)).astype(int)
    before = np.where(drift < 0, extra, 0)  # slices that drift back begin that much further on
    straight = np.full((n, rows + extra[0], columns + extra[1]), fill, dtype=array.dtype)
    for z in range(n):
        straight[z, before[0] : before[0] + rows, before[1] : before[1] + columns] = array[z]
        straight[z] = shift(straight[z], drift * z, order=1, cval=fill)
    origin = geometry.lps((0, -before[0], -before[1]))
    moved = replace(
        geometry,
        shape=cast(Shape, straight.shape),
        origin_mm=cast(Triple, tuple(float(v) for v in origin)),
    )
    return moved, straight


def _even_gap(first: Instance, along_mm: np.ndarray, names: list[str]) -> float:
    """The distance between slices, mm."""
    gaps = np.diff(along_mm)
    if not len(gaps):
        thickness = first.get("SliceThickness")
        if thickness is None:
            raise InputError(f"one slice alone ({first.file}) without SliceThickness is not a volume")
        return first.numbers("SliceThickness", 1)[0]
    gap = float(np.median(gaps))
    doubled = int(np.argmin(gaps))
    if gaps[doubled] < _POSITION_MM:
        raise InputError(f"the slices {names[doubled]} and {names[doubled + 1]} lie at the same position")
    worst = int(np.argmax(np.abs(gaps - gap)))
    if abs(gaps[worst] - gap) > max(_POSITION_MM, _GAP * gap):
        a, b = along_mm[worst], along_mm[worst + 1]
        missing = round(gaps[worst] / gap) - 1
        what = (
            f"{missing} slice{'s are' if missing > 1 else ' is'} missing"
            if missing >= 1 and abs(gaps[worst] - (missing + 1) * gap) < 0.1 * gap
            else "the slices are unevenly spaced"
        )
        raise InputError(
            f"{what} between {names[worst]} ({a:.1f} mm) and {names[worst + 1]} ({b:.1f} mm); "
            f"the others are {gap:.2f} mm apart"
        )
    if gap > _SPACING_MM[1]:
        raise InputError(f"the slices of {first.file} lie {gap:g} mm apart, which is no volume")
    return float((along_mm[-1] - along_mm[0]) / len(gaps))


def _fill(plane: np.ndarray, file: Instance, factor: float) -> None:
    """Write one slice's rescaled values into its plane of the volume."""
    slope = file.numbers("RescaleSlope", 1)[0] if file.get("RescaleSlope") is not None else 1.0
    intercept = file.numbers("RescaleIntercept", 1)[0] if file.get("RescaleIntercept") is not None else 0.0
    if slope == 0 or not (abs(slope * factor) < _SCALE_LIMIT and abs(intercept * factor) < _SCALE_LIMIT):
        raise InputError(f"{file.file}: RescaleSlope {slope:g} and RescaleIntercept {intercept:g} cannot be")
    try:
        stored = file.pixels()
    except Exception as error:  # pydicom raises many types on damaged or compressed pixels
        raise InputError(
            f"{file.file}: the pixels are damaged or compressed in a way that is not read"
        ) from error
    if stored.shape != plane.shape:
        raise InputError(f"{file.file}: the pixels are {stored.shape}, not {plane.shape} (rows, columns)")
    values = stored.astype(np.float32)
    values *= slope * factor
    values += intercept * factor
    if plane.dtype == np.int16:
        np.rint(values, out=values)
        np.clip(values, -32768, 32767, out=values)
    plane[...] = values
