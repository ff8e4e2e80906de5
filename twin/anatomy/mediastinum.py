"""Heart, great vessels and diaphragm, estimated from the lungs, the airway and the spine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse
from twin.anatomy.lungs import largest
from twin.anatomy.spine import Spine
from twin.anatomy.tracks import convolved, discs, share, track
from twin.contours.planar import mask
from twin.structures import bounding_box

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
    disc, edge, around = discs(coarse, _AORTA_MM - 1.0, _AORTA_MM + 1.0, _AORTA_MM + 6.0)
    ring = around & ~edge
    score = convolved(soft, share(disc) - 0.6 * share(ring))
    rows, columns = np.ogrid[: soft.shape[1], : soft.shape[2]]
    down = (rows - spine.front[:, None, None]) * dy - 2.0
    across = (columns - spine.x[:, None, None]) * dx - _AORTA_LEFT_MM
    score -= (down / 25.0) ** 2 + (across / 30.0) ** 2
    top = min(len(soft), chest.carina + round(10.0 / dz))
    bottom = max(0, diaphragm(chest) - round(_HIATUS_BELOW_DOME_MM / dz))
    whole = np.zeros(soft.shape, dtype=bool)
    for level, (row, column) in zip(range(bottom, top), track(score[bottom:top]), strict=True):
        whole[level] = np.hypot((rows - row) * dy, (columns - column) * dx) <= _AORTA_MM
    return whole


def diaphragm(chest: Chest) -> int:
    """The lower of the two domes, as a slice."""
    return int(min(_dome(lung, chest.other, chest.coarse) for lung in chest.lungs if lung.any()))
