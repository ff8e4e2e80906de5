"""How lines of a direction pass the voxels of a patient, and what each voxel keeps of them."""

from __future__ import annotations

import numpy as np

from simulators.dose.medium import Medium
from simulators.photon import machine
from simulators.photon.cones import directions

_LEVELS = 512  # of density, to each unit: absorption is tabulated on them


def levels(medium: Medium) -> tuple[np.ndarray, np.ndarray]:
    """The density in whole steps, (z, y, x) uint16, 0 outside the body alone, and the density of each step."""
    level = np.rint(medium.density * _LEVELS).astype(np.uint16)
    level[(medium.density > 0) & (level == 0)] = 1
    return level, np.arange(int(level.max()) + 1) / _LEVELS


def lines(medium: Medium, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How the directions of a leading axis pass a grid.

    Args:
        medium: on the grid.
        axis: the leading axis.

    Returns:
        (d,) which directions these are, (d, planes, 2) int16 whole steps sideways at each plane, (d,) length of a
        step, cm.
    """
    ways = directions()
    chosen = np.flatnonzero(np.argmax(np.abs(ways), axis=1) == axis)
    way = ways[chosen]
    along = np.abs(way[:, axis])
    slope = way[:, [a for a in range(3) if a != axis]] / along[:, None]
    planes = np.rint(np.arange(medium.density.shape[axis])[None, :, None] * slope[:, None, :])
    return chosen, planes.astype(np.int16), medium.grid.spacing_mm[0] / 10 / along


def absorption(length_cm: np.ndarray, density: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a voxel's dose has of the energy that enters it on a line, and what leaves it.

    Args:
        length_cm: (d,) way through a voxel.
        density: (levels,) its density.

    Returns:
        Two of (d, levels, decays) float32.
    """
    depth = length_cm[:, None, None] * density[:, None] * np.array(machine.DECAY)
    passed = np.exp(-depth)
    return np.where(depth > 1e-6, (1 - passed) / np.maximum(depth, 1e-6), 1.0).astype(
        np.float32
    ), passed.astype(np.float32)


def divergence(length_cm: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """What the inverse square leaves of the energy on a line as it passes a voxel.

    Kernels are aligned with a beam's axis, where those of its rays would spread as the rays do. So energy that
    electrons carry on along the beam thins out as the beam itself, by 2 cos / SAD a length: without it lung of density
    0.1 has 3 % too much dose. Scatter leaves a beam soon and is left alone.

    Args:
        length_cm: (d,) way through a voxel.
        cosine: (d, decays) mean cosine between the line and the beams that it carries energy of.

    Returns:
        (d, decays) float32.
    """
    left = np.exp(-2 * length_cm[:, None] * cosine / (machine.SAD_MM / 10))
    left[:, machine.SCATTER] = 1.0
    return left.astype(np.float32)
