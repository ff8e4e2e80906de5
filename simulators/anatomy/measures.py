"""What a radiologist measures on a tumour mask: RECIST diameters and volume, on each date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin import InputError, PatientTwin, Volume
from twin.structures import bounding_box

Response = Literal["complete", "partial", "stable", "progression"]


SMALLEST_LESION_CM3 = (
    0.05  # smaller fragments beside a larger one are not measured; a sphere of 4.6 mm [assumed]
)


@dataclass(frozen=True)
class TumourSize:
    """The size of all GTVs on one date.

    Args:
        time_days: days from day 0.
        cm3: volume, cm3.
        longest_mm: sum over the lesions of the longest diameter in any axial slice, mm; RECIST 1.1 adds the
            fragments of a lesion that falls apart.
        perpendicular_mm: of the largest lesion, the longest diameter at right angles in the same slice, mm.
        lesions: how many were measured.
    """

    time_days: float
    cm3: float
    longest_mm: float
    perpendicular_mm: float
    lesions: int


def axial_diameters(mask: Volume) -> tuple[float, float]:
    """The longest axial diameter of a mask and the longest one at right angles to it in that slice, mm.

    Measured between the outer edges of voxels, over all slices.

    Args:
        mask: (z, y, x), nonzero inside.

    Raises:
        InputError: the mask is empty.
    """
    filled = np.asarray(mask.array) > 0
    if not filled.any():
        raise InputError("an empty mask has no diameter")
    best = (0.0, 0.0)
    # The widest slice comes first, so that most others need no hull: none can exceed its box's diagonal.
    spacing = mask.geometry.spacing_mm[1:]
    boxes = [_diagonal(plane, spacing) for plane in filled]
    for z in np.argsort(boxes)[::-1]:
        if boxes[z] <= best[0]:
            break
        best = max(best, _diameters(_outline(filled[z]) * spacing))
    return best


def size(mask: Volume, time_days: float) -> TumourSize:
    """The size of a mask that may hold several lesions; all zero where it is empty.

    Args:
        mask: (z, y, x), nonzero inside.
        time_days: of the image, days from day 0.
    """
    from scipy.ndimage import find_objects, label

    filled = np.asarray(mask.array) > 0
    cm3 = float(filled.sum()) * mask.geometry.voxel_cm3
    if not filled.any():
        return TumourSize(time_days, 0.0, 0.0, 0.0, 0)
    inside = bounding_box(filled)
    here = mask.geometry.crop(inside)
    parts, n = label(filled[inside], np.ones((3, 3, 3)))
    volumes = np.bincount(parts.ravel(), minlength=n + 1)[1:] * mask.geometry.voxel_cm3
    measured = []
    for index, box in enumerate(find_objects(parts)):
        if volumes[index] >= SMALLEST_LESION_CM3 or volumes[index] == volumes.max():
            lesion = Volume(here.crop(box), (parts[box] == index + 1).astype(np.uint8), "MASK", "1")
            measured.append(axial_diameters(lesion))
    return TumourSize(time_days, cm3, float(sum(d for d, _ in measured)), max(measured)[1], len(measured))


def sizes(twin: PatientTwin) -> list[TumourSize]:
    """Size of all GTVs together on every contoured date, by time.

    Args:
        twin: the patient.
    """
    rows = []
    for structures in twin.structures:
        if structures.role("GTV"):
            mask = structures.gtv()
            box = bounding_box(mask)
            crop = Volume(structures.geometry.crop(box), mask[box].astype(np.uint8), "MASK", "1")
            rows.append(size(crop, structures.time_days))
    return sorted(rows, key=lambda r: r.time_days)


def recist(sums_mm: Iterable[float]) -> list[Response]:
    """The response at each follow-up from the sums of the target lesions' diameters (RECIST 1.1, Eisenhauer 2009).

    Progression: 20 % and 5 mm or more above the smallest sum so far. Partial: 30 % or more below the baseline.

    Args:
        sums_mm: baseline first, then each follow-up, mm.

    Returns:
        One response for each follow-up.

    Raises:
        InputError: no baseline, or one that is not positive.

    Example:
        >>> recist([50, 40, 34, 36, 42, 0])
        ['stable', 'partial', 'stable', 'progression', 'complete']
    """
    baseline, *later = sums_mm
    if not baseline > 0:
        raise InputError(f"a baseline sum of diameters must be positive, not {baseline:g} mm")
    out: list[Response] = []
    smallest = baseline
    for total in later:
        grown = total - smallest
        if total == 0:
            out.append("complete")
        elif grown >= 5.0 and grown >= 0.2 * smallest:
            out.append("progression")
        else:
            out.append("partial" if total <= 0.7 * baseline else "stable")
        smallest = min(smallest, total)
    return out


def _diagonal(plane: np.ndarray, spacing_mm: tuple[float, float]) -> float:
    """Of the box around a slice's voxels, mm; 0 where it is empty."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    if not rows.size:
        return 0.0
    return float(np.hypot((np.ptp(rows) + 1) * spacing_mm[0], (np.ptp(columns) + 1) * spacing_mm[1]))


def _outline(plane: np.ndarray) -> np.ndarray:
    """Corners of a slice's convex hull, (n, 2) as (row, column) indices at voxel edges."""
    from scipy.spatial import ConvexHull

    rows, columns = np.nonzero(plane)
    first: dict[int, tuple[int, int]] = {}
    for r, c in zip(rows.tolist(), columns.tolist(), strict=True):
        low, high = first.get(r, (c, c))
        first[r] = min(low, c), max(high, c)
    corners = [
        (r + dr, c) for r, (low, high) in first.items() for dr in (-0.5, 0.5) for c in (low - 0.5, high + 0.5)
    ]
    points = np.array(corners)
    return points[ConvexHull(points).vertices]


def _diameters(points_mm: np.ndarray) -> tuple[float, float]:
    """Longest distance between two of the points, and their extent at right angles to it, mm."""
    apart = points_mm[:, None] - points_mm[None]
    distance = np.hypot(apart[..., 0], apart[..., 1])
    i, j = np.unravel_index(int(distance.argmax()), distance.shape)
    along = apart[i, j] / distance[i, j]
    across = points_mm @ np.array([-along[1], along[0]])
    return float(distance[i, j]), float(np.ptp(across))
