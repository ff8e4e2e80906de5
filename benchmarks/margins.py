"""How much of a margin a target is given on voxels: grown ellipsoids against the exact distance to their surface.

python benchmarks/margins.py
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from simulators.dose.targets import grown
from twin.geometry import Triple

VOXELS: tuple[Triple, ...] = ((3.0, 0.86, 0.86), (2.0, 2.0, 2.0), (3.0, 3.0, 3.0))
MARGINS_MM = (5.0, 8.0)
RADII_MM = (8.0, 24.0)
SURFACE = 8000  # points on it


def short_percent(radius_mm: float, margin_mm: float, voxel_mm: Triple, chance: np.random.Generator) -> float:
    """By how many percent the grown volume of an ellipsoid is off, counted by voxels' centres."""
    axes = radius_mm * np.array([1.0, *chance.uniform(0.7, 1.3, 2)])
    shape = np.ceil(2 * (axes + margin_mm + 3) / voxel_mm).astype(int)
    middle = (shape - 1) / 2 + chance.uniform(-0.5, 0.5, 3)
    centres = (np.indices(shape).reshape(3, -1).T - middle) * voxel_mm
    inside = ((centres / axes) ** 2).sum(axis=1) <= 1
    sphere = chance.normal(size=(SURFACE, 3))
    surface = axes * sphere / np.linalg.norm(sphere, axis=1)[:, None]
    exact = inside | (cKDTree(surface).query(centres)[0] <= margin_mm)
    found = grown(inside.reshape(shape), voxel_mm, margin_mm)
    return 100.0 * (np.count_nonzero(found) / np.count_nonzero(exact) - 1.0)


def main() -> None:
    chance = np.random.default_rng(0)
    print("| voxel, mm | margin, mm | radius, mm | volume, % |\n|---|---|---|---|")
    for voxel in VOXELS:
        for margin in MARGINS_MM:
            for radius in RADII_MM:
                off = np.mean([short_percent(radius, margin, voxel, chance) for _ in range(3)])
                print(
                    f"| {' x '.join(f'{v:g}' for v in voxel)} | {margin:g} | {radius:g} | {off:+.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
