"""Alignment of a follow-up to its baseline, so that a model learns what treatment changes and not how somebody lay.

Set-up and breathing differ from scan to scan and no condition tells how: a model that learns from scans as they are
learns to blur every border by that. What is taken away is a rigid motion of all and, of the lung, a shift that
varies along the body; both are found away from the tumour, where nothing is to be learned from a motion.
"""

from __future__ import annotations

import numpy as np

from simulators.tasks.crop import DEPTH_VOXELS

_LUNG = (-0.94, -0.35)  # about -960 to -360 HU over the half range
_AWAY_VOXELS = 5.0  # from the tumour
_SMOOTH_VOXELS = 1.0
_LEAST_SLOPE = 0.03  # of the image per voxel; less tells of noise only
_POINTS = 24_000
_MARGIN = 4
_MOST_VOXELS = 6.0
_ROUNDS = 8


def motion(before: np.ndarray, after: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The motion of set-up and breathing between two images, by Gauss-Newton on their difference (Lucas and Kanade
    1981) with weights that forgive what changed otherwise (Geman and McClure).

    Args:
        before, after: (z, y, x) images in [-1, 1] on one grid.
        depth: (z, y, x) of `simulators.tasks.crop.depth`, of the tumour before.

    Returns:
        (3, z, y, x) float32 voxels: a point of `before` + this = the same point in `after`.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    fixed = gaussian_filter(before.astype(np.float32), _SMOOTH_VOXELS)
    moving = gaussian_filter(after.astype(np.float32), _SMOOTH_VOXELS)
    lung = gaussian_filter(((before > _LUNG[0]) & (before < _LUNG[1])).astype(np.float32), 1.5)
    slopes = np.stack(np.gradient(moving))
    usable = (np.square(np.stack(np.gradient(fixed))).sum(axis=0) > _LEAST_SLOPE**2) & (
        depth < -_AWAY_VOXELS / DEPTH_VOXELS
    )
    inner = np.zeros(before.shape, bool)
    inner[(slice(_MARGIN, -_MARGIN),) * 3] = True
    places = np.flatnonzero(usable & inner)
    if places.size < 500:
        return np.zeros((3, *before.shape), np.float32)
    places = places[:: max(1, places.size // _POINTS)]
    points = np.stack(np.unravel_index(places, before.shape)).astype(np.float32)
    basis = _basis(points, lung.ravel()[places], before.shape)
    wanted = fixed.ravel()[places]
    theta = np.zeros(basis.shape[0], np.float32)
    for _ in range(_ROUNDS):
        at = points + np.einsum("knp,k->np", basis, theta)
        missed = map_coordinates(moving, at, order=1, mode="nearest") - wanted
        slope = np.stack([map_coordinates(s, at, order=1, mode="nearest") for s in slopes])
        design = np.einsum("knp,np->kp", basis, slope)
        scale = max(1.5 * float(np.median(np.abs(missed))), 0.02)
        weight = 1.0 / np.square(1.0 + np.square(missed / scale))
        normal = (design * weight) @ design.T
        ridge = 1e-3 * np.trace(normal) / len(normal) * np.eye(len(normal))
        step = np.linalg.solve(normal + ridge, -(design * weight) @ missed)
        theta += step.astype(np.float32)
        if np.abs(step).max() < 0.005:
            break
    grid = np.indices(before.shape, dtype=np.float32).reshape(3, -1)
    whole = np.einsum("knp,k->np", _basis(grid, lung.ravel(), before.shape), theta)
    return np.clip(whole, -_MOST_VOXELS, _MOST_VOXELS).reshape(3, *before.shape)


def aligned(target: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """A follow-up brought to its baseline.

    Args:
        target: (c, z, y, x): the first channel by cubic interpolation, the others (masks) by linear.
        shift: (3, z, y, x) voxels, from `motion`.
    """
    from scipy.ndimage import map_coordinates

    at = np.indices(shift.shape[1:], dtype=np.float32) + shift
    orders = [3, *[1] * (len(target) - 1)]
    return np.stack(
        [
            map_coordinates(channel, at, order=order, mode="nearest", output=np.float32)
            for channel, order in zip(target, orders, strict=True)
        ]
    )


def _basis(points: np.ndarray, lung: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(12, 3, p): shifts, turns, shifts of the lung, and those growing along z, of points (3, p) in voxels."""
    z, y, x = [(p - (n - 1) / 2) / 24.0 for p, n in zip(points, shape, strict=True)]
    zero, one = np.zeros_like(z), np.ones_like(z)
    rigid = [(one, zero, zero), (zero, one, zero), (zero, zero, one)]
    turns = [(zero, x, -y), (x, zero, -z), (y, -z, zero)]
    own = [(lung, zero, zero), (zero, lung, zero), (zero, zero, lung)]
    grows = [(lung * z, zero, zero), (zero, lung * z, zero), (zero, zero, lung * z)]
    return np.array([*rigid, *turns, *own, *grows], dtype=np.float32)
