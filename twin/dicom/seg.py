"""DICOM segmentations as structures."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import cast

import numpy as np

from twin.dicom.images import multiframe
from twin.dicom.instance import Instance
from twin.dicom.rtstruct import DrawnOn
from twin.errors import InputError
from twin.files.masks import laid
from twin.geometry import Geometry, Triple
from twin.nomenclature.labels import Labels, Shown
from twin.structures import bounding_box
from twin.volume import Volume

_MAX_VOXELS = 1 << 29
_OFF_STEP = 0.1  # how far a frame may lie off the planes, in steps
_TUMOUR = re.compile(
    r"\b(neoplasm|tumou?r|gross tumou?r volume|gtv|mass)\b(?!.*\bsecondary\b)", re.IGNORECASE
)


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment of a segmentation.

    Args:
        name: SegmentLabel as it may be kept, and in memory as it is.
        meaning: what its property type code means, a tumour of any kind as "Tumour"; empty where it has none.
        volume: shares of 0 to 1 on the segmentation's own grid, axes upright.
        colour: none; segmentations keep theirs as CIELab, which 3-D viewers draw anew.
        contours: none.
        soft: it has shares between 0 and 1, which are cut at a half.
    """

    name: Shown
    meaning: str
    volume: Volume
    colour: tuple[int, int, int] | None = None
    contours: tuple[np.ndarray, ...] = ()
    soft: bool = False

    def mask(self, geometry: Geometry) -> tuple[Volume, bool, bool]:
        """The segment on the smallest crop of a grid, whether it was resampled, and whether the grid cuts it.

        Raises:
            InputError: it lies outside the grid.
        """
        found = laid(self.volume, geometry)
        box = bounding_box(found.mask)
        return (
            Volume(geometry.crop(box), found.mask[box].astype(np.uint8), "MASK", "1"),
            found.resampled,
            found.cut,
        )


def read_segments(file: Instance, labels: Labels) -> list[Segment]:
    """All segments of a segmentation that are not empty (DICOM PS3.3 C.8.20).

    Frames that hold nothing are not stored, so that a segment's planes may be any of its grid's. BINARY and LABELMAP
    frames are masks; FRACTIONAL ones are shares of MaximumFractionalValue.

    Args:
        file: the segmentation.
        labels: gives what may be kept of the segments' names.

    Raises:
        InputError: frames without a place or a segment, or not on even planes.
    """
    kind = file.word("SegmentationType")
    frames = multiframe.frames(file)
    if not frames:
        raise InputError(f"{file.file}: a segmentation without the geometry of its frames")
    grid, levels = _planes(file, frames)
    of: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(grid.shape, np.float32))
    background = file.number("PixelPaddingValue") or 0.0  # of a label map (PS3.3 C.8.20.2)
    top = (file.number("MaximumFractionalValue") or 255.0) if kind == "FRACTIONAL" else 1.0
    for frame, level in zip(frames, levels, strict=True):
        try:
            values = frame.pixels()
        except Exception as error:  # pydicom raises many types on damaged pixels
            raise InputError(f"{file.file}: the segments are damaged and cannot be read") from error
        if values.shape != grid.shape[1:]:
            raise InputError(f"{file.file}: the segments do not fill their frames")
        if kind == "LABELMAP":
            for number in np.unique(values[values != background]).tolist():
                of[int(number)][level][values == number] = 1.0
        else:
            number = int(frame.numbers("ReferencedSegmentNumber", 1)[0])
            of[number][level] = np.maximum(of[number][level], values / np.float32(top))
    named = {int(s.numbers("SegmentNumber", 1)[0]): s for s in file.items("SegmentSequence")}
    return [
        _segment(
            labels.of(named[number].text("SegmentLabel") or f"Segment {number}"),
            named[number],
            Volume(grid, shares, "MASK", "1").upright(),
        )
        for number, shares in sorted(of.items())
        if number in named and (shares >= 0.5).any()
    ]


def _segment(name: Shown, item: Instance, volume: Volume) -> Segment:
    codes = item.items("SegmentedPropertyTypeCodeSequence")
    meaning = codes[0].text("CodeMeaning") if codes else ""
    if _TUMOUR.search(meaning):
        meaning = "Tumour"
    soft = bool(((volume.array > 0) & (volume.array < 1)).any())
    return Segment(name, meaning, volume, soft=soft)


def _planes(file: Instance, frames: list[multiframe.Frame]) -> tuple[Geometry, list[int]]:
    """The grid of all frames, and the plane of each."""
    first = frames[0]
    x_axis, y_axis = np.reshape(first.numbers("ImageOrientationPatient", 6), (2, 3))
    for frame in frames:
        if not np.allclose(frame.numbers("ImageOrientationPatient", 6), [*x_axis, *y_axis], atol=1e-3):
            raise InputError(f"{file.file}: its frames lie in several directions")
    normal = np.cross(x_axis, y_axis)
    places = np.asarray([f.numbers("ImagePositionPatient", 3) for f in frames])
    along = places @ normal
    start = along.min()
    gaps = np.diff(np.unique(np.round(along - start, 2)))
    step_mm = (
        float(gaps.min())
        if len(gaps)
        else float(first.number("SpacingBetweenSlices") or first.number("SliceThickness") or 0.0)
    )
    if step_mm <= 0:
        raise InputError(f"{file.file}: nothing says how thick its one plane is")
    count = int(np.rint((along.max() - start) / step_mm)) + 1
    if count > 1:
        step_mm = float((along.max() - start) / (count - 1))
    levels = (along - start) / step_mm
    if np.abs(levels - np.rint(levels)).max() > _OFF_STEP:
        raise InputError(f"{file.file}: its frames do not lie on even planes")
    rows, columns = (int(file.numbers(k, 1)[0]) for k in ("Rows", "Columns"))
    if count * rows * columns > _MAX_VOXELS:
        raise InputError(f"{file.file}: a segmentation of {count} x {rows} x {columns} voxels cannot be")
    row_mm, column_mm = first.numbers("PixelSpacing", 2)
    origin = places[int(along.argmin())]
    try:
        geometry = Geometry(
            (count, rows, columns),
            (step_mm, row_mm, column_mm),
            cast(Triple, tuple(float(v) for v in origin)),
            tuple(float(v) for v in np.column_stack([x_axis, y_axis, normal]).ravel()),
        )
    except InputError as error:
        raise InputError(f"{file.file}: {error}") from None
    return geometry, np.rint(levels).astype(int).tolist()


def drawn_on(file: Instance) -> DrawnOn:
    """The frame of reference and the series that a segmentation refers to.

    Raises:
        InputError: its references are damaged.
    """
    images = {
        series.text("SeriesInstanceUID"): frozenset(
            i.text("ReferencedSOPInstanceUID") for i in series.items("ReferencedInstanceSequence")
        )
        - {""}
        for series in file.items("ReferencedSeriesSequence")
    }
    return DrawnOn(frozenset({file.text("FrameOfReferenceUID")} - {""}), images)
