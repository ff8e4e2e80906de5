"""A series taken apart into volumes: it is judged by all its files, and what is no volume is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from twin.dicom.images import multiframe
from twin.dicom.images.series import Series, Stack, alike
from twin.dicom.instance import Instance, multi_frame
from twin.dicom.left_out import LeftOut
from twin.errors import InputError

_LEAST_SLICES = 3
_MOST = 0.8  # share of the positions
_REGIONS = 3
# Tags by which volumes that lie over one another in a series are told apart, the most telling first.
_APART = (
    "AcquisitionNumber", "TemporalPositionIdentifier", "TemporalPositionIndex", "NominalPercentageOfCardiacPhase",
    "TriggerTime", "EchoTime", "ImageType", "SliceThickness", "ConvolutionKernel", "AcquisitionDateTime",
    "AcquisitionTime", "ImageComments",
)  # fmt: skip
_GEOMETRY = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns")


def stacks(series: Series, left_out: LeftOut) -> list[Stack]:
    """The volumes of an image series.

    Scouts, screen captures and reports that lie in a series of slices are told by each file's own tags; slices of
    another frame, orientation, size or spacing are another stack; so are slices that lie over others and differ
    from them in a tag that scanners use for it. A stack with a slice missing is left out whole.

    Args:
        series: CT, PT or MR.
        left_out: takes what is no volume.
    """
    whole = _single(series, left_out)
    files = [f for f in whole if _is_slice(series.modality, f, left_out)]
    found = [s for group in _groups(files) for s in _even(Series(series.modality, group), left_out)]
    return sorted(found, key=lambda s: -len(s.files))


def _single(series: Series, left_out: LeftOut) -> Sequence[Instance]:
    """The files of a series, multi-frame ones as their frames."""
    if not any(multi_frame(f) for f in series.files):
        return series.files
    kind = series.modality
    try:
        taken_apart = multiframe.slices(series) if kind in ("CT", "MR") else None
    except InputError as error:
        left_out.add(kind, series.files, error)
        return ()
    if taken_apart is None:
        left_out.add(
            kind,
            series.files,
            "a multi-frame image without the geometry of its frames; convert it to single slices",
        )
        return ()
    return taken_apart.files


def _is_slice(kind: str, file: Instance, left_out: LeftOut) -> bool:
    try:
        if "LOCALIZER" in file.text("ImageType").upper():
            left_out.add(kind, [file], "a scout is no volume")
            return False
        missing = next((keyword for keyword in _GEOMETRY if not file.has(keyword)), None)
        if missing is not None:
            left_out.add(
                kind, [file], f"{file.file}: {missing} is missing, as in a report or a screen capture"
            )
            return False
        alike(file, file)
        file.numbers("ImagePositionPatient", 3)
    except InputError as error:
        left_out.add(kind, [file], error)
        return False
    return True


def _groups(files: Sequence[Instance]) -> list[tuple[Instance, ...]]:
    """Files of one frame of reference, size, spacing and orientation."""
    groups: list[list[Instance]] = []
    for file in files:
        frame = file.text("FrameOfReferenceUID")
        for group in groups:
            if group[0].text("FrameOfReferenceUID") == frame and alike(group[0], file):
                group.append(file)
                break
        else:
            groups.append([file])
    return [tuple(group) for group in groups]


def _even(series: Series, left_out: LeftOut) -> list[Stack]:
    """The group as one stack; where it is none, as the stacks that a tag parts it into."""
    try:
        return [_stack(series)]
    except InputError as error:
        good, bad = _parted(series) or ([], [(series, error)])
    for part, reason in bad:
        left_out.add(part.modality, part.files, reason)
    return good


Parted = tuple[list[Stack], list[tuple[Series, InputError]]]


def _parted(series: Series) -> Parted | None:
    """The stacks that the most telling tag makes of a group, and what is none of them.

    Phases lie over one another and each has nearly all positions; single images of another acquisition are few.
    So the largest stack must reach most positions, or all of up to three parts must be stacks (two regions scanned
    in one series); else a slice is missing and the tag only says in which rotation.
    """
    positions = len({f.text("ImagePositionPatient") for f in series.files})
    for keyword in _APART:
        parts: dict[str, list[Instance]] = defaultdict(list)
        for file in series.files:
            parts[file.text(keyword)].append(file)
        good: list[Stack] = []
        bad: list[tuple[Series, InputError]] = []
        for _, files in sorted(parts.items()):
            part = Series(series.modality, tuple(files))
            try:
                good.append(_stack(part))
            except InputError as error:
                bad.append((part, error))
        most = max((len(s.files) for s in good), default=0)
        if len(parts) > 1 and (most >= _MOST * positions or (not bad and len(parts) <= _REGIONS)):
            return good, bad
    return None


def _stack(series: Series) -> Stack:
    series = _doubles_once(series)
    n = len(series.files)
    if n < _LEAST_SLICES:
        raise InputError(f"a {series.modality} series of {n} image{'s' * (n > 1)} that is no volume")
    return Stack.of(series)


def _doubles_once(series: Series) -> Series:
    """Of images with the same pixels at the same place, as a series sent twice has them, one."""
    at: dict[str, list[Instance]] = defaultdict(list)
    for file in series.files:
        at[file.text("ImagePositionPatient")].append(file)
    if len(at) == 1 and len(series.files) > 1:
        raise InputError(f"all {len(series.files)} images lie at one position, as in bolus tracking")
    kept = []
    for files in at.values():
        first, *others = files
        kept += [first, *(f for f in others if not _same_pixels(first, f))]
    return Series(series.modality, tuple(kept))


def _same_pixels(one: Instance, other: Instance) -> bool:
    scale = ("RescaleSlope", "RescaleIntercept")
    try:
        return [one.text(k) for k in scale] == [other.text(k) for k in scale] and np.array_equal(
            one.pixels(), other.pixels()
        )
    except Exception:  # pydicom raises many types on damaged pixels
        return False
