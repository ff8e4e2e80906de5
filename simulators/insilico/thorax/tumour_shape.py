"""Where an in-silico tumour and its nodes lie, and how they are shaped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.insilico.thorax.shapes import Grid, ellipsoid

_CENTRAL = {  # (side, lobe): hilar point from which a central tumour grows out, anatomical (x, y, z) mm
    ("right", "upper"): (-40.0, 8.0, -18.0),
    ("right", "lower"): (-44.0, 24.0, -52.0),
    ("left", "upper"): (46.0, 4.0, -14.0),
    ("left", "lower"): (50.0, 16.0, -74.0),  # against the left ventricle
}
_PERIPHERAL = {
    ("right", "upper"): (-75.0, 5.0, 40.0),
    ("right", "lower"): (-82.0, 42.0, -70.0),
    ("left", "upper"): (75.0, 0.0, 35.0),
    ("left", "lower"): (82.0, 44.0, -72.0),
}
STATIONS = {  # lymph node station: centre, anatomical mm
    "2R": (-15.0, -6.0, 58.0), "4R": (-18.0, 2.0, 22.0), "4L": (12.0, 6.0, 14.0), "5": (32.0, -8.0, 14.0),
    "7": (2.0, 9.0, -21.0), "10R": (-34.0, 6.0, 0.0), "10L": (38.0, 14.0, 2.0),
}  # fmt: skip


_ORDER = {"right": ("4R", "7", "10R", "2R"), "left": ("5", "7", "10L", "4L")}  # stations as they are reached


def node_bodies(grid: Grid, side: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Distances (mm) of two or three enlarged nodes by station, before the organs around are cut out.

    Args:
        grid: where they are wanted.
        side: of the tumour.
        rng: of the patient.
    """
    bodies = {}
    for station in _ORDER[side][: int(rng.integers(2, 4))]:
        centre = np.asarray(STATIONS[station]) + rng.normal(0, 1.0, 3)
        short = rng.uniform(7.5, 11.0)
        radii = short * np.array([rng.uniform(0.9, 1.2), rng.uniform(0.9, 1.2), rng.uniform(1.1, 1.5)])
        bodies[station] = ellipsoid(grid, centre, radii)
    return bodies


def seat(side: str, lobe: str, site: str, radius_mm: float, rng: np.random.Generator) -> np.ndarray:
    """A place for the tumour's centre before it is fitted into the lung: anatomical (x, y, z) mm.

    Args:
        side: of the lung.
        lobe: upper or lower.
        site: central or peripheral.
        radius_mm: of the tumour, mm.
        rng: of the place.
    """
    if site == "peripheral":
        return np.array(_PERIPHERAL[side, lobe]) + rng.normal(0, 6, 3)
    outward = -1.0 if side == "right" else 1.0
    return (
        np.array(_CENTRAL[side, lobe])
        + rng.normal(0, 3, 3)
        + np.array([outward * 0.55, 0.15, -0.05]) * radius_mm
    )


def equivalent_radius_mm(gtv_cm3: float) -> float:
    """Radius of the sphere of this volume, mm.

    Args:
        gtv_cm3: the volume, cm3.
    """
    return float((gtv_cm3 * 1000 * 3 / (4 * np.pi)) ** (1 / 3))


@dataclass(frozen=True, eq=False)
class Lobulation:
    """A star shape whose radius varies smoothly with the direction.

    Args:
        directions: (n, 3) unit vectors of the lobules.
        height: (n,) their share of the radius.
        sharp: (n,) how narrow they are.
        stretch: (3,) lengths of the axes relative to their mean.
    """

    directions: np.ndarray
    height: np.ndarray
    sharp: np.ndarray
    stretch: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, lobules: int = 14) -> Lobulation:
        """A shape by chance.

        Args:
            rng: of the shape.
            lobules: how many.
        """
        v = rng.normal(size=(lobules, 3))
        stretch = np.exp(rng.normal(0, 0.10, 3))
        return cls(
            v / np.linalg.norm(v, axis=1, keepdims=True),
            rng.uniform(0.08, 0.30, lobules) * rng.choice((1, -0.7), lobules, p=(0.7, 0.3)),
            rng.uniform(6, 16, lobules),
            stretch / stretch.prod() ** (1 / 3),
        )

    def level(self, offset: np.ndarray) -> np.ndarray:
        """Levels of the shape: distance from the centre over the relative radius there, of offsets (..., 3) mm.

        Args:
            offset: from the centre.
        """
        p = offset / self.stretch
        distance = np.sqrt((p**2).sum(axis=-1)) + 1e-6
        unit = p / distance[..., None]
        radius = 1.0
        for direction, height, sharp in zip(self.directions, self.height, self.sharp, strict=True):
            radius = radius + height * np.exp(sharp * (unit @ direction - 1.0))
        return distance / radius


def spicules(
    reach: float, shape: Lobulation, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strands that run from the tumour's surface into the lung.

    Args:
        reach: the shape's level on the surface, mm.
        shape: the tumour's shape.
        number: how many.
        rng: chance.

    Returns:
        (n, 3) starts and ends relative to the centre, in (z, y, x) mm, and (n,) radii, mm.
    """
    way = rng.normal(size=(number, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    surface = reach / shape.level(way)
    length = rng.gamma(3.0, 0.10 * reach + 2.2, number)
    end = way * surface[:, None] + (way + rng.normal(0, 0.18, (number, 3))) * length[:, None]
    return way * (0.85 * surface)[:, None], end, rng.uniform(0.6, 1.3, number)
