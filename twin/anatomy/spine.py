"""The vertebral column, found by its bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse
from twin.anatomy.tracks import convolved, discs, share, track

_BONE_HU = 180.0
_CONTRAST_HU = (-100.0, 150.0)  # between fat and bone; metal counts as bone
_CANAL_BEHIND_FRONT_MM = 40.0  # vertebral body 25 to 35 mm deep, canal about 16 mm


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
    canal, middle = _canal(coarse, x, front)
    return Spine(middle, front, canal)


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


def _canal(coarse: Coarse, x: np.ndarray, front: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the canal's centre: a dark disc in a ring of bone, held near its usual place."""
    dz, dy, dx = coarse.geometry.spacing_mm
    hu = ndimage.gaussian_filter1d(np.clip(coarse.hu, 0.0, 400.0), 4.0 / dz, axis=0)
    disc, edge, around = discs(coarse, 7.0, 9.0, 14.0)
    ring = around & ~edge
    score = convolved(hu, share(ring) - share(disc)) / 100.0
    rows, columns = np.ogrid[: hu.shape[1], : hu.shape[2]]
    down = (rows - front[:, None, None]) * dy - _CANAL_BEHIND_FRONT_MM
    across = (columns - x[:, None, None]) * dx
    path = np.asarray(track(score - (down / 18.0) ** 2 - (across / 14.0) ** 2), dtype=np.float64)
    return _smooth(path[:, 0], coarse), _smooth(path[:, 1], coarse)
