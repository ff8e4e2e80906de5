"""The middle of the in-silico thorax: heart, great vessels, airways, oesophagus and what lies under the domes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.insilico.thorax.body import Habitus, Walls, spine_y_mm
from simulators.insilico.thorax.shapes import Grid, curve, ellipsoid, smooth_union, tube

CARINA = (1.0, 13.0, 0.0)


@dataclass(frozen=True, eq=False)
class Middle:
    """Coarse signed distances of the mediastinal organs, mm.

    `solid` is all of the mediastinum with its fat and the spine: what the lungs leave free. `blood` has the great
    vessels and chambers by name, `muscle` the heart's walls.
    """

    heart: np.ndarray
    trachea: np.ndarray
    airway: np.ndarray
    airway_wall: np.ndarray
    oesophagus: np.ndarray
    oesophageal_air: np.ndarray
    blood: dict[str, np.ndarray]
    muscle: list[np.ndarray]
    solid: np.ndarray


def airways() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Centre lines (n, 3) and inner radii (n,) of trachea, main and lobar bronchi, mm."""
    lines = {
        "trachea": (
            [(0, -14, 135), (0, -8, 105), (-1, 1, 60), (0, 9, 20), CARINA],
            [8.6, 8.4, 8.2, 8.4, 8.0],
        ),
        "right": ([CARINA, (-15, 15, -12), (-27, 17, -18)], [7.4, 7.0, 6.6]),
        "right upper": ([(-25, 17, -15), (-38, 18, -10), (-48, 17, -4)], [4.9, 4.5, 3.8]),
        "intermediate": ([(-27, 17, -18), (-33, 17, -30), (-38, 17, -42)], [5.6, 5.4, 5.0]),
        "middle": ([(-37, 16, -40), (-46, 2, -52), (-52, -8, -58)], [3.3, 2.9, 2.5]),
        "right lower": ([(-38, 17, -42), (-43, 26, -56), (-50, 34, -72)], [4.4, 4.0, 3.4]),
        "left": ([CARINA, (16, 18, -11), (32, 22, -20), (42, 24, -25)], [6.6, 6.2, 5.8, 5.4]),
        "left upper": ([(42, 24, -25), (52, 18, -24), (60, 10, -18)], [4.6, 4.2, 3.5]),
        "left lower": ([(42, 24, -25), (48, 31, -40), (54, 38, -60)], [4.5, 4.0, 3.4]),
    }
    return {k: (np.asarray(p, dtype=np.float64), np.asarray(r)) for k, (p, r) in lines.items()}


def _vessels() -> dict[str, tuple[list, list]]:
    """Centre lines (x, y, z) and outer radii of the great vessels, mm."""
    descending = [
        (19 - 6 * max(0, -z - 70) / 80, float(spine_y_mm(z)) - 22, z) for z in range(-35, -220, -20)
    ]
    return {
        "ascending aorta": (
            [(6, -30, -52), (-6, -36, -30), (-15, -38, -8), (-14, -34, 14), (-6, -24, 27), (6, -8, 33),
             (16, 10, 32), (23, 25, 22), (25, 31, 6), (23, 31, -15), *descending],
            [15, 16, 16, 15.5, 14.5, 13.8, 13.4, 13, 12.6, 12.4, *np.linspace(12.2, 10.5, len(descending))],
        ),
        "pulmonary trunk": (
            [(12, -54, -50), (17, -50, -30), (21, -36, -16), (25, -18, -11), (35, 2, -11), (46, 16, -18),
             (50, 24, -32)],
            [13, 14, 14, 12.5, 11.5, 10.5, 8],
        ),
        "right pulmonary artery": (
            [(24, -28, -14), (6, -14, -20), (-14, -6, -22), (-32, 0, -22), (-44, 8, -30), (-46, 16, -46)],
            [12, 11.5, 11.5, 11, 9, 7.5],
        ),
        "superior vena cava": (
            [(-22, -22, 62), (-27, -22, 40), (-30, -22, 10), (-30, -22, -20), (-28, -22, -45)],
            [7.5, 9, 9.5, 10, 11],
        ),
        "left brachiocephalic vein": (
            [(-25, -24, 48), (-4, -38, 46), (18, -34, 56), (36, -24, 72), (60, -18, 88)], [8, 7, 7, 6.5, 6],
        ),
        "right brachiocephalic vein": ([(-22, -22, 60), (-30, -20, 78), (-56, -18, 92)], [7.5, 7, 6]),
        "brachiocephalic artery": ([(-6, -20, 32), (-13, -15, 54), (-20, -10, 80), (-22, -12, 125)], [7, 6.5, 6, 4]),
        "left carotid": ([(4, -10, 36), (11, -10, 60), (18, -12, 90), (22, -16, 130)], [4.5, 4, 4, 3.8]),
        "left subclavian": ([(15, 6, 36), (20, 2, 60), (28, -2, 82), (60, -8, 96)], [5.5, 5.2, 5, 4.5]),
        "right subclavian": ([(-20, -10, 82), (-40, -8, 94), (-70, -10, 98)], [5, 4.8, 4.5]),
        "azygos": (
            [(-10, 28, -160), (-8, 32, -60), (-9, 33, -5), (-16, 26, 12), (-24, 4, 13), (-29, -12, 10)],
            [3, 3.5, 4, 4.5, 4.5, 4.5],
        ),
        "inferior vena cava": ([(-24, -14, -85), (-24, -4, -100), (-22, 8, -130), (-20, 12, -200)], [13, 13, 12, 11]),
        "right superior pulmonary vein": ([(-6, 0, -44), (-26, -8, -40), (-44, -6, -34)], [8, 7.5, 6]),
        "right inferior pulmonary vein": ([(-6, 10, -54), (-26, 20, -58), (-42, 30, -64)], [8, 7.5, 6]),
        "left superior pulmonary vein": ([(14, 2, -42), (34, 0, -36), (52, -2, -28)], [8, 7.5, 6]),
        "left inferior pulmonary vein": ([(14, 12, -52), (32, 24, -54), (46, 34, -60)], [8, 7.5, 6]),
    }  # fmt: skip


def _axes(long) -> np.ndarray:
    """(3, 3) an orthonormal frame whose first row is `long`."""
    a = np.asarray(long, dtype=np.float64)
    a /= np.linalg.norm(a)
    b = np.cross((0, 0, 1.0), a)
    b /= np.linalg.norm(b)
    return np.stack([a, b, np.cross(a, b)])


def _heart_scale(habitus: Habitus) -> float:
    """Linear size of the heart that gives its volume; at 1 the bodies below make 673 cm3 in anatomical mm."""
    stretch = habitus.width * habitus.depth * habitus.height
    return float((habitus.heart_cm3 / (673.0 * stretch)) ** (1 / 3))


def middle(grid: Grid, habitus: Habitus, nodes: list[np.ndarray]) -> Middle:
    """The mediastinal organs of one patient; the nodes' distances only widen the mediastinum.

    Args:
        grid: where it is wanted.
        habitus: of the patient.
        nodes: distances of enlarged nodes, mm.
    """
    s = _heart_scale(habitus)
    axes = _axes((0.74, -0.48, -0.47))

    def at(x, y, z):
        return (18 + (x - 18) * s, -24 + (y + 24) * s, -72 + (z + 72) * s)

    chambers = {
        "right atrium": ellipsoid(grid, at(-24, -30, -72), (24 * s, 30 * s, 34 * s)),
        "left atrium": ellipsoid(grid, at(6, 6, -54), (31 * s, 17 * s, 22 * s)),
        "right ventricle": ellipsoid(
            grid, at(16, -64, -82), (46 * s, 22 * s, 31 * s), _axes((0.9, -0.25, -0.35))
        ),
        "left ventricle": ellipsoid(grid, at(47, -36, -84), (47 * s, 36 * s, 35 * s), axes),
        "septum": ellipsoid(grid, at(12, -24, -80), (34 * s, 30 * s, 28 * s)),
    }
    cavity = ellipsoid(grid, at(42, -33, -81), (33 * s, 21 * s, 20 * s), axes)
    heart = smooth_union([d - 2.0 for d in chambers.values()], 7.0)
    tubes = airways()
    airway_parts = [tube(grid, p, r) for p, r in tubes.values()]
    airway = np.minimum.reduce(airway_parts)
    wall = np.minimum.reduce([tube(grid, p, r + 0.8 + 0.10 * r) for p, r in tubes.values()])
    trachea = airway_parts[0]
    blood = {}
    for name, (points, radii) in _vessels().items():
        line = curve(np.column_stack([points, radii]), 3 * len(points))
        blood[name] = tube(grid, line[:, :3], line[:, 3])
    heights = np.arange(135, -115, -12.0)
    line = np.stack([
        3 + 3 * np.cos(heights / 40) + np.clip(-heights - 70, 0, 60) * 0.35,
        spine_y_mm(heights) - 25 - np.clip(-heights - 70, 0, 60) * 0.25,
        heights,
    ], axis=1)  # fmt: skip
    oesophagus = tube(grid, line, 6.2, flat=1.35)
    gas = np.sin(heights / 17 + habitus.wobble[5]) * 2.2 - 0.4
    air = tube(grid, line - (0, 1.0, 0), np.clip(gas, -3, 2.4), flat=1.5)
    chambers_and_vessels = [heart, *blood.values()]
    slab = np.maximum(np.abs(grid.x - 2) - (5 + 0.012 * np.clip(grid.z + 10, 0, 90) ** 1.6), grid.y + 5)
    slab = np.maximum(slab, -60 - grid.z).astype(np.float32)
    column = ellipse_column(grid)
    solid = smooth_union(
        [*[d - 1.5 for d in chambers_and_vessels], wall - 2.0, oesophagus - 2.5, slab, column], 6.0
    )
    solid = smooth_union([solid, *[n - 1.5 for n in nodes]], 5.0) if nodes else solid
    pad = ellipsoid(
        grid, (22, -82, -118), (62, 24, 26)
    )  # fat between the heart, the sternum and the diaphragm
    solid = smooth_union([solid, pad], 6.0)
    muscle = [chambers.pop(name) - 2.5 for name in ("septum", "left ventricle")]
    blood = {**blood, **chambers, "left ventricular cavity": cavity}
    return Middle(heart, trachea, airway, wall, oesophagus, air, blood, muscle, solid)


def ellipse_column(grid: Grid) -> np.ndarray:
    """Distance to the vertebral column with its soft tissue, mm.

    Args:
        grid: where it is wanted.
    """
    y = grid.y - spine_y_mm(grid.z).astype(np.float32)
    bodies = np.hypot(grid.x, y * 1.05) - 20.0
    behind = np.maximum(np.abs(grid.x) - 24.0, 14.0 - y)
    return smooth_union([np.broadcast_to(bodies, grid.shape), behind], 4.0)


def abdomen(grid: Grid, walls: Walls, habitus: Habitus) -> list[tuple[np.ndarray, float]]:
    """What lies under the domes: (distance, HU) of liver, stomach, spleen, kidneys and colon in painting order.

    Args:
        grid: where it is wanted.
        walls: of the chest.
        habitus: of the patient.
    """
    w = habitus.wobble
    under = np.maximum(walls.dome + 3.5, walls.cage + 4.0)
    front = 1 / (1 + np.exp((grid.y + 38) / 11.0))  # the left lobe lies in front
    edge = -2 + (62 + 0.35 * (grid.z + 120)) * front + 5 * np.sin(grid.z / 19 + grid.y / 23 + w[0])
    liver = np.maximum(under, (grid.x - edge) * 0.6)
    back = grid.y - (66 - 0.25 * np.abs(grid.x + 70)) + 10 * np.exp(-(((grid.x + 20) / 22) ** 2)) * 2
    liver = np.maximum(liver, back)
    liver = -smooth_union([-liver, (grid.z + 245) * 1.0], 4.0)
    spine = ellipse_column(grid) - 8
    liver = np.maximum(liver, -spine)
    stomach = np.maximum(ellipsoid(grid, (62, -20, -142), (42, 40, 34)), under + 2)
    bubble = np.maximum(stomach + 4.0, grid.y + 34 + w[1] * 4)
    spleen = np.maximum(ellipsoid(grid, (92, 42, -146), (26, 42, 40)), under + 1)
    kidneys = np.minimum(
        ellipsoid(grid, (-58, 48, -212), (28, 26, 45)), ellipsoid(grid, (58, 50, -200), (28, 26, 45))
    )
    colon = np.maximum(ellipsoid(grid, (84, -58, -176), (30, 22, 18)), under + 3)
    return [
        (liver.astype(np.float32), 58.0 + 0.35 * (habitus.blood_hu - 42)),
        (stomach, 34.0),
        (stomach + 4.0, 18.0),
        (bubble.astype(np.float32), -990.0),
        (spleen, 50.0 + 0.5 * (habitus.blood_hu - 42)),
        (np.maximum(kidneys, under + 4), 32.0 + 0.8 * (habitus.blood_hu - 42)),
        (colon, 30.0),
        ((colon + 3.5).astype(np.float32), -950.0),
    ]
