"""An image series as stacks of slices, and a stack as a volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from twin.dicom.instance import Instance
from twin.errors import InputError
from twin.geometry import Geometry, Shape, Triple
from twin.volume import Modality, Unit, Volume

IMAGES = ("CT", "PT", "MR")
_POSITION_MM = 0.01  # closer slices lie at the same position
_SPACING_MM = (0.01, 100.0)
_MAX_BYTES = 2 << 30
_SCALE_LIMIT = 1e12
_IN_PLANE_MM = 0.1
_SAME = 1e-3  # difference of cosines, share of spacings
_STEEPEST = 0.7  # drift by slice distance: a gantry tilts by at most 30 to 35 degrees
_OFF_MM, _OFF = (
    0.06,
    0.05,
)  # how far a slice may lie off an even grid: mm (rounding to 0.1 mm), share of the gap


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

    def common(self, keyword: str) -> str:
        """A tag that all files share, as text.

        Raises:
            InputError: the files differ in it.
        """
        values = {file.text(keyword) for file in self.files}
        if len(values) > 1:
            raise InputError(f"{keyword} differs between its files")
        return values.pop()


@dataclass(frozen=True, eq=False)
class Stack(Series):
    """Slices that lie evenly on one grid.

    Args:
        geometry: of the voxels, as they are stored.
        drift_mm: (2,) along rows and columns from one slice to the next; not zero where the gantry was tilted.
    """

    geometry: Geometry
    drift_mm: np.ndarray

    @classmethod
    def of(cls, series: Series) -> Stack:
        """All files of a series, in the order of their positions along the normal.

        Raises:
            InputError: missing, doubled or uneven slices, mixed grids or frames of reference.
        """
        for file in series.files:
            if file.text("FrameOfReferenceUID") != series.frame:
                raise InputError(
                    f"the {series.modality} slices {series.first.file} and {file.file} lie in two frames of reference"
                )
        files, geometry, drift_mm = _grid(list(series.files))
        return cls(series.modality, tuple(files), geometry, drift_mm)


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
    stack = series if isinstance(series, Stack) else Stack.of(series)
    geometry = stack.geometry
    array = np.empty(geometry.shape, np.int16 if unit == "HU" else np.float32)
    for plane, file in zip(array, stack.files, strict=True):
        _fill(plane, file, scale(file))
    if np.abs(stack.drift_mm).max() * len(stack.files) > _IN_PLANE_MM:
        geometry, array = _straightened(geometry, array, stack.drift_mm, -1000.0 if unit == "HU" else 0.0)
    return Volume(geometry, array, modality, unit).upright()


def _grid(files: list[Instance]) -> tuple[list[Instance], Geometry, np.ndarray]:
    """Files in the order of their positions along the normal, their grid, and how each slice drifts on it."""
    first = files[0]
    for file in files[1:]:
        if not alike(first, file):
            raise InputError(
                f"the slices {first.file} and {file.file} differ in size, spacing or orientation"
            )
    cosines = first.numbers("ImageOrientationPatient", 6)
    rows, columns = first.numbers("Rows", 1)[0], first.numbers("Columns", 1)[0]
    row_mm, column_mm = first.numbers("PixelSpacing", 2)
    x_axis, y_axis = np.asarray(cosines[:3]), np.asarray(cosines[3:])
    if not (_SPACING_MM[0] <= min(row_mm, column_mm) and max(row_mm, column_mm) <= _SPACING_MM[1]):
        raise InputError(f"{first.file}: PixelSpacing of {row_mm:g} x {column_mm:g} mm cannot be")
    if not 1 <= rows * columns * len(files) <= _MAX_BYTES / 2:
        raise InputError(f"{first.file}: {len(files)} images of {rows:g} x {columns:g} pixels cannot be")
    normal = np.cross(x_axis, y_axis)
    if not np.isclose(np.linalg.norm(normal), 1.0, atol=1e-3):
        raise InputError(f"{first.file}: ImageOrientationPatient is not two orthogonal unit vectors")
    positions = np.asarray([file.numbers("ImagePositionPatient", 3) for file in files])
    order = np.argsort(positions @ normal, kind="stable")
    files, positions = [files[i] for i in order], positions[order]
    gap_mm, start_mm = even_gap(first, positions @ normal, [f.file for f in files])
    drift_mm = _drift(files, positions, np.column_stack([x_axis, y_axis]), gap_mm)
    origin = positions[0] + normal * (start_mm - positions[0] @ normal)
    try:
        geometry = Geometry(
            shape=(len(files), int(rows), int(columns)),
            spacing_mm=(gap_mm, row_mm, column_mm),
            origin_mm=cast(Triple, tuple(float(v) for v in origin)),
            direction=tuple(float(v) for v in np.column_stack([x_axis, y_axis, normal]).ravel()),
        )
    except InputError as error:
        raise InputError(f"{first.file}: {error}") from None
    return files, geometry, drift_mm[::-1]


def alike(one: Instance, other: Instance) -> bool:
    """Whether two slices have the same size, spacing and orientation."""
    cosines = zip(*(f.numbers("ImageOrientationPatient", 6) for f in (one, other)), strict=True)
    spacings = zip(*(f.numbers("PixelSpacing", 2) for f in (one, other)), strict=True)
    return (
        one.numbers("Rows", 1) == other.numbers("Rows", 1)
        and one.numbers("Columns", 1) == other.numbers("Columns", 1)
        and all(abs(a - b) <= _SAME for a, b in cosines)
        and all(abs(a - b) <= _SAME * abs(b) for a, b in spacings)
    )


def _drift(files: list[Instance], positions: np.ndarray, axes: np.ndarray, gap_mm: float) -> np.ndarray:
    """How far each slice is moved in its plane against the one before, (2,) mm along x and y of the image."""
    in_plane = (positions - positions[0]) @ axes
    drift_mm = in_plane[-1] / max(1, len(files) - 1)
    off_mm = np.abs(in_plane - np.arange(len(files))[:, None] * drift_mm).max(axis=1)
    if off_mm.max() > _IN_PLANE_MM or np.linalg.norm(drift_mm) > _STEEPEST * gap_mm:
        worst = files[int(off_mm.argmax())].file
        raise InputError(f"the slices of {files[0].file} are shifted against each other, most of all {worst}")
    return drift_mm


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


def even_gap(first: Instance, along_mm: np.ndarray, names: Sequence[str]) -> tuple[float, float]:
    """The distance between slices and the place of the first, mm, on the even grid that fits all of them best.

    Positions may be rounded in the file, so it is the distance of each slice from the even grid that must be small
    and not the difference of two gaps (rounding to 0.1 mm changes a gap by 0.1 mm, but moves a slice by 0.05).
    Slices that lie within that distance of a grid with whole numbers of steps between them are missing some.

    Args:
        first: a slice, whose thickness stands for the distance where it is alone.
        along_mm: (n,) positions along the normal, from low to high.
        names: of the slices, for messages.

    Raises:
        InputError: doubled, missing or uneven slices.
    """
    gaps = np.diff(along_mm)
    if not len(gaps):
        if first.get("SliceThickness") is None:
            raise InputError(f"one slice alone ({first.file}) without SliceThickness is not a volume")
        return first.numbers("SliceThickness", 1)[0], float(along_mm[0])
    doubled = int(np.argmin(gaps))
    if gaps[doubled] < _POSITION_MM:
        raise InputError(f"the slices {names[doubled]} and {names[doubled + 1]} lie at the same position")
    steps = np.arange(len(along_mm))
    gap, start = np.polyfit(steps, along_mm, 1)
    off = along_mm - (start + gap * steps)
    if np.abs(off).max() > max(_OFF_MM, _OFF * gap):
        usual = float(np.median(gaps))
        worst = int(np.argmax(np.abs(gaps - usual)))
        a, b = along_mm[worst], along_mm[worst + 1]
        missing = round(gaps[worst] / usual) - 1
        what = (
            f"{missing} slice{'s are' if missing > 1 else ' is'} missing"
            if missing >= 1 and abs(gaps[worst] - (missing + 1) * usual) < 0.1 * usual
            else "the slices are unevenly spaced"
        )
        raise InputError(
            f"{what} between {names[worst]} ({a:.1f} mm) and {names[worst + 1]} ({b:.1f} mm); "
            f"the others are {usual:.2f} mm apart"
        )
    if gap > _SPACING_MM[1]:
        raise InputError(f"the slices of {first.file} lie {gap:g} mm apart, which is no volume")
    if np.abs(off).max() < _POSITION_MM:  # as exact as the file: no rounding to undo
        return float((along_mm[-1] - along_mm[0]) / len(gaps)), float(along_mm[0])
    return float(gap), float(start)


def _fill(plane: np.ndarray, file: Instance, factor: float) -> None:
    """Write one slice's rescaled values into its plane of the volume."""
    slope, intercept = (
        default if (value := file.number(keyword)) is None else value
        for keyword, default in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
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
