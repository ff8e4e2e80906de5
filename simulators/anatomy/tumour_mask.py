"""The tumour's mask as a level set of the distance to its surface, weighted by where tumour was lost."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from simulators.anatomy.tumour_site import TumourSite, smooth, smoothstep
from simulators.anatomy.warp_kernels import warp_linear
from simulators.core.treatment import TumourView
from twin import Volume
from twin.geometry import Box

_SMOOTH_MM = 2.0
_LOSS_SMOOTH_MM = 4.0
_PATCHY_MM = 0.8
_CORNER_MM = 0.15
_EDGE_MM = 1.3
_CRUMB_SHARE = 0.05
_SOFT_TISSUE_DETOUR_MM = 25.0
_BONE_DETOUR_MM = 200.0
_BONE_HU = 180.0


def score_mm(site: TumourSite, view: TumourView, roughness: np.ndarray, box: Box) -> np.ndarray:
    """(z, y, x) float32 on a box of the crop: the tumour of any volume is where this is highest.

    It is positive in the GTV and negative outside, so that the unchanged volume gives back the GTV exactly. Outside
    it falls with the distance, and far more steeply in soft tissue and bone: growth goes into lung first.

    Args:
        site: the tumour's surroundings.
        view: its fields, where there are any, say where most was lost.
        roughness: (z, y, x) noise of unit variance on the box: a real border is not a perfect offset surface.
        box: in the crop.
    """
    gtv, hu, distance = site.gtv[box], site.hu[box], site.distance_mm[box]
    depth = smooth(np.clip(distance, -2.0 * _SMOOTH_MM, None), _SMOOTH_MM, site.geometry.spacing_mm)
    inside = np.logaddexp(0.0, (depth + _PATCHY_MM * roughness) / _CORNER_MM) * _CORNER_MM
    inside = _like_shares(inside, gtv) * _kept(site, view, box)
    detour = np.where(hu > _BONE_HU, _BONE_DETOUR_MM, _SOFT_TISSUE_DETOUR_MM)
    detour = np.where(site.still_mm[box] > 0.0, 0.0, detour)
    outside = np.minimum(distance + _PATCHY_MM * roughness, -0.01) - detour
    return np.where(gtv, inside, outside).astype(np.float32)


def _like_shares(inside: np.ndarray, gtv: np.ndarray) -> np.ndarray:
    """The score with the ranks within each separate tumour (a primary and its nodes) on the largest one's scale."""
    pieces, n = label(gtv)
    if n < 2:
        return inside
    sizes = np.bincount(pieces.ravel())
    main = int(sizes[1:].argmax()) + 1
    scale = np.sort(inside[pieces == main])
    out = inside.copy()
    for piece in range(1, n + 1):
        if piece != main:
            own = inside[pieces == piece]
            rank = np.argsort(np.argsort(own, kind="stable"), kind="stable")
            out[pieces == piece] = np.quantile(scale, (rank + 0.5) / own.size)
    return out


def _kept(site: TumourSite, view: TumourView, box: Box) -> np.ndarray | float:
    """What is left of each voxel of the box relative to the tumour's mean, 0.5 to 2; 1 without fields."""
    fields = [f for f in (view.viable, view.doomed, view.remnant) if f is not None]
    if view.geometry is None or not fields:
        return 1.0
    left = Volume(view.geometry, np.asarray(np.sum(fields, axis=0, dtype=np.float32)), "MASK", "1")
    here = left.on(site.geometry.crop(box), order=1)
    gtv = site.gtv[box].astype(np.float32)
    spacing = site.geometry.spacing_mm
    local = smooth(here * gtv, _LOSS_SMOOTH_MM, spacing) / np.maximum(
        smooth(gtv, _LOSS_SMOOTH_MM, spacing), 1e-3
    )
    mean = float(here[gtv > 0].mean()) if (gtv > 0).any() else 0.0
    return np.clip(local / mean, 0.5, 2.0) if mean > 1e-9 else 1.0


def moved(score: np.ndarray, shift_voxels: np.ndarray) -> np.ndarray:
    """The score after the anatomy has moved, linear between voxels.

    Args:
        score: (z, y, x) at the start.
        shift_voxels: (3, z, y, x): where each of its points came from.
    """
    return warp_linear(score, shift_voxels)


def level(score: np.ndarray, volume_cm3: float, voxel_cm3: float) -> float:
    """The level above which lies the volume wanted, midway between two voxels.

    Args:
        score: (z, y, x).
        volume_cm3: of the tumour.
        voxel_cm3: of one voxel.

    Example:
        >>> level(np.array([3.0, 1.0, 2.0]), 2.0, 1.0)
        1.5
    """
    count = min(round(volume_cm3 / voxel_cm3), score.size - 1)
    if count <= 0:
        return float(score.max()) + 1.0
    ordered = np.partition(score.ravel(), (score.size - count - 1, score.size - count))
    return 0.5 * float(ordered[score.size - count - 1] + ordered[score.size - count])


def without_crumbs(score: np.ndarray, gtv: np.ndarray, volume_cm3: float, voxel_cm3: float) -> np.ndarray:
    """The score with small pieces beside what is left of a tumour put last: nobody would draw them.

    Args:
        score: (z, y, x).
        gtv: (z, y, x) bool, the tumours at the start; the largest piece of each stays.
        volume_cm3: wanted.
        voxel_cm3: of one voxel.
    """
    pieces, n = label(score > level(score, volume_cm3, voxel_cm3))
    if n < 2:
        return score
    owners, owner_count = label(gtv)
    sizes = np.bincount(pieces.ravel())
    owner, inside = np.zeros(n + 1, dtype=np.int64), pieces > 0
    np.maximum.at(owner, pieces[inside], owners[inside])
    largest = np.zeros(owner_count + 1, dtype=np.int64)
    np.maximum.at(largest, owner[1:], sizes[1:])
    small = sizes < _CRUMB_SHARE * np.where(owner > 0, largest[owner], largest.max())
    small[0] = False
    return np.where(small[pieces], score.min(), score) if small.any() else score


def border_mm(score: np.ndarray, threshold: float, spacing_mm) -> np.ndarray:
    """Signed distance to the level set to first order, mm, positive inside the tumour.

    Args:
        score: (z, y, x).
        threshold: the level.
        spacing_mm: of the voxels, (z, y, x).
    """
    slope = np.sqrt(sum(g**2 for g in np.gradient(score, *spacing_mm)))
    return (score - threshold) / np.maximum(slope, 0.25)


def tumour_share(border: np.ndarray, volume_cm3: float, voxel_cm3: float) -> np.ndarray:
    """How much of each voxel is tumour, 0 to 1, with an edge as soft as the scanner's; it sums to the volume wanted.

    Args:
        border: (z, y, x) signed distance to the surface, mm; it is moved by a fraction of a voxel to fit.
        volume_cm3: wanted.
        voxel_cm3: of one voxel.
    """
    low, high = -3.0, 3.0
    near = border[border > -_EDGE_MM - high]
    for _ in range(16):
        move = 0.5 * (low + high)
        if float(smoothstep((near + move + _EDGE_MM) / (2.0 * _EDGE_MM)).sum()) * voxel_cm3 < volume_cm3:
            low = move
        else:
            high = move
    return smoothstep((border + move + _EDGE_MM) / (2.0 * _EDGE_MM)).astype(np.float32)
