"""Heart, oesophagus and spinal cord, estimated from the lungs, the airway and the spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse
from twin.anatomy.lungs import largest
from twin.contours.planar import mask
from twin.geometry import Geometry
from twin.structures import bounding_box

_BONE_HU = 180.0
_CONTRAST_HU = (-100.0, 150.0)  # between fat and bone; metal counts as bone
_CANAL_BEHIND_FRONT_MM = 40.0  # vertebral body 25 to 35 mm deep, canal about 16 mm
_CORD_MM = (5.0, 6.5)  # half axes, front to back and across
_OESOPHAGUS_MM = (7.0, 9.0)
_HEART_TOP_BELOW_CARINA_MM = 25.0
_HEART_SOFT_HU = -60.0
_APEX_BELOW_DOME_MM = 8.0


@dataclass(frozen=True, eq=False)
class Spine:
    """Where the vertebral column runs, on a block grid.

    Args:
        x: (n,) column of its middle in each slice.
        front: (n,) row of the vertebral bodies' front.
        canal: (n,) row of the vertebral canal's centre.
    """

    x: np.ndarray
    front: np.ndarray
    canal: np.ndarray


def _bone_behind(coarse: Coarse, body: np.ndarray) -> np.ndarray:
    """Bone in the hinder half of the body."""
    bone = (coarse.hu > _BONE_HU) & body
    bone[:, : int(np.nonzero(body.any(axis=(0, 2)))[0].mean())] = False
    return bone


def spine_column(coarse: Coarse, body: np.ndarray) -> float | None:
    """The column of blocks with most bone behind, or None where there is none.

    In a body that is seen whole it is looked for within 50 mm of the middle, where no shoulder is.

    Args:
        coarse: block means.
        body: on their grid, not empty.
    """
    dx = coarse.geometry.spacing_mm[2]
    across = _bone_behind(coarse, body).sum(axis=(0, 1)).astype(float)
    across = ndimage.gaussian_filter1d(across, 15.0 / dx, mode="constant")
    columns = np.nonzero(body.any(axis=(0, 1)))[0]
    if columns[0] > 0 and columns[-1] < len(across) - 1:
        across[np.abs(np.arange(len(across)) - columns.mean()) > 50.0 / dx] = 0.0
    return float(np.argmax(across)) if across.any() else None


def find_spine(coarse: Coarse, body: np.ndarray) -> Spine | None:
    """The vertebral column from its bone, or None where none is seen."""
    dx = coarse.geometry.spacing_mm[2]
    column = spine_column(coarse, body)
    if column is None:
        return None
    x0, bone = int(column), _bone_behind(coarse, body)
    window = slice(max(0, x0 - round(25.0 / dx)), x0 + round(25.0 / dx) + 1)
    weights = bone[:, :, window].sum(axis=1).astype(float)
    centres = (weights * np.arange(window.start, window.start + weights.shape[1])).sum(axis=1)
    found = weights.sum(axis=1) > 0
    if found.sum() < 3:
        return None
    x = _smooth(np.where(found, centres / np.maximum(weights.sum(axis=1), 1e-9), np.nan), coarse)
    front = _front(coarse, x)
    return Spine(x, front, _canal(coarse, x, front))


def _smooth(values: np.ndarray, coarse: Coarse) -> np.ndarray:
    """A line through slices: gaps filled, outliers taken out, smoothed over 15 mm."""
    good = np.isfinite(values)
    filled = np.interp(np.arange(len(values)), np.flatnonzero(good), values[good])
    dz = coarse.geometry.spacing_mm[0]
    steady = ndimage.median_filter(filled, size=2 * round(20.0 / dz) + 1, mode="nearest")
    return ndimage.gaussian_filter1d(steady, 15.0 / dz, mode="nearest")


def _near(array: np.ndarray, x: np.ndarray, half: int) -> np.ndarray:
    """(z, y) mean over the columns within `half` of x[z]."""
    planes = []
    for plane, middle in zip(array, x, strict=True):
        a = max(0, round(middle) - half)
        planes.append(plane[:, a : round(middle) + half + 1].mean(axis=1))
    return np.asarray(planes)


def _path(score: np.ndarray) -> np.ndarray:
    """The row in each slice that makes the highest sum of scores while moving at most one row a slice."""
    total = score[0]
    came_from = np.zeros(score.shape, dtype=np.int64)
    for z in range(1, len(score)):
        steps = np.stack([np.pad(total, 1, constant_values=-np.inf)[k : k + len(total)] for k in range(3)])
        came_from[z] = steps.argmax(axis=0) - 1
        total = steps.max(axis=0) + score[z]
    path = [int(total.argmax())]
    for z in range(len(score) - 1, 0, -1):
        path.append(path[-1] + int(came_from[z, path[-1]]))
    return np.asarray(path[::-1], dtype=np.float64)


def _front(coarse: Coarse, x: np.ndarray) -> np.ndarray:
    """Row of the front of the vertebral bodies: 20 mm of bone behind, 20 mm of soft tissue or lung before.

    Marrow of old bone is hardly denser than muscle, so no threshold finds it in every slice; the path does.
    """
    _, dy, dx = coarse.geometry.spacing_mm
    profile = _near(np.clip(coarse.hu, *_CONTRAST_HU), x, max(1, round(8.0 / dx)))
    reach = max(1, round(20.0 / dy))
    sums = np.cumsum(np.pad(profile, ((0, 0), (reach + 1, reach)), mode="edge"), axis=1)
    behind, before = (
        sums[:, 2 * reach :] - sums[:, reach:-reach],
        sums[:, reach:-reach] - sums[:, : -2 * reach],
    )
    score = (behind - before)[:, : profile.shape[1]] / reach
    score[:, : profile.shape[1] // 3] = -1e6
    return _smooth(_path(score), coarse)


def _canal(coarse: Coarse, x: np.ndarray, front: np.ndarray) -> np.ndarray:
    """Row of the canal's centre: the dark gap behind the vertebral body, held near its usual depth."""
    dz, dy, dx = coarse.geometry.spacing_mm
    profile = _near(np.clip(coarse.hu, 0.0, 400.0), x, max(1, round(5.0 / dx)))
    profile = ndimage.gaussian_filter(profile, (5.0 / dz, 3.0 / dy))
    off_mm = (np.arange(profile.shape[1])[None, :] - front[:, None]) * dy - _CANAL_BEHIND_FRONT_MM
    score = np.where(np.abs(off_mm) < 14.0, -profile - 0.7 * off_mm**2, -1e6)
    return _smooth(_path(score), coarse)


def find_heart(
    coarse: Coarse, lungs: tuple[np.ndarray, np.ndarray], spine: Spine, carina: int | None, other: np.ndarray
) -> np.ndarray | None:
    """The heart between the lungs, from below the carina to the diaphragm, or None where it is not seen.

    Args:
        coarse: block means of about 4 mm.
        lungs: left and right, on its grid.
        spine: on its grid.
        carina: slice of the tracheal bifurcation.
        other: what is not heart (tumour), on its grid.
    """
    left, right = lungs
    if not left.any() or not right.any():
        return None
    dz, dy, dx = coarse.geometry.spacing_mm
    domes = _dome(right, coarse), _dome(left, coarse)
    heights = np.nonzero((left | right).any(axis=(1, 2)))[0]
    if carina is None:  # about 45 % down from the apices
        carina = int(heights.max() - 0.45 * (heights.max() - min(domes)))
    top = int(carina - _HEART_TOP_BELOW_CARINA_MM / dz)
    floor = _floor(domes, lungs, coarse)
    z, y, x = np.ogrid[: left.shape[0], : left.shape[1], : left.shape[2]]
    behind = (spine.front - 22.0 / dy)[:, None, None]
    between = (z <= top) & (z >= floor[None, None, :]) & (y < behind)
    between = between & (x > (spine.x - 65.0 / dx)[:, None, None])
    tissue = between & (coarse.hu > _HEART_SOFT_HU) & ~left & ~right & ~other
    tissue &= _within_hull(left | right, tissue)
    if not tissue.any():
        return None
    box = bounding_box(tissue, margin=coarse.voxels(8.0))
    part = tissue[box]
    heart = largest(ndimage.binary_opening(part, coarse.ball(14.0)))
    if not heart.any():
        return None
    whole = np.zeros_like(tissue)
    whole[box] = ndimage.binary_closing(heart, coarse.ball(8.0)) & part
    return whole


def _dome(lung: np.ndarray, coarse: Coarse) -> float:
    """Slice of the diaphragm's dome under one lung: a high quantile of the lung's lower surface."""
    dz = coarse.geometry.spacing_mm[0]
    rows = np.nonzero(lung)[1]
    thick = lung.sum(axis=0) * dz > 60.0
    thick[: int(rows.mean())] = False  # in front the lung may lie over the heart
    lowest = lung.argmax(axis=0)[thick]
    return float(np.quantile(lowest, 0.85)) if lowest.size else float(np.nonzero(lung)[0].min())


def _floor(domes: tuple[float, float], lungs: tuple[np.ndarray, np.ndarray], coarse: Coarse) -> np.ndarray:
    """(x,) slice of the diaphragm under the heart: a line from the right dome to the left one."""
    left, right = lungs
    ends = [float(np.nonzero(lung)[2].mean()) for lung in (right, left)]
    apex = domes[1] - _APEX_BELOW_DOME_MM / coarse.geometry.spacing_mm[0]
    return np.interp(np.arange(left.shape[2]), ends, (domes[0], apex))


def _within_hull(lungs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Per slice the convex hull of the lungs, where something is wanted."""
    from scipy.spatial import ConvexHull

    hull = np.zeros_like(lungs)
    for z in np.flatnonzero(wanted.any(axis=(1, 2)) & lungs.any(axis=(1, 2))):
        points = np.argwhere(lungs[z]).astype(float)
        if np.ptp(points, axis=0).min() > 0:
            hull[z] = mask([points[ConvexHull(points).vertices]], lungs[z].shape)
    return hull


def oesophagus_line(spine: Spine, trachea: np.ndarray, carina: int | None, coarse: Coarse) -> np.ndarray:
    """(n, 2) row and column of the oesophagus in each slice: behind the trachea, then before the spine.

    Args:
        spine: on the grid of `coarse`.
        trachea: airway lumen on that grid.
        carina: slice of the bifurcation, or None.
        coarse: block means.
    """
    dz, dy, dx = coarse.geometry.spacing_mm
    n = len(spine.x)
    row, column = spine.front - 11.0 / dy, spine.x + 5.0 / dx
    for z in range(carina if carina is not None else n, n):
        rows, columns = np.nonzero(trachea[z])
        if len(rows):
            row[z] = min(rows.max() + 0.5 + 6.0 / dy, spine.front[z] - 5.0 / dy)
            column[z] = columns.mean() + 5.0 / dx
    if (
        carina is not None
    ):  # it leaves the spine for the hiatus, forwards and to the left, over the last 12 cm
        down_mm = np.clip((carina - np.arange(n)) * dz - 40.0, 0.0, 100.0)
        row, column = row - 0.13 * down_mm / dy, column + 0.10 * down_mm / dx
    return np.column_stack([ndimage.gaussian_filter1d(v, 8.0 / dz, mode="nearest") for v in (row, column)])


def tube(
    line: np.ndarray, half_axes_mm: tuple[float, float], slices: range, coarse: Coarse, full: Geometry
) -> np.ndarray:
    """An elliptic tube along a line of the block grid as a (z, y, x) bool mask of the full grid.

    Args:
        line: (n, 2) row and column in each slice of blocks.
        half_axes_mm: along rows and columns.
        slices: which slices of blocks it spans.
        coarse: the block grid.
        full: the grid of the mask.
    """
    mask = np.zeros(full.shape, dtype=bool)
    centres = (line + 0.5) * coarse.factors[1:] - 0.5
    levels = (np.arange(len(line)) + 0.5) * coarse.factors[0] - 0.5
    first = max(0, slices.start * coarse.factors[0])
    last = min(full.shape[0], slices.stop * coarse.factors[0])
    reach = [int(a / s) + 2 for a, s in zip(half_axes_mm, full.spacing_mm[1:], strict=True)]
    for z in range(first, last):
        row, column = (float(np.interp(z, levels, centres[:, k])) for k in (0, 1))
        ys = slice(max(0, int(row) - reach[0]), int(row) + reach[0] + 2)
        xs = slice(max(0, int(column) - reach[1]), int(column) + reach[1] + 2)
        y, x = np.ogrid[ys, xs]
        dy = (y[: full.shape[1]] - row) * full.spacing_mm[1] / half_axes_mm[0]
        dx = (x - column) * full.spacing_mm[2] / half_axes_mm[1]
        part = mask[z, ys, xs]
        part |= (dy**2 + dx**2 <= 1.0)[: part.shape[0], : part.shape[1]]
    return mask


def cord(spine: Spine, coarse: Coarse, full: Geometry) -> np.ndarray:
    """The spinal cord along the vertebral canal, (z, y, x) bool on the full grid."""
    line = np.column_stack([spine.canal, spine.x])
    return tube(line, _CORD_MM, range(len(line)), coarse, full)


def oesophagus(line: np.ndarray, lowest: int, coarse: Coarse, full: Geometry) -> np.ndarray:
    """The oesophagus from a slice upwards, (z, y, x) bool on the full grid."""
    return tube(line, _OESOPHAGUS_MM, range(max(0, lowest), len(line)), coarse, full)


def diaphragm(lungs: tuple[np.ndarray, np.ndarray], coarse: Coarse) -> int:
    """The lower of the two domes, as a slice."""
    return int(min(_dome(lung, coarse) for lung in lungs))
