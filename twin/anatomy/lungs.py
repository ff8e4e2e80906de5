"""Body, airway and lungs, found in the CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from twin.anatomy.coarse import Coarse
from twin.structures import bounding_box

_TISSUE_HU = -300.0
_LUNG_HU = -400.0
_LUMEN_HU = -500.0
_ROOM_AIR_HU = -940.0  # outside the body; lung parenchyma lies well above
_COUCH_MM = 8.0  # half the thickness of what is taken off as couch or clothes
_TRACHEA_MM2 = (60.0, 700.0)
_BRONCHI_MM = 45.0  # how far below the carina main bronchi are followed
_VESSEL_MM = 8.0  # vessels inside lung up to twice this are lung
_LUNG_CM3 = 150.0  # smaller air spaces are not a lung


@dataclass(frozen=True, eq=False)
class Airway:
    """Trachea and main bronchi on a block grid.

    Args:
        mask: (z, y, x) bool lumen.
        carina: slice index where the trachea divides, or None where it was not seen.
    """

    mask: np.ndarray
    carina: int | None


def find_body(coarse: Coarse) -> np.ndarray:
    """The patient without couch and room air, (z, y, x) bool on the block grid; all air inside is body."""
    air, _ = ndimage.label(coarse.hu < _TISSUE_HU)
    sides = np.concatenate([air[:, [0, -1]].ravel(), air[:, :, [0, -1]].ravel()])
    touching = np.setdiff1d(np.unique(sides), [0])
    thin = np.bincount(air[coarse.hu < _ROOM_AIR_HU], minlength=air.max() + 1) / np.maximum(
        np.bincount(air.ravel()), 1
    )
    inside = ~np.isin(air, touching[thin[touching] > 0.5])
    disc = coarse.ball(_COUCH_MM).max(axis=0, keepdims=True)
    body = largest(ndimage.binary_opening(inside, disc))
    for plane in body:
        ndimage.binary_fill_holes(plane, output=plane)
    return body


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask; empty where the mask is."""
    labels, count = ndimage.label(mask)
    if count <= 1:
        return mask.copy()
    return labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))


def find_airway(coarse: Coarse, body: np.ndarray, middle: float) -> Airway:
    """Trachea and main bronchi, followed downwards slice by slice until they leak into lung.

    Args:
        coarse: block means of about 2 mm.
        body: on the same grid.
        middle: column of the patient's middle.
    """
    lumen = (coarse.hu < _LUMEN_HU) & body
    for top in range(len(lumen) - 1, len(lumen) // 3, -1):
        seed = _trachea_in(lumen[top], body[top], middle, coarse)
        if seed is not None:
            airway = _follow(lumen, seed, top, coarse)
            followed = airway.mask.any(axis=(1, 2)).sum() * coarse.geometry.spacing_mm[0]
            if followed > 30.0:
                return airway
    return Airway(np.zeros_like(lumen), None)


def _pixel_mm2(coarse: Coarse) -> float:
    return coarse.geometry.spacing_mm[1] * coarse.geometry.spacing_mm[2]


def _trachea_in(lumen: np.ndarray, body: np.ndarray, middle: float, coarse: Coarse) -> np.ndarray | None:
    """The air space of one slice that looks like a trachea: round, of its size, near the midline."""
    labels, count = ndimage.label(lumen)
    if not count or not body.any():
        return None
    rows = np.nonzero(body)[0]
    front, back = rows.min(), rows.max()
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:] * _pixel_mm2(coarse)
    best, nearest = None, 35.0
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        height, width = (s.stop - s.start for s in box)
        across_mm = abs((box[1].start + box[1].stop - 1) / 2 - middle) * coarse.geometry.spacing_mm[2]
        depth = ((box[0].start + box[0].stop - 1) / 2 - front) / max(back - front, 1)
        round_enough = max(height, width) < 2.5 * min(height, width)
        sized = _TRACHEA_MM2[0] <= areas[number - 1] <= _TRACHEA_MM2[1]
        if sized and round_enough and 0.15 < depth < 0.75 and across_mm < nearest:
            best, nearest = labels == number, across_mm
    return best


def _follow(lumen: np.ndarray, seed: np.ndarray, top: int, coarse: Coarse) -> Airway:
    mask = np.zeros_like(lumen)
    mask[top], previous = seed, seed
    carina, split = None, 0
    below = int(_BRONCHI_MM / coarse.geometry.spacing_mm[0])
    for z in range(top - 1, -1, -1):
        parts = _continued(lumen[z], previous, coarse)
        if not parts or (carina is not None and z < carina - below):
            break
        previous = np.logical_or.reduce(parts)
        mask[z] = previous
        split = split + 1 if len(parts) > 1 else 0
        if carina is None and split * coarse.geometry.spacing_mm[0] >= 6.0:
            carina = z + split
    return Airway(mask, carina)


def _continued(lumen: np.ndarray, previous: np.ndarray, coarse: Coarse) -> list[np.ndarray]:
    """The air spaces below the previous ones, those that open into lung left out."""
    labels, _ = ndimage.label(lumen)
    under = np.setdiff1d(np.unique(labels[previous]), [0])
    areas = np.bincount(labels.ravel()) * _pixel_mm2(coarse)
    limit = max(1.3 * _TRACHEA_MM2[1], 1.5 * previous.sum() * _pixel_mm2(coarse))
    return [labels == n for n in under if 25.0 <= areas[n] <= min(limit, 1200.0)]


def find_lungs(
    coarse: Coarse, body: np.ndarray, airway: np.ndarray, middle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Left and right lung with their vessels, (z, y, x) bool on the block grid; empty where not found.

    Args:
        coarse: block means.
        body, airway: on their grid.
        middle: column of the patient's middle.
    """
    air = (coarse.hu < _LUNG_HU) & body & ~ndimage.binary_dilation(airway)
    parts = _large_parts(air, coarse)
    core = air
    while len(parts) == 1 and _spans_both_sides(parts[0], int(middle)):
        core = ndimage.binary_erosion(core)
        apart = _large_parts(core, coarse)
        if not apart:
            break
        parts = apart
    left, right = np.zeros_like(air), np.zeros_like(air)
    for part in parts:
        side = left if ndimage.center_of_mass(part)[2] > middle else right
        side |= part
    if core is not air:
        left, right = _grown(left, right, air)
    return _closed(left, right, body & ~airway, coarse)


def _large_parts(air: np.ndarray, coarse: Coarse) -> list[np.ndarray]:
    """Air spaces as large as a lung, at most two."""
    labels, _ = ndimage.label(air)
    cm3 = np.bincount(labels.ravel())[1:] * coarse.geometry.voxel_cm3
    order = np.argsort(cm3)[::-1][:2]
    return [labels == 1 + n for n in order if cm3[n] > max(_LUNG_CM3, 0.1 * cm3.max())]


def _spans_both_sides(part: np.ndarray, middle: int) -> bool:
    """Whether one air space holds both lungs: a fair share of it lies on either side of the midline."""
    share = part[:, :, :middle].sum() / part.sum()
    return bool(0.2 < share < 0.8)


def _grown(left: np.ndarray, right: np.ndarray, air: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both grown back step by step into the air that erosion took, without meeting."""
    for _ in range(100):
        more_left = ndimage.binary_dilation(left) & air & ~right
        more_right = ndimage.binary_dilation(right) & air & ~more_left
        if (more_left == left).all() and (more_right == right).all():
            break
        left, right = more_left, more_right
    return left, right


def _closed(
    left: np.ndarray, right: np.ndarray, allowed: np.ndarray, coarse: Coarse
) -> tuple[np.ndarray, np.ndarray]:
    """Both with the vessels inside them."""
    ball = coarse.ball(_VESSEL_MM)
    pad = [(n // 2, n // 2) for n in ball.shape]
    inner = tuple(slice(p, -p or None) for p, _ in pad)
    closed = []
    for lung in (left, right):
        full = lung.copy()
        if lung.any():
            box = bounding_box(lung)
            part = ndimage.binary_closing(np.pad(lung[box], pad, mode="edge"), ball)[inner] | lung[box]
            for plane in part:
                ndimage.binary_fill_holes(plane, output=plane)
            full[box] = part & allowed[box]
        closed.append(full)
    return closed[0] & ~right, closed[1] & ~left & ~closed[0]
