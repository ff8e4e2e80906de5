"""The vertebral column of the in-silico thorax."""

from __future__ import annotations

import numpy as np

from simulators.insilico.thorax.body import spine_y_mm
from simulators.insilico.thorax.shapes import Grid

_LEVEL_MM = 23.5  # height of one thoracic vertebra with its disc, reference patient


def vertebra_z_mm(number: float) -> float:
    """Height of the middle of thoracic vertebra 1 to 12 (13 is the first lumbar), mm.

    Args:
        number: 1 to 13.
    """
    return 2.0 + (5.3 - number) * _LEVEL_MM


def vertebrae(grid: Grid) -> dict[str, np.ndarray]:
    """Distances (mm) of the column's parts on a fine grid: discs, bodies with arches and processes, canal, cord.

    Args:
        grid: where they are wanted.
    """
    level = (grid.z - vertebra_z_mm(5)) / _LEVEL_MM
    phase = (level - np.round(level)) * _LEVEL_MM  # height within the vertebra, 0 at its middle
    size = (1 - grid.z / 700).astype(np.float32)
    y = grid.y - spine_y_mm(grid.z).astype(np.float32)
    x = np.abs(grid.x)
    waist = 1.4 * np.cos(phase / _LEVEL_MM * 2 * np.pi)
    ring = np.hypot(x / 1.12, np.where(y > 0, y * 1.18, y)) - (15.2 * size - waist)
    disc = ring - 0.4
    body = np.maximum(ring, 0.5 * (np.abs(phase) - 9.8))
    back = y - 23.5 * size
    canal = np.hypot(x / 1.15, back) - 8.3
    arch = np.maximum(np.hypot(x, back * 0.9) - 13.5, -back - 2)
    arch = np.maximum(arch, np.abs(phase + 1) - 9.0)
    pedicle = np.maximum(
        np.maximum(np.abs(x - 10.5) - 3.4, np.abs(y - 16 * size) - 9), np.abs(phase - 4) - 5.5
    )
    tilt = phase + 0.75 * (back - 10)  # spinous processes lean down
    wrap = tilt + _LEVEL_MM * (tilt < -0.5 * _LEVEL_MM)
    process = np.maximum(np.maximum(x - 2.6, np.abs(wrap) - 7.5), np.maximum(10 - back, back - 33 * size))
    wing = np.hypot((phase - 4), back - 2 - 0.45 * (x - 12)) - 5.2
    wing = np.maximum(wing, np.maximum(10 - x, x - 32))
    marrow = np.maximum(ring + 1.5, 0.5 * (np.abs(phase) - 9.4))
    bone = np.minimum.reduce([body, np.broadcast_to(arch, body.shape), pedicle, process, wing])
    arches = np.minimum.reduce([np.broadcast_to(arch, body.shape), pedicle, process, wing])
    marrow = np.maximum(np.minimum(marrow, arches + 1.7), -canal + 1.7)
    bone = np.maximum(bone, -canal)
    cord = np.hypot(x / 1.25, back) - 4.7
    parts = {"disc": disc, "bone": bone, "marrow": marrow, "canal": canal, "cord": cord}
    return {
        k: np.ascontiguousarray(np.broadcast_to(v, grid.shape), dtype=np.float32) for k, v in parts.items()
    }
