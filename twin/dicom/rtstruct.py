"""RTSTRUCT contours as masks on a scan's grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from twin.contours import mask
from twin.dicom.series import Instance
from twin.errors import InputError
from twin.geometry import Geometry
from twin.structures import bounding_box
from twin.volume import Volume

_CONTOUR_DATA = 0x30060050
_FAR_MM = 1e5  # no patient reaches so far
_OFF_PLANE_MM = 0.5  # a contour's points may leave their plane by this much


@dataclass(frozen=True, eq=False)
class Roi:
    """One region of interest as it stands in the file.

    Args:
        name: ROIName.
        contours: (n, 3) LPS points, mm, of each closed planar contour.
        colour: RGB, where given.
    """

    name: str
    contours: tuple[np.ndarray, ...]
    colour: tuple[int, int, int] | None


def read_rois(file: Instance) -> list[Roi]:
    """All regions of an RTSTRUCT in its order; points and open lines are left out.

    Raises:
        InputError: a region without a number, or contour data that are not triples of finite numbers.
    """
    try:
        drawn = {int(item.ReferencedROINumber): item for item in file.get("ROIContourSequence", ())}
        named = [
            (int(item.ROINumber), str(item.get("ROIName") or "").strip())
            for item in file.get("StructureSetROISequence", ())
        ]
        return [_roi(name or f"ROI {number}", drawn.get(number)) for number, name in named]
    except InputError as error:
        raise InputError(f"{file.file}: {error}") from None
    except Exception as error:  # pydicom raises many types on damaged items
        raise InputError(f"{file.file} is a damaged RTSTRUCT") from error


def _roi(name: str, item: Dataset | None) -> Roi:
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


def roi_mask(roi: Roi, geometry: Geometry) -> Volume | None:
    """The region as a uint8 mask on the smallest crop of the grid that holds it, or None where it is empty.

    Each contour belongs to the slice nearest to it; a voxel is inside when at least half its area is, by the
    XOR of the slice's contours (DICOM PS3.3 C.8.8.6.3).

    Args:
        roi: the region.
        geometry: the grid.

    Raises:
        InputError: a contour does not lie in a plane of the grid.
    """
    slices: dict[int, list[np.ndarray]] = defaultdict(list)
    for contour in roi.contours:
        points = geometry.index(contour)
        level = float(points[:, 0].mean())
        if np.ptp(points[:, 0]) * geometry.spacing_mm[0] > 2 * _OFF_PLANE_MM:
            raise InputError(f"a contour of {roi.name} is not drawn in the planes of the scan")
        number = int(np.rint(level))
        if 0 <= number < geometry.shape[0]:
            slices[number].append(points[:, 1:])
    return _rasterise(slices, geometry) if slices else None


def contours_outside(roi: Roi, geometry: Geometry) -> int:
    """How many of a region's contours lie above or below a grid."""
    levels = [float(geometry.index(contour)[:, 0].mean()) for contour in roi.contours]
    return sum(not -0.5 <= level <= geometry.shape[0] - 0.5 for level in levels)


def _rasterise(slices: dict[int, list[np.ndarray]], geometry: Geometry) -> Volume | None:
    points = np.concatenate([p for polygons in slices.values() for p in polygons])
    first = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 1, geometry.shape[1:])
    if (last <= first).any():
        return None
    bottom, top = min(slices), max(slices) + 1
    filled = np.zeros((top - bottom, *(last - first)), dtype=np.uint8)
    for number, polygons in slices.items():
        filled[number - bottom] = mask([p - first for p in polygons], filled.shape[1:])
    if not filled.any():
        return None
    box = (slice(bottom, top), slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1])))
    whole = Volume(geometry.crop(box), filled, "MASK", "1")
    tight = bounding_box(filled)
    return Volume(whole.geometry.crop(tight), np.ascontiguousarray(filled[tight]), "MASK", "1")
