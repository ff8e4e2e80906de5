"""RTSTRUCT: its regions, and what they are drawn on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from twin.dicom.instance import Instance
from twin.errors import InputError
from twin.nomenclature.labels import Labels, Shown

_CONTOUR_DATA = 0x30060050
_FAR_MM = 1e5  # no patient reaches so far


@dataclass(frozen=True, eq=False)
class Roi:
    """One region of interest as it stands in the file.

    Args:
        name: ROIName as it may be kept, and in memory as it is.
        contours: (n, 3) LPS points, mm, of each closed planar contour.
        colour: RGB, where given.
    """

    name: Shown
    contours: tuple[np.ndarray, ...]
    colour: tuple[int, int, int] | None


def read_rois(file: Instance, labels: Labels) -> list[Roi]:
    """All regions of an RTSTRUCT in its order; points and open lines are left out.

    Args:
        file: the RTSTRUCT.
        labels: gives what may be kept of their names.

    Raises:
        InputError: a region without a number, or contour data that are not triples of finite numbers.
    """
    try:
        drawn = {int(item.ReferencedROINumber): item for item in file.get("ROIContourSequence", ())}
        named = [
            (int(item.ROINumber), str(item.get("ROIName") or "").strip())
            for item in file.get("StructureSetROISequence", ())
        ]
        return [_roi(labels.of(name or f"ROI {number}"), drawn.get(number)) for number, name in named]
    except InputError as error:
        raise InputError(f"{file.file}: {error}") from None
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTSTRUCT") from error


def _roi(name: Shown, item: Dataset | None) -> Roi:
    if item is None:
        return Roi(name, (), None)
    contours = []
    for contour in item.get("ContourSequence") or ():
        if contour.get("ContourGeometricType", "CLOSED_PLANAR") not in ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"):
            continue
        points = _points(contour)
        if points.size % 3 or not (np.abs(points) < _FAR_MM).all():
            raise InputError(f"a contour of {name} is not a list of x, y, z positions in mm")
        if points.size >= 9:
            contours.append(points.reshape(-1, 3))
    rgb = item.get("ROIDisplayColor")
    colour = (int(rgb[0]), int(rgb[1]), int(rgb[2])) if rgb is not None and len(rgb) == 3 else None
    return Roi(name, tuple(contours), colour)


def _points(contour: Dataset) -> np.ndarray:
    """ContourData as it stands in the file: pydicom's decimal strings would take ten times as long."""
    raw = contour.get_item(_CONTOUR_DATA)
    if raw is None or not raw.value:
        return np.zeros(0)
    values = raw.value.rstrip(b"\x00 ").split(b"\\") if isinstance(raw.value, bytes) else raw.value
    return np.asarray([float(v) for v in values])


@dataclass(frozen=True)
class DrawnOn:
    """What an RTSTRUCT says it is drawn on.

    Args:
        frames: frames of reference; empty where it names none.
        images: the images of each series that it names; empty where it names none.
    """

    frames: frozenset[str]
    images: Mapping[str, frozenset[str]]


def drawn_on(file: Instance) -> DrawnOn:
    """The frames and series that an RTSTRUCT refers to.

    Raises:
        InputError: its references are damaged.
    """
    frames: set[str] = set()
    images: dict[str, frozenset[str]] = {}
    try:
        for frame in file.get("ReferencedFrameOfReferenceSequence", ()):
            frames.add(str(frame.get("FrameOfReferenceUID") or ""))
            for study in frame.get("RTReferencedStudySequence") or ():
                for item in study.get("RTReferencedSeriesSequence") or ():
                    listed = item.get("ContourImageSequence") or ()
                    named = frozenset(str(i.get("ReferencedSOPInstanceUID") or "") for i in listed)
                    images[str(item.get("SeriesInstanceUID") or "")] = named - {""}
        for item in file.get("StructureSetROISequence", ()):
            frames.add(str(item.get("ReferencedFrameOfReferenceUID") or ""))
    except InputError:
        raise
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTSTRUCT") from error
    return DrawnOn(frozenset(frames - {""}), images)
