"""What a radiologist measures on a tumour mask: RECIST diameters and volume, on each date."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twin import InputError, PatientTwin, Volume

Response = Literal["complete", "partial", "stable", "progression"]


@dataclass(frozen=True)
class TumourSize:
    """The size of one tumour.

    Args:
        time_days: days from day 0.
        name: the structure.
        cm3: volume, cm3.
        longest_mm: longest diameter in any axial slice (RECIST 1.1), mm.
        perpendicular_mm: longest diameter at right angles to it in the same slice (WHO, short axis of nodes), mm.
    """

    time_days: float
    name: str
    cm3: float
    longest_mm: float
    perpendicular_mm: float


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
    for plane in filled:
        if plane.any():
            best = max(best, _diameters(_outline(plane) * mask.geometry.spacing_mm[1:]))
    return best


def sizes(twin: PatientTwin) -> list[TumourSize]:
    """Sizes of all GTVs on every contoured date, by time and name."""
    rows = []
    for structures in twin.structures:
        for s in structures.role("GTV"):
            rows.append(TumourSize(structures.time_days, s.name, s.cm3, *axial_diameters(s.mask)))
    return sorted(rows, key=lambda r: (r.time_days, r.name))


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
