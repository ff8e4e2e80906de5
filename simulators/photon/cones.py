"""Directions in which energy travels, and how much of it each takes from each beam."""

from __future__ import annotations

from functools import cache

import numpy as np

from simulators.photon.machine import BAND_DEG, band_energy

PER_FACE = 7  # directions along each edge of a cube's face: 294 in all, mirror-symmetric about the axes
_FINE = 9  # parts of a direction's cell, along each edge, over which a kernel is integrated


@cache
def directions() -> np.ndarray:
    """(d, 3) unit vectors (z, y, x), those of one leading axis together, z first."""
    return _cells(PER_FACE)[0]


def axes(gantry_rad: np.ndarray) -> np.ndarray:
    """(beams, 3) unit vectors (z, y, x) along which beams go.

    Args:
        gantry_rad: (beams,) gantry angles, 0 from the front, a quarter turn from the patient's left.
    """
    return np.stack([np.zeros_like(gantry_rad), np.cos(gantry_rad), -np.sin(gantry_rad)], axis=1)


def cosines(taken: np.ndarray, gantry_rad: np.ndarray) -> np.ndarray:
    """(directions, decays) mean cosine between a direction and the beams, each by what it gives.

    Args:
        taken: (directions, decays, beams) as `shares` gives it.
        gantry_rad: (beams,) gantry angles.
    """
    cosine = directions() @ axes(gantry_rad).T
    return (taken * cosine[:, None, :]).sum(axis=2) / np.maximum(taken.sum(axis=2), 1e-12)


def shares(gantry_rad: np.ndarray) -> np.ndarray:
    """The energy that beams give to each direction's cone in each decay.

    Args:
        gantry_rad: (beams,) gantry angles, 0 from the front, a quarter turn from the patient's left.

    Returns:
        (directions, decays, beams) float32; of each beam they sum to 1.
    """
    fine, area = _cells(PER_FACE * _FINE)
    cell = np.argmax(fine @ directions().T, axis=1)
    angle = np.degrees(np.arccos(np.clip(fine @ axes(gantry_rad).T, -1.0, 1.0)))
    band = np.clip(np.searchsorted(BAND_DEG, angle, side="right") - 1, 0, len(BAND_DEG) - 2)
    energy = band_energy()
    taken = np.empty((len(directions()), energy.shape[1], gantry_rad.size))
    for beam in range(gantry_rad.size):
        # Cells cut a band unevenly: each band gives exactly its energy.
        solid = np.bincount(band[:, beam], weights=area, minlength=len(energy))
        exact = -np.diff(2 * np.pi * np.cos(np.radians(BAND_DEG)))
        weight = area * (exact / np.maximum(solid, 1e-9))[band[:, beam]]
        for decay in range(energy.shape[1]):
            given = weight * energy[band[:, beam], decay]
            taken[:, decay, beam] = np.bincount(cell, weights=given, minlength=len(taken))
    return (taken / taken.sum(axis=(0, 1))).astype(np.float32)


@cache
def _cells(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(6 n^2, 3) directions through the cells of a cube's faces, equal angles apart, and their solid angles, sr."""
    edges = np.tan(np.linspace(-np.pi / 4, np.pi / 4, n + 1))
    middle = np.tan((np.arange(n) + 0.5) * (np.pi / 2 / n) - np.pi / 4)
    a, b = (m.ravel() for m in np.meshgrid(middle, middle, indexing="ij"))
    corner = np.arctan2(np.outer(edges, edges), np.sqrt(1 + edges[:, None] ** 2 + edges**2))
    solid = (corner[1:, 1:] - corner[1:, :-1] - corner[:-1, 1:] + corner[:-1, :-1]).ravel()
    faces = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            points = np.empty((a.size, 3))
            points[:, axis] = sign
            points[:, (axis + 1) % 3], points[:, (axis + 2) % 3] = a, b
            faces.append(points / np.linalg.norm(points, axis=1)[:, None])
    return np.concatenate(faces), np.tile(solid, 6)
