"""Enhanced (multi-frame) CT and MR as the slices that they hold (DICOM PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from twin.dicom.images.series import Series
from twin.dicom.instance import Instance, multi_frame
from twin.errors import InputError
from twin.nomenclature.labels import Shown

# Where the functional groups keep what a classic slice has at its top.
_GROUP = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "RescaleType": "PixelValueTransformationSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "ReferencedSegmentNumber": "SegmentIdentificationSequence",
    "TemporalPositionIndex": "FrameContentSequence",
}


@dataclass(frozen=True, eq=False)
class Whole:
    """A multi-frame file whose pixels are decoded once.

    Args:
        instance: the file.
    """

    instance: Instance

    @cached_property
    def array(self) -> np.ndarray:
        """(frames, rows, columns) stored values."""
        values = self.instance.pixels()
        return values if values.ndim == 3 else values[None]


@dataclass(frozen=True, eq=False)
class Frame(Instance):
    """One slice of a multi-frame file.

    Args:
        whole: the file.
        index: of the frame, from 0.
        groups: its own functional groups, then those that all frames share.
    """

    whole: Whole
    index: int
    groups: tuple[Dataset, ...]

    def get(self, keyword: str, default: Any = None) -> Any:
        """A tag's value as a classic slice would have it."""
        if keyword == "NumberOfFrames":
            return default
        if keyword == "SOPInstanceUID":
            return f"{super().get(keyword, '')}.{self.index + 1}"
        if keyword not in _GROUP:
            return super().get(keyword, default)
        try:
            for group in self.groups:
                items: Sequence[Dataset] = group.get(_GROUP[keyword]) or ()
                if items and items[0].get(keyword) is not None:
                    return items[0].get(keyword)
        except Exception as error:  # pydicom raises many types on damaged values
            raise InputError(f"{self.file}: {keyword} is damaged and cannot be read") from error
        return default

    def _texts(self, keyword: str) -> list[bytes] | None:
        return None  # they stand in the groups

    def pixels(self) -> np.ndarray:
        """(rows, columns) stored values."""
        return np.asarray(self.whole.array[self.index])


def slices(series: Series) -> Series | None:
    """The series with each multi-frame file taken apart, or None where one has no functional groups.

    Raises:
        InputError: functional groups that are damaged or not as many as frames.
    """
    files: list[Instance] = []
    for file in series.files:
        parts = frames(file) if multi_frame(file) else [file]
        if parts is None:
            return None
        files += parts
    return Series(series.modality, tuple(files))


def frames(file: Instance) -> list[Frame] | None:
    """The frames of a file, or None where it has no functional groups.

    Raises:
        InputError: functional groups that are damaged or not as many as frames.
    """
    own = file.get("PerFrameFunctionalGroupsSequence")
    if not own:
        return None
    shared = file.get("SharedFunctionalGroupsSequence") or ()
    count = int(file.number("NumberOfFrames") or 1)
    try:
        groups = [(group, *shared) for group in own]
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file}: its functional groups are damaged") from error
    if len(groups) != count:
        raise InputError(f"{file.file} has {count} frames and {len(groups)} functional groups")
    whole = Whole(file)
    names = [Shown(f"{file.file} (frame {n + 1})", file.file.original) for n in range(count)]
    return [
        Frame(name, file.data, whole, n, group)
        for n, (name, group) in enumerate(zip(names, groups, strict=True))
    ]
