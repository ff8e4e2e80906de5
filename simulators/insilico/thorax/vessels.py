"""Branching trees of the in-silico lung: bronchi, arteries that run beside them, and veins between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.insilico.thorax.canvas_kernels import grow
from simulators.insilico.thorax.shapes import Grid

LOBES = ("right upper", "middle", "right lower", "left upper", "left lower")
_ROOTS = {  # lobe: root of bronchus, of artery, of vein (x, y, z) mm, and the bronchus' direction
    "right upper": ((-46, 17, -6), (-42, 4, -16), (-42, -8, -30), (-0.7, 0, 0.7)),
    "middle": ((-51, -7, -57), (-48, 4, -46), (-43, -14, -44), (-0.5, -0.7, -0.5)),
    "right lower": ((-48, 32, -68), (-48, 22, -50), (-42, 32, -66), (-0.2, 0.5, -0.8)),
    "left upper": ((58, 11, -19), (50, 12, -12), (52, -4, -26), (0.6, -0.5, 0.6)),
    "left lower": ((53, 36, -56), (53, 30, -40), (46, 36, -62), (0.2, 0.5, -0.8)),
}


@dataclass(frozen=True, eq=False)
class Tree:
    """Branches as capsules.

    Args:
        start, end: (n, 3) anatomical points (x, y, z), mm.
        start_r, end_r: (n,) radii, mm.
    """

    start: np.ndarray
    end: np.ndarray
    start_r: np.ndarray
    end_r: np.ndarray

    def moved(self, by: np.ndarray, scale: float) -> Tree:
        """The tree shifted by (3,) mm times each branch's own radius plus one, with scaled radii.

        Args:
            by: direction and distance, (3,) mm.
            scale: of the radii.
        """
        a, b = (self.start_r[:, None] + 1.0) * by, (self.end_r[:, None] + 1.0) * by
        return Tree(self.start + a, self.end + b, self.start_r * scale, self.end_r * scale)

    def thick(self, least_mm: float) -> Tree:
        """The branches that begin with at least this radius.

        Args:
            least_mm: radius, mm.
        """
        keep = self.start_r >= least_mm
        return Tree(self.start[keep], self.end[keep], self.start_r[keep], self.end_r[keep])


def fissure_mm(x, y, w=0.0):
    """Heights z of the major fissure (both lungs) and of the minor one (right) at points x, y, mm.

    Args:
        x: mm.
        y: mm.
        w: phase of the fissures' waves, radians.
    """
    major = -34 + 0.95 * y + 0.0025 * y * y + 4 * np.sin(x / 28 + w)
    minor = -24 + 0.05 * (x + 80) + 3 * np.sin(x / 30 + y / 37 + w) + 0 * y
    return major, minor


def lobe_of(points: np.ndarray, w: float = 0.0) -> np.ndarray:
    """(n,) index into `LOBES` of anatomical points (n, 3).

    Args:
        points: (n, 3) anatomical (x, y, z) mm.
        w: phase of the fissures' waves, radians.
    """
    x, y, z = points.T
    major, minor = fissure_mm(x, y, w)
    right = np.where(z < major, 2, np.where(z < minor, 1, 0))
    return np.where(x < 0, right, np.where(z < major, 4, 3))


def cloud(grid: Grid, lung: np.ndarray, depth_mm: float, number: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 3) random points (x, y, z) mm within the lungs, at least `depth_mm` under their surface.

    Args:
        grid: of the lungs.
        lung: distance to the lungs, mm, negative inside.
        depth_mm: least depth, mm.
        number: of points.
        rng: of the points.
    """
    k, j, i = np.nonzero(lung < -depth_mm)
    chosen = rng.choice(len(k), size=min(number, len(k)), replace=False)
    k, j, i = k[chosen], j[chosen], i[chosen]
    points = np.stack([grid.x[k, 0, i], grid.y[k, j, 0], grid.z[k, 0, 0]], axis=1).astype(np.float64)
    return points + rng.uniform(-1.7, 1.7, points.shape)


def tree(points: np.ndarray, root, first, radius_mm: float, exponent: float) -> Tree:
    """A tree that feeds all points; a branch's radius follows the number it feeds (Murray's law for 1/3).

    Args:
        points: (n, 3) mm.
        root, first: (3,) where it begins and its first direction.
        radius_mm: the first branch's radius.
        exponent: radius = radius_mm (fed / n)^exponent.
    """
    segments, fed, parent = grow(
        points.copy(),
        np.asarray(root, dtype=np.float64),
        np.asarray(first, dtype=np.float64),
        2 * len(points) + 8,
    )
    radius = radius_mm * (fed / len(points)) ** exponent
    up = np.where(parent >= 0, radius[np.maximum(parent, 0)], radius)
    start_r = np.minimum(up, 1.15 * radius)
    return _bent(segments, start_r, radius)


def _bent(segments: np.ndarray, start_r: np.ndarray, end_r: np.ndarray) -> Tree:
    """The branches, long ones as two halves with a slight bend."""
    a, b = segments[:, :3], segments[:, 3:]
    way = b - a
    length = np.linalg.norm(way, axis=1)
    side = np.cross(way, np.roll(way, 1, axis=0) + np.array([0.3, 0.2, 0.5]))
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    middle = a + 0.5 * way + side * (0.04 * length)[:, None]
    half = 0.5 * (start_r + end_r)
    return Tree(
        np.concatenate([a, middle]), np.concatenate([middle, b]),
        np.concatenate([start_r, half]), np.concatenate([half, end_r]),
    )  # fmt: skip


def joined(trees) -> Tree:
    """One tree of many.

    Args:
        trees: any number.
    """
    parts = [
        np.concatenate(column)
        for column in zip(*[(t.start, t.end, t.start_r, t.end_r) for t in trees], strict=True)
    ]
    return Tree(*parts)


def lung_trees(
    grid: Grid, lung: np.ndarray, rng: np.random.Generator, terminals: int = 6500
) -> dict[str, Tree]:
    """Bronchi, arteries and veins of both lungs.

    Args:
        grid: coarse grid.
        lung: coarse distance to both lungs, mm.
        rng: chance.
        terminals: how many ends the arteries and veins each have.
    """
    arteries, veins, bronchi = [], [], []
    w = float(rng.uniform(0, 6))
    first = cloud(grid, lung, 3.0, terminals, rng)
    second = cloud(grid, lung, 3.0, terminals, rng)
    for index, lobe in enumerate(LOBES):
        bronchus, artery, vein, direction = _ROOTS[lobe]
        mine = first[lobe_of(first, w) == index]
        own = second[lobe_of(second, w) == index]
        share = (len(mine) / terminals / 0.2) ** (1 / 3)
        airway = tree(mine, bronchus, direction, 3.4 * share, 0.38)
        airway_side = np.array([0.35, -0.75, 0.35]) * (1 if index > 2 else -1, 1, 1)
        bronchi.append(airway)
        arteries.append(tree(mine, artery, direction, 6.0 * share, 0.40).moved(0.0 * airway_side, 1.0))
        veins.append(tree(own, vein, direction, 5.4 * share, 0.40))
    return {"bronchi": joined(bronchi), "arteries": joined(arteries), "veins": joined(veins)}
