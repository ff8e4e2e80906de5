"""Signed distances of simple bodies on the coarse grid of the in-silico thorax (mm; negative inside)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FAR_MM = 60.0


@dataclass(frozen=True, eq=False)
class Grid:
    """Anatomical coordinates of a grid, in mm of the reference patient.

    x goes to the left, y to the back, z to the head; the origin lies at the height of the carina.

    Args:
        z: (nz, 1, 1).
        y: (nz, ny, 1); each slice has its own shift.
        x: (nz, 1, nx).
    """

    z: np.ndarray
    y: np.ndarray
    x: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x)."""
        return self.z.shape[0], self.y.shape[1], self.x.shape[2]

    def near(self, lo, hi) -> tuple[tuple[slice, slice, slice], Grid]:
        """The part of the grid within a box from lo to hi, both (x, y, z) mm.

        Args:
            lo: least (x, y, z), mm.
            hi: greatest (x, y, z), mm.
        """
        keep = [
            (self.z[:, 0, 0] >= lo[2]) & (self.z[:, 0, 0] <= hi[2]),
            ((self.y >= lo[1]) & (self.y <= hi[1])).any(axis=(0, 2)),
            ((self.x >= lo[0]) & (self.x <= hi[0])).any(axis=(0, 1)),
        ]
        box = []
        for flags in keep:
            where = np.flatnonzero(flags)
            box.append(slice(int(where[0]), int(where[-1]) + 1) if where.size else slice(0, 0))
        bz, by, bx = box
        return (bz, by, bx), Grid(self.z[bz], self.y[bz, by], self.x[bz, :, bx])


def ellipsoid(grid: Grid, centre, radii_mm, axes: np.ndarray | None = None) -> np.ndarray:
    """An ellipsoid's distance to first order (Quilez' bound k0 (k0 - 1) / k1).

    Args:
        grid: where.
        centre: (x, y, z) mm.
        radii_mm: semi-axes, mm.
        axes: (3, 3) rows are the directions of the semi-axes; the grid's where None.
    """
    out = np.full(grid.shape, FAR_MM, dtype=np.float32)
    reach = max(radii_mm) + FAR_MM / 2
    box, part = grid.near(np.subtract(centre, reach), np.add(centre, reach))
    dx, dy, dz = part.x - centre[0], part.y - centre[1], part.z - centre[2]
    rows = np.eye(3) if axes is None else axes
    k0, k1 = 0.0, 0.0
    for row, radius in zip(rows, radii_mm, strict=True):
        p = (row[0] * dx + row[1] * dy + row[2] * dz) / radius
        k0 = k0 + p**2
        k1 = k1 + (p / radius) ** 2
    k0 = np.sqrt(k0)
    out[box] = np.minimum(k0 * (k0 - 1.0) / np.sqrt(k1 + 1e-12), FAR_MM)
    return out


def tube(grid: Grid, points, radii_mm, flat: float = 1.0) -> np.ndarray:
    """A bent tube through points with a radius at each.

    Args:
        grid: where.
        points: (n, 3) as (x, y, z) mm.
        radii_mm: (n,) or one number.
        flat: width over depth; above 1 the tube is wider from left to right.
    """
    points = np.asarray(points, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radii_mm, dtype=np.float64), len(points))
    out = np.full(grid.shape, FAR_MM, dtype=np.float32)
    for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = max(ra, rb) * flat + FAR_MM / 2
        box, part = grid.near(np.minimum(a, b) - reach, np.maximum(a, b) + reach)
        px, py, pz = (part.x - a[0]) / flat, part.y - a[1], part.z - a[2]
        d = (b - a) / (flat, 1.0, 1.0)
        t = np.clip((px * d[0] + py * d[1] + pz * d[2]) / max(d @ d, 1e-9), 0.0, 1.0)
        distance = np.sqrt((px - t * d[0]) ** 2 + (py - t * d[1]) ** 2 + (pz - t * d[2]) ** 2)
        np.minimum(out[box], distance - (ra + t * (rb - ra)), out=out[box])
    return out


def smooth_union(distances, blend_mm: float) -> np.ndarray:
    """The union of bodies with fillets of about `blend_mm` where they meet (log-sum-exp).

    Args:
        distances: of the bodies, mm, negative inside.
        blend_mm: size of the fillets, mm.
    """
    total = sum(np.exp(np.maximum(d, -FAR_MM) * np.float32(-1.0 / blend_mm)) for d in distances)
    return (-blend_mm * np.log(total + 1e-30)).astype(np.float32)


def curve(points, n: int = 24) -> np.ndarray:
    """(n, k) a smooth curve through (m, k) points, by Catmull-Rom interpolation in the points' index.

    Args:
        points: (m, k).
        n: points of the curve.
    """
    p = np.asarray(points, dtype=np.float64)
    t = np.linspace(0, len(p) - 1, n)
    i = np.minimum(t.astype(int), len(p) - 2)
    f = (t - i)[:, None]
    before, after = p[np.maximum(i - 1, 0)], p[np.minimum(i + 2, len(p) - 1)]
    a, b = p[i], p[i + 1]
    return 0.5 * (
        2 * a + (b - before) * f + (2 * before - 5 * a + 4 * b - after) * f**2
        + (3 * a - before - 3 * b + after) * f**3
    )  # fmt: skip
