"""Volumes made alike in all that would tell their origin but the image itself: grid, field, padding, range, place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from simulators.tasks.body import body
from twin import Geometry, InputError, Volume
from twin.geometry import Shape, Triple

AIR_HU = -1000.0
_LARGEST_MM = (240.0, 360.0, 360.0)  # of a case along z, y and x
_SMALLEST_MM = 40.0
_RANGE = {
    "HU": (AIR_HU, 1000.0, 1.0),
    "SUV": (0.0, 15.0, 0.01),
    "a.u.": (0.0, 1500.0, 1.0),
}  # low, high, step
_WHITE = 0.995  # quantile of an image in arbitrary units that becomes 1000


def common_grid(volumes: Sequence[Volume]) -> Geometry:
    """One grid for all: the coarsest spacing of any, and no more of the patient than each of them holds.

    Args:
        volumes: axes upright.

    Returns:
        The grid, with its origin at 0: where in the scanner a patient lay would tell too.

    Raises:
        InputError: one of them is smaller than 40 mm.
    """
    spacing = np.max([v.geometry.spacing_mm for v in volumes], axis=0)
    # Half a voxel at either end is lost, because all are sampled between their voxels.
    extent = np.min([np.subtract(v.geometry.extent_mm, v.geometry.spacing_mm) for v in volumes], axis=0)
    shape = np.floor(np.minimum(extent, _LARGEST_MM) / spacing).astype(int)
    if (shape * spacing).min() < _SMALLEST_MM:
        raise InputError(f"one of the scans is less than {_SMALLEST_MM:g} mm wide; leave it out")
    return Geometry(cast(Shape, tuple(int(n) for n in shape)), cast(Triple, tuple(float(s) for s in spacing)))


def place(volume: Volume, centre_lps: np.ndarray, grid: Geometry) -> Geometry:
    """Where the common grid lies in a patient: around a point, within the volume, between its voxels.

    On the voxels' own centres a volume of the common spacing would keep its grain, which the others lose.

    Args:
        volume: axes upright.
        centre_lps: (3,) around which, as far as the volume reaches.
        grid: of `common_grid`.
    """
    own = volume.geometry
    step = np.divide(grid.spacing_mm, own.spacing_mm)
    reach = (np.subtract(grid.shape, 1)) * step
    first = np.clip(own.index(centre_lps) - reach / 2, 0.5, np.subtract(own.shape, 1.5) - reach)
    first = np.maximum(np.floor(first), 0) + 0.5
    # `first` is of the own grid; the direction is the common one's, from which upright axes differ by a tilt at most.
    return Geometry(
        grid.shape, grid.spacing_mm, cast(Triple, tuple(float(v) for v in own.lps(first))), own.direction
    )


def alike(volume: Volume, there: Geometry, grid: Geometry, inside: np.ndarray | None) -> Volume:
    """A volume as all others are: sampled there, as blurred as the coarsest, in one range, with one value around it.

    Args:
        volume: axes upright, in HU, SUV or arbitrary units.
        there: of `place`.
        grid: of `common_grid`, on which it lies then.
        inside: (z, y, x) bool on the volume, the patient; None where all is kept.
    """
    from scipy.ndimage import gaussian_filter

    low, high, step = _RANGE[volume.unit]
    values = np.asarray(volume.array, np.float32)
    if volume.unit == "a.u.":
        values = values * np.float32(1000.0 / max(float(np.quantile(values, _WHITE)), 1e-6))
    values = np.clip(values, low, high)
    if inside is not None:
        values = np.where(inside, values, low)
    finer = np.divide(grid.spacing_mm, volume.geometry.spacing_mm)
    # A voxel has the variance of its width squared over 12, being read half-way between two a fourth: a finer voxel
    # lacks that much of the common one's.
    sigma = np.sqrt(np.maximum(finer**2 - 1.0, 0.0) / 3.0)
    values = gaussian_filter(values, sigma) if sigma.max() > 0.05 else values
    sampled = Volume(volume.geometry, values, volume.modality, volume.unit).on(there, fill=low)
    sampled[:, ~_field(grid.shape)] = low
    if inside is not None:  # a blurred edge would tell
        kept = Volume(volume.geometry, inside.astype(np.uint8), "MASK", "1").on(there, order=0) > 0
        sampled[~kept] = low
    rounded = np.rint(np.clip(sampled, low, high) / step) * step
    made = rounded.astype(np.int16 if step == 1.0 else np.float32)
    return Volume(grid, made, volume.modality, volume.unit)


def patient_in(ct: Volume) -> np.ndarray:
    """(z, y, x) bool of the patient without couch and masks, found in the same way in each scan.

    Args:
        ct: CT or cone-beam CT, HU.
    """
    return body(np.asarray(ct.array))


def _field(shape: tuple[int, int, int]) -> np.ndarray:
    """(y, x) bool: the ellipse that just fits into a slice, so that each case has the same field of view."""
    y, x = (np.linspace(-1, 1, n) for n in shape[1:])
    return y[:, None] ** 2 + x[None, :] ** 2 <= 1.0
