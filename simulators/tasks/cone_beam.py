"""A cone-beam CT as a network is shown it: in voxels of 2 mm, with what a small window cannot know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.channel import Channel
from simulators.tasks.body import body, reaching_rim
from simulators.tasks.regrid import brought, nearest_beyond
from twin import Geometry, Volume
from twin.structures import bounding_box

GRID_MM = 2.0  # on which the network works
CBCT = Channel(name="cbct", unit="HU", low=-1024.0, high=2048.0)
# What a small window cannot know: how the scan reads over some centimetres, and how far from its axis a place lies.
WIDE = Channel(name="wide", unit="HU", low=-1024.0, high=1024.0, whole=True)
AXIS = Channel(name="axis", unit="mm", low=0.0, high=250.0, whole=True)
_WIDE_MM = 30.0
_SOFT_HU, _LUNG_HU = (-250.0, 300.0), (-1000.0, -500.0)
# Around the body that the network sees when it is used, and whole blocks of pixels.
_SEEN_MM, _SEEN_STEP = 32.0, 16


@dataclass(frozen=True, eq=False)
class Prepared:
    """A cone-beam CT as the network is shown it.

    Args:
        scan: in voxels of 2 mm.
        field: (z, y, x) bool of the scan's grid there: inside its field of view.
        body: (z, y, x) bool, in the field.
        source: (c, z, y, x) float32, the task's channels.
        vector: (4,) float32, its conditions.
    """

    scan: Volume
    field: np.ndarray
    body: np.ndarray
    source: np.ndarray
    vector: np.ndarray


def field_of_view(scan: Volume) -> np.ndarray:
    """(z, y, x) bool: inside the field of view; outside is what has one value in all slices, as in a corner.

    Args:
        scan: the cone-beam CT.
    """
    hu = scan.array
    outside = reaching_rim((hu == hu[:1]).all(axis=0) & (hu[0] == hu[0, 0, 0]))
    return np.broadcast_to(~outside, hu.shape)


def working_grid(geometry: Geometry) -> Geometry:
    """The grid of 2 mm of a scan; its own where it has such voxels already."""
    if np.allclose(geometry.spacing_mm, GRID_MM, rtol=0.02):
        return geometry
    return geometry.resampled(GRID_MM)


def about_body(scan: Volume, inside: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns of a scan in voxels of 2 mm that the network sees: those of the body, and some more.

    They begin and end where its coarsest pixels do, so that what it makes is the same as of whole slices.
    """
    grid = working_grid(scan.geometry)
    box = bounding_box(body(scan.array) & inside)
    found = []
    for axis in (1, 2):
        mm, own = scan.geometry.spacing_mm[axis], grid.spacing_mm[axis]
        low, high = (box[axis].start * mm - _SEEN_MM) / own, (box[axis].stop * mm + _SEEN_MM) / own
        first, last = int(low // _SEEN_STEP) * _SEEN_STEP, -int(-high // _SEEN_STEP) * _SEEN_STEP
        found.append(slice(max(0, first), min(last, grid.shape[axis])))
    return found[0], found[1]


def within(grid: Geometry, geometry: Geometry) -> np.ndarray:
    """(1, y, x) bool: the rows and columns of a grid whose middles lie in another one, turned alike."""
    found = []
    for axis in (1, 2):
        at = np.zeros((geometry.shape[axis], 3))
        at[:, axis] = np.arange(geometry.shape[axis])
        index = grid.index(geometry.lps(at))[:, axis]
        found.append((index > -0.5 - 1e-6) & (index < grid.shape[axis] - 0.5 + 1e-6))
    return (found[0][:, None] & found[1])[None]


def prepared(scan: Volume, inside: np.ndarray) -> Prepared:
    """A scan as the network is shown it.

    Args:
        scan: cone-beam CT in HU, of any voxels.
        inside: (z, y, x) bool of its field of view.
    """
    return shown(*on_working_grid(scan, inside), max(scan.geometry.spacing_mm))


def on_working_grid(scan: Volume, inside: np.ndarray) -> tuple[Volume, np.ndarray, np.ndarray]:
    """A scan in voxels of 2 mm, and (z, y, x) bool there: its field of view, and the body in it.

    Args:
        scan: cone-beam CT in HU, of any voxels.
        inside: (z, y, x) bool of its field of view.
    """
    grid = working_grid(scan.geometry)
    image = brought(scan, grid)
    where = Volume(scan.geometry, inside.astype(np.float32), "MASK", "1")
    field_ = nearest_beyond(where).on(grid) > 0.5
    return Volume(grid, image, "CBCT", "HU"), field_, body(image) & field_


def shown(scan: Volume, inside: np.ndarray, there: np.ndarray, voxel_mm: float) -> Prepared:
    """What the network is shown of a scan in voxels of 2 mm.

    Args:
        scan: the scan.
        inside, there: (z, y, x) bool, its field of view and the body in it.
        voxel_mm: of the scan as it was, the longest edge.
    """
    from scipy.ndimage import gaussian_filter

    image = scan.array
    sigma = [_WIDE_MM / s for s in scan.geometry.spacing_mm]
    share = gaussian_filter(there.astype(np.float32), sigma, mode="nearest", truncate=2.0)
    total = gaussian_filter(np.where(there, image, 0.0), sigma, mode="nearest", truncate=2.0)
    y, x = (np.arange(n) for n in image.shape[1:])
    middle = _middle(inside[0])
    axis = GRID_MM * np.hypot(y[:, None] - middle[0], x - middle[1])
    channels = (
        CBCT.numbers(image),
        WIDE.numbers(total / np.maximum(share, 1e-3)),
        AXIS.numbers(np.where(inside, axis, AXIS.high)),
    )
    vector = np.array([*_levels(image, there), voxel_mm], np.float32)
    return Prepared(scan, inside, there, np.stack(channels), vector)


def _middle(plane: np.ndarray) -> np.ndarray:
    """The middle of a field of view, (y, x) in voxels."""
    found = [np.flatnonzero(plane.any(axis=1 - k)) for k in (0, 1)]
    return np.array([(f[0] + f[-1]) / 2 if f.size else 0.0 for f in found])


def _levels(image: np.ndarray, there: np.ndarray) -> tuple[float, float, float]:
    """HU of soft tissue and of lung as the scan has them, and its grain; nan where there is none."""
    hu = image[there]
    found = []
    for low, high in (_SOFT_HU, _LUNG_HU):
        part = hu[(hu > low) & (hu < high)]
        found.append(float(np.median(part)) if part.size > 100 else float("nan"))
    soft = there & (image > _SOFT_HU[0]) & (image < _SOFT_HU[1])
    step = (image[:, :, 1:] - image[:, :, :-1])[soft[:, :, 1:] & soft[:, :, :-1]]
    grain = 1.4826 * float(np.median(np.abs(step))) / 2**0.5 if step.size > 100 else float("nan")
    return found[0], found[1], grain
