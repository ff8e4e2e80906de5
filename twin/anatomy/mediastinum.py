"""Heart, great vessels, oesophagus and spinal cord, estimated from the lungs, the airway and the spine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
_HEART_TOP_BELOW_CARINA_MM = 30.0
_HEART_SOFT_HU = -60.0
_HEART_BEFORE_SPINE_MM = 12.0
_APEX_BELOW_DOME_MM = 8.0
_HULL_ABOVE_MM = 40.0
_SMOOTH_MM = 6.0
_TELLING_HU = 10.0  # by which blood and liver must differ to be told apart
_DIAPHRAGM_WITHIN_MM = 20.0  # of the line between the domes
_CONTRAST_FROM_HU = 85.0  # blood with contrast agent
_VESSEL_HU = 5.0
_VESSEL_MM = 6.0  # half as wide as the smallest great vessel
_ARCH_ABOVE_CARINA_MM = 45.0
_AORTA_MM = 13.0  # radius of the descending aorta
_AORTA_LEFT_MM = 26.0  # of the spine's middle
_HIATUS_BELOW_DOME_MM = 25.0


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
    disc, edge, around = _discs(coarse, 7.0, 9.0, 14.0)
    ring = around & ~edge
    score = _convolved(hu, _share(ring) - _share(disc)) / 100.0
    rows, columns = np.ogrid[: hu.shape[1], : hu.shape[2]]
    down = (rows - front[:, None, None]) * dy - _CANAL_BEHIND_FRONT_MM
    across = (columns - x[:, None, None]) * dx
    path = np.asarray(_track(score - (down / 18.0) ** 2 - (across / 14.0) ** 2), dtype=np.float64)
    return _smooth(path[:, 0], coarse), _smooth(path[:, 1], coarse)


@dataclass(frozen=True, eq=False)
class Chest:
    """What the organs between the lungs are found from, on a block grid.

    Args:
        coarse: block means of about 4 mm.
        lungs: left and right; one may be empty, as in a small field of view.
        spine: its column.
        carina: slice of the tracheal bifurcation, seen or supposed.
        other: what belongs to none of the organs (tumour, airway).
    """

    coarse: Coarse
    lungs: tuple[np.ndarray, np.ndarray]
    spine: Spine
    carina: int
    other: np.ndarray

    @classmethod
    def of(
        cls,
        coarse: Coarse,
        lungs: tuple[np.ndarray, np.ndarray],
        spine: Spine,
        carina: int | None,
        other: np.ndarray,
    ) -> Chest:
        """A chest whose carina, where it was not seen, is supposed 45 % down from the apices."""
        if carina is None:
            heights = np.nonzero((lungs[0] | lungs[1]).any(axis=(1, 2)))[0]
            lowest = min(_dome(lung, other, coarse) for lung in lungs if lung.any())
            carina = int(heights.max() - 0.45 * (heights.max() - lowest))
        return cls(coarse, lungs, spine, carina, other)

    @property
    def heart_top(self) -> int:
        """The slice below the left pulmonary artery (Feng et al., Int J Radiat Oncol Biol Phys 2011; 79:10)."""
        return int(self.carina - _HEART_TOP_BELOW_CARINA_MM / self.coarse.geometry.spacing_mm[0])

    @cached_property
    def domes(self) -> tuple[float, float]:
        """Slices of the diaphragm's right and left dome; a lung that is not seen has the other's."""
        left, right = (_dome(lung, self.other, self.coarse) if lung.any() else None for lung in self.lungs)
        lowest = -_APEX_BELOW_DOME_MM / self.coarse.geometry.spacing_mm[0]
        right_dome = right if right is not None else left
        left_dome = left if left is not None else right
        if right_dome is None or left_dome is None:
            raise ValueError("a chest has a lung")
        return right_dome, left_dome + lowest

    @cached_property
    def floor(self) -> np.ndarray:
        """(x,) slice of the diaphragm under the heart: a line from the right dome to the left one."""
        left, right = self.lungs
        columns = np.arange(left.shape[2])
        middle = float(self.spine.x.mean())
        ends = [float(np.nonzero(lung)[2].mean()) if lung.any() else np.nan for lung in (right, left)]
        ends = [2 * middle - ends[1 - n] if np.isnan(end) else end for n, end in enumerate(ends)]
        return np.interp(columns, ends, self.domes)

    @cached_property
    def between(self) -> np.ndarray:
        """Blocks between the lungs, before the spine and within the chest wall.

        Within each slice that is the convex hull of the lungs there and up to 40 mm above, where they reach
        further round what lies between them; a lung that is not seen is the other's mirror image.
        """
        left, right = self.lungs
        dz, dy, _ = self.coarse.geometry.spacing_mm
        reach, both = round(_HULL_ABOVE_MM / dz), left | right
        hull = np.zeros_like(both)
        for z in range(len(both)):
            points = np.argwhere(both[z : z + reach + 1].any(axis=0)).astype(float)
            if not (left.any() and right.any()) and len(points):
                mirrored = points * (1, -1) + (0, 2 * self.spine.x[z])
                points = np.concatenate([points, mirrored])
            hull[z] = _hull(points, both.shape[1:])
        rows = np.arange(both.shape[1])[None, :, None]
        return hull & ~both & ~self.other & (rows < (self.spine.front + 5.0 / dy)[:, None, None])


def _hull(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The convex hull of points of a slice as a mask; empty where they span no area."""
    from scipy.spatial import ConvexHull

    if len(points) < 3 or np.ptp(points, axis=0).min() == 0:
        return np.zeros(shape, dtype=bool)
    return mask([points[ConvexHull(points).vertices]], (shape[0], shape[1]))


def _opened(part: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """A mask opened by a ball; what lies at the image's edge is supposed to go on beyond it."""
    pad = [(n // 2, n // 2) for n in ball.shape]
    inner = tuple(slice(p, -p or None) for p, _ in pad)
    return ndimage.binary_opening(np.pad(part, pad, mode="edge"), ball)[inner] & part


def find_heart(chest: Chest, line: np.ndarray) -> np.ndarray | None:
    """The heart between the lungs, from below the left pulmonary artery to the diaphragm, or None.

    Where it meets the liver, blood and liver are told apart by their HU if these differ; else the diaphragm is
    supposed to run straight from dome to dome.

    Args:
        chest: what it is found from.
        line: (n, 2) row and column of the oesophagus in each slice.
    """
    coarse, spine = chest.coarse, chest.spine
    _, dy, dx = coarse.geometry.spacing_mm
    z, y, x = np.ogrid[: coarse.hu.shape[0], : coarse.hu.shape[1], : coarse.hu.shape[2]]
    behind = (spine.front - _HEART_BEFORE_SPINE_MM / dy)[:, None, None]
    place = chest.between & (z <= chest.heart_top) & (y < behind)
    place &= (x > (spine.x - 65.0 / dx)[:, None, None]) & ~_near_line(line, coarse)
    tissue = place & (coarse.hu > _HEART_SOFT_HU)
    above = tissue & (z >= chest.floor[None, None, :])
    if not above.any():
        return None
    place &= _not_liver(chest, above, z)
    tissue &= place
    if not tissue.any():
        return None
    box = bounding_box(tissue, margin=coarse.voxels(12.0))
    heart = largest(_opened(tissue[box], coarse.ball(14.0)))
    if not heart.any():
        return None
    whole = np.zeros_like(tissue)
    whole[box] = ndimage.binary_closing(heart, coarse.ball(12.0)) & place[box] | heart
    return whole


def _near_line(line: np.ndarray, coarse: Coarse) -> np.ndarray:
    """Blocks that the oesophagus takes up around its line."""
    _, dy, dx = coarse.geometry.spacing_mm
    y, x = np.ogrid[: coarse.hu.shape[1], : coarse.hu.shape[2]]
    down, across = (y - line[:, 0, None, None]) * dy, (x - line[:, 1, None, None]) * dx
    return (down / (_OESOPHAGUS_MM[0] + 2.0)) ** 2 + (across / (_OESOPHAGUS_MM[1] + 2.0)) ** 2 <= 1.0


def _not_liver(chest: Chest, above: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Blocks that may be heart: those above the diaphragm, which is looked for near the line between the domes."""
    coarse, floor = chest.coarse, chest.floor[None, None, :]
    dz = coarse.geometry.spacing_mm[0]
    soft = (coarse.hu > -20.0).astype(np.float32)  # fat and lung beside an organ do not count
    sigma = [_SMOOTH_MM / s for s in coarse.geometry.spacing_mm]
    smooth = ndimage.gaussian_filter(np.clip(coarse.hu, 0.0, 300.0) * soft, sigma)
    smooth /= np.maximum(ndimage.gaussian_filter(soft, sigma), 1e-3)
    under_right = (z < chest.domes[0] - 15.0 / dz) & (z > chest.domes[0] - 40.0 / dz)
    footprint = chest.lungs[1].any(axis=0) if chest.lungs[1].any() else above.any(axis=0)
    liver = smooth[under_right & footprint & (coarse.hu > 0) & ~chest.lungs[1]]
    blood = smooth[above & (z > floor + 20.0 / dz)]
    if not liver.size or not blood.size:
        return z >= floor
    ours, theirs = float(np.median(blood)), float(np.median(liver))
    if abs(ours - theirs) < _TELLING_HU:
        return z >= floor
    like = (smooth - (ours + theirs) / 2) * np.sign(ours - theirs) > 0
    near = np.abs(z - floor) <= _DIAPHRAGM_WITHIN_MM / dz
    if ours > _CONTRAST_FROM_HU:  # the heart's muscle is as dense as liver then
        like |= z >= floor
    return np.where(near, like, z >= floor)


def _dome(lung: np.ndarray, other: np.ndarray, coarse: Coarse) -> float:
    """Slice of the diaphragm's dome under one lung: a high quantile of the lung's lower surface, tumour apart."""
    dz = coarse.geometry.spacing_mm[0]
    rows = np.nonzero(lung)[1]
    thick = (lung.sum(axis=0) * dz > 60.0) & ~other.any(axis=0)
    thick[: int(rows.mean())] = False  # in front the lung may lie over the heart
    lowest = lung.argmax(axis=0)[thick]
    return float(np.quantile(lowest, 0.85)) if lowest.size else float(np.nonzero(lung)[0].min())


def find_vessels(chest: Chest, heart: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Aorta, pulmonary trunk with its two arteries and superior vena cava, (z, y, x) bool on the block grid.

    Above the heart that is what is as dense as blood between the lungs and as wide as a great vessel; beside and
    below it the descending aorta, followed as a disc beside the spine.

    Args:
        chest: what they are found from.
        heart: on its grid.
        line: (n, 2) row and column of the oesophagus.
    """
    coarse = chest.coarse
    dz = coarse.geometry.spacing_mm[0]
    z = np.arange(len(coarse.hu))[:, None, None]
    blood = float(np.median(coarse.hu[heart])) if heart.any() else 40.0
    least = (blood + 50.0) / 2 if blood > _CONTRAST_FROM_HU else _VESSEL_HU
    tissue = chest.between & (coarse.hu > least) & ~heart & ~_near_line(line, coarse)
    tissue &= (z > chest.heart_top) & (z <= chest.carina + _ARCH_ABOVE_CARINA_MM / dz)
    vessels = _opened(tissue, coarse.ball(_VESSEL_MM))
    aorta = _descending_aorta(chest, blood)
    return (vessels | aorta) & ~heart & ~chest.lungs[0] & ~chest.lungs[1] & ~chest.other


def _descending_aorta(chest: Chest, blood: float) -> np.ndarray:
    """A disc beside the spine, followed from the arch to the diaphragm, where it fits soft tissue best.

    Nothing where its usual place lies beyond the image.
    """
    coarse, spine = chest.coarse, chest.spine
    dz, dy, dx = coarse.geometry.spacing_mm
    soft = ((coarse.hu > -20.0) & (coarse.hu < blood + 60.0)).astype(np.float32)
    if (spine.x + _AORTA_LEFT_MM / dx > soft.shape[2] - 1).any():
        return np.zeros(soft.shape, dtype=bool)
    disc, edge, around = _discs(coarse, _AORTA_MM - 1.0, _AORTA_MM + 1.0, _AORTA_MM + 6.0)
    ring = around & ~edge
    score = _convolved(soft, _share(disc) - 0.6 * _share(ring))
    rows, columns = np.ogrid[: soft.shape[1], : soft.shape[2]]
    down = (rows - spine.front[:, None, None]) * dy - 2.0
    across = (columns - spine.x[:, None, None]) * dx - _AORTA_LEFT_MM
    score -= (down / 25.0) ** 2 + (across / 30.0) ** 2
    top = min(len(soft), chest.carina + round(10.0 / dz))
    bottom = max(0, diaphragm(chest) - round(_HIATUS_BELOW_DOME_MM / dz))
    whole = np.zeros(soft.shape, dtype=bool)
    for level, (row, column) in zip(range(bottom, top), _track(score[bottom:top]), strict=True):
        whole[level] = np.hypot((rows - row) * dy, (columns - column) * dx) <= _AORTA_MM
    return whole


def _convolved(array: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Each slice with the kernel laid over it."""
    weights = kernel.astype(np.float32)
    return np.stack([ndimage.correlate(plane, weights, mode="nearest") for plane in array])


def _share(part: np.ndarray) -> np.ndarray:
    """Weights that make a mean over a part; none where voxels are larger than it."""
    return part / max(int(part.sum()), 1)


def _discs(coarse: Coarse, *radii_mm: float) -> list[np.ndarray]:
    """Discs of these radii on the grid of a slice."""
    _, dy, dx = coarse.geometry.spacing_mm
    half = [int(max(radii_mm) / step) + 1 for step in (dy, dx)]
    y, x = np.ogrid[-half[0] : half[0] + 1, -half[1] : half[1] + 1]
    radius = np.hypot(y * dy, x * dx)
    return [radius <= r for r in radii_mm]


def _track(score: np.ndarray) -> list[tuple[int, int]]:
    """The (row, column) in each slice with the highest sum of scores, moving at most one block a slice."""
    if not len(score):
        return []
    total = [score[0]]
    for plane in score[1:]:
        total.append(plane + ndimage.maximum_filter(total[-1], 3, mode="nearest"))
    path = [divmod(int(total[-1].argmax()), score.shape[2])]
    for plane in total[-2::-1]:
        row, column = path[-1]
        a, b = max(0, row - 1), max(0, column - 1)
        part = plane[a : row + 2, b : column + 2]
        i, j = divmod(int(part.argmax()), part.shape[1])
        path.append((a + i, b + j))
    return path[::-1]


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


def diaphragm(chest: Chest) -> int:
    """The lower of the two domes, as a slice."""
    return int(min(_dome(lung, chest.other, chest.coarse) for lung in chest.lungs if lung.any()))
