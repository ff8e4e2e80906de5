"""Bones and muscles of the in-silico chest wall, most of them in coordinates that follow the rib cage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.insilico.thorax.body import Walls, spine_y_mm
from simulators.insilico.thorax.shapes import FAR_MM, Grid, ellipsoid, tube
from simulators.insilico.thorax.spine import vertebra_z_mm

_BINS = 361


@dataclass(frozen=True, eq=False)
class Strips:
    """Bony strips over the cage: tables (n, 2, bins, 4), and (n,) cortex thickness (mm), cortex and marrow HU."""

    tables: np.ndarray
    cortex_mm: np.ndarray
    cortex_hu: np.ndarray
    marrow_hu: np.ndarray


def _smooth(t):
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def _taper(angle, first, last, ramp=0.05):
    """1 between two angles, falling to 0 within `ramp` radians at both ends."""
    return np.sqrt(np.clip((angle - first) / ramp, 0, 1) * np.clip((last - angle) / ramp, 0, 1))


_BONE_END = (
    2.62,
    2.68,
    2.68,
    2.66,
    2.62,
    2.54,
    2.44,
    2.28,
    2.12,
    1.96,
    1.35,
    0.9,
)  # angle of ribs' bony ends
_DROP_MM = (46, 72, 92, 106, 118, 126, 130, 128, 120, 110, 72, 40)  # fall from spine to bony end
_RISE_MM = (6, 12, 20, 32, 46, 64, 80, 56, 46, 36, 0, 0)  # rise of the cartilage towards the sternum


def strips(rng: np.random.Generator) -> Strips:
    """Ribs, costal cartilages, sternum and scapulae.

    Args:
        rng: of the patient.
    """
    angle = np.linspace(0, np.pi, _BINS)
    rows, cortex, cortex_hu, marrow = [], [], [], []

    def add(sides, properties):
        rows.append(sides)
        cortex.append(properties[0])
        cortex_hu.append(properties[1])
        marrow.append(properties[2])

    calcified = rng.uniform(90, 240)
    for rib in range(12):
        bone, cartilage = [], []
        end, drop, rise = _BONE_END[rib], _DROP_MM[rib] + rng.normal(0, 3), _RISE_MM[rib]
        for _ in range(2):
            own_end = end + rng.normal(0, 0.03)
            fall = 0.75 * np.clip(angle / own_end, 0, 1) + 0.25 * _smooth((angle - 0.15) / (own_end - 0.15))
            z = vertebra_z_mm(rib + 1) + 8 + rng.normal(0, 0.8) - drop * fall
            z = z + rise * _smooth((angle - own_end) / (np.pi - 0.15 - own_end))
            z = z + 1.0 * np.sin(3 * angle + rng.uniform(0, 6))
            wide = (5.7 if rib else 5.2) - (1.0 if rib > 9 else 0)
            half = wide * _taper(angle, 0.17, own_end)
            thick = 4.3 - 0.9 * _smooth((angle - 0.5) / 1.5) + (0 if rib else -0.6)
            bone.append(np.stack([z, half, 4.6 + 0 * angle, thick], axis=1))
            last = np.pi - 0.13 if rib < 7 else min(own_end + 0.55, np.pi - 0.35)
            shown = _taper(angle, own_end - 0.03, last) if rib < 10 else 0 * angle
            cartilage.append(np.stack([z, 6.2 * shown, 5.0 + 0 * angle, 4.4 + 0 * angle], axis=1))
        add(bone, (1.3, rng.uniform(640, 800), rng.uniform(90, 190)))
        if rib < 10:
            add(cartilage, (1.2, calcified * rng.uniform(0.8, 1.3), rng.uniform(75, 105)))
    front = np.pi - angle

    def plate(z, half, depth, thick, width):
        """A bone that lies flat on the midline, its edges closed by cortex."""
        edge = np.sqrt(np.clip(1 - (front / width) ** 6, 0, 1))
        return np.stack([z + 0 * angle, half * (front < width), depth + 0 * angle, thick * edge], axis=1)

    body = plate(-38, 74, 6.0, 5.2, 0.22)
    manubrium = plate(38, 17, 6.5, 6.2, 0.50)
    xiphoid = plate(-124, 13, 5.0, 3.6, 0.10)
    sternum_marrow = rng.uniform(40, 120)
    for part in (manubrium, body, xiphoid):
        add([part, part], (1.3, rng.uniform(430, 560), sternum_marrow))
    for part in _scapula(angle):
        add([part, part], (1.5, rng.uniform(600, 760), 180.0))
    return Strips(
        np.asarray(rows, dtype=np.float64), np.asarray(cortex), np.asarray(cortex_hu), np.asarray(marrow)
    )


def _scapula(angle) -> list[np.ndarray]:
    """Blade, lateral border and spine of the shoulder blade, raised and turned out by the lifted arms."""
    t = (angle - 0.62) / 0.82  # 0 at the medial border, 1 at the neck
    shown = _taper(angle, 0.62, 1.46, 0.06)
    low = -42 + 95 * np.clip(t, 0, 1) ** 1.25
    high = 58 + 22 * np.clip(t, 0, 1)
    depth = 15 + 23 * np.clip(t, 0, 1) ** 1.3
    blade = np.stack(
        [(low + high) / 2, shown * (high - low) / 2, depth, 2.1 + 0.6 * np.abs(2 * t - 1)], axis=1
    )
    border = np.stack([low + 5, 7.5 * shown, depth + 0.5, 4.3 + 1.5 * np.clip(t, 0, 1)], axis=1)
    spine = np.stack([30 + 42 * t, 3.4 * shown, depth + 8 + 4 * t, 8.0 + 4 * t], axis=1)
    return [blade, border, spine]


def muscles(grid: Grid, walls: Walls, septa: np.ndarray) -> list[np.ndarray]:
    """Distances of the muscles; what is left between them is fat.

    The muscles of the wall are slabs at a depth over the rib cage, in a range of angle and height. `septa` is
    a smooth random field whose zero level is where fat parts the bundles of the great masses.
    """
    cage, angle, z = walls.cage, walls.angle, grid.z
    lean = walls.lean + 1.0

    def slab(depth, thick, angles, heights, skew=0.0):
        """A sheet `thick` mm thick at `depth` mm over the cage."""
        mid, half = (angles[0] + angles[1]) / 2, (angles[1] - angles[0]) / 2
        zm, zh = (heights[0] + heights[1]) / 2, (heights[1] - heights[0]) / 2
        rows = np.abs(z[:, 0, 0] - zm) <= zh + abs(skew) * half
        turn = angle[rows] - mid
        u, v = (turn / half) ** 2, ((z[rows] - zm - skew * turn) / zh) ** 2
        fade = np.sqrt(np.clip(1 - u * u, 0, 1) * np.clip(1 - v * v, 0, 1))
        sheet = np.full(cage.shape, FAR_MM, dtype=np.float32)
        sheet[rows] = np.maximum(
            np.abs(cage[rows] - depth) - 0.5 * thick * fade + 3.0 * (fade <= 0), lean[rows]
        )
        return sheet

    parts = [
        np.maximum(np.maximum(np.abs(cage - 4.5) - 4.5, lean), z - 96).astype(np.float32),  # intercostal
        slab(14.5, 7.5, (2.15, 2.78), (-25, 70)),  # pectoralis minor
        slab(22.5, 9.5, (1.95, 3.02), (-62, 72), skew=-25.0),  # pectoralis major
        slab(13.2, 7.5, (0.85, 2.0), (-125, 40), skew=-20.0),  # serratus anterior
        slab(23.5, 9.5, (0.5, 1.62), (-180, 30), skew=30.0),  # latissimus dorsi
        slab(12.5, 7.0, (1.2, 2.75), (-240, -118)),  # external oblique
        slab(12.0, 8.0, (2.72, 3.14), (-240, -112)),  # rectus abdominis
        np.maximum(slab(10.8, 5.5, (0.62, 1.5), (-40, 84)), lean),  # subscapularis
    ]
    t = np.clip((angle - 0.62) / 0.82, 0, 1)
    over = cage - (15 + 23 * t**1.3)
    high = np.maximum(np.abs(angle - 1.06) * 90 - 40, np.maximum(z - 88, -38 + 80 * t - z))
    parts.append(
        np.maximum(np.maximum(-over + 3.4, over - 30), np.maximum(high, lean + 1)).astype(np.float32)
    )
    parts.append(np.maximum(np.maximum(over + 3.4, 11.5 - cage), np.maximum(high, lean)).astype(np.float32))
    parts += _shoulders(grid, walls, septa)
    return parts + _back_and_neck(grid, lean)


def _back_and_neck(grid: Grid, lean: np.ndarray) -> list[np.ndarray]:
    """Distances of the muscles beside the spine, from the neck's to psoas, that lie under the fat by `lean`, mm."""
    z, parts = grid.z, []
    spine = spine_y_mm(z).astype(np.float32)
    outer = lean + 8.0  # the sheet right under the fat: trapezius, upper latissimus
    sheet = np.maximum(
        np.abs(lean + 4.0) - 3.6,
        np.maximum(np.abs(grid.x) - 88 + 0.4 * np.clip(60 - z, 0, 120), spine - grid.y),
    )
    parts.append(np.maximum(sheet, -75 - z).astype(np.float32))
    for side in (-1.0, 1.0):
        column = oval_column(grid, side, spine)
        parts.append(np.maximum(column, outer).astype(np.float32))
        rhomboid = np.maximum(
            np.abs(grid.y - spine - 52 + 0.25 * np.abs(grid.x)) - 3.5, np.abs(grid.x - side * 52) - 24
        )
        parts.append(np.maximum(np.maximum(rhomboid, np.abs(z - 30) - 40), outer).astype(np.float32))
        mastoid = tube(
            grid, [(side * 20, -34, 66), (side * 30, -26, 100), (side * 42, -14, 140)], (6, 10, 11)
        )
        strap = tube(grid, [(side * 9, -36, 62), (side * 10, -28, 130)], 5.0, flat=1.8)
        parts += [np.maximum(p, lean + 1) for p in (mastoid, strap)]
        psoas = ellipsoid(grid, (side * 34, 46, -215), (16, 18, 60))
        parts.append(psoas)
    return parts


def oval_column(grid: Grid, side: float, spine: np.ndarray) -> np.ndarray:
    """Distance to the erector muscles of one side, mm: a rounded wedge beside the spinous processes.

    Args:
        grid: where it is wanted.
        side: -1 right, 1 left.
        spine: depth y of the vertebrae, (nz, 1, 1) mm.
    """
    u, v = np.abs(grid.x - side * 27) / 25, np.abs(grid.y - spine - 42) / 17
    return ((u**2.6 + v**2.6) ** (1 / 2.6) - 1) * 18


def _shoulders(grid: Grid, walls: Walls, septa: np.ndarray) -> list[np.ndarray]:
    """The mass of shoulder, upper arm and upper back around the fat of the armpit, and that of the neck."""
    x, y, z = np.abs(grid.x), grid.y, grid.z
    plane = 1.7 - np.abs(septa + 0.25) * 13.0
    low = 24 - 0.55 * (x - 90) - 0.6 * (y - 40) + 7 * septa  # its lower border rises towards the front
    mass = np.maximum(
        walls.lean + 2.5, np.maximum(10.5 - walls.cage - np.clip(z - 92, 0, 12), 0.8 * (low - z))
    )
    behind = 1 / (1 + np.exp(-(y - 20) / 9.0))
    mass = np.maximum(
        mass, 60 + 6 * septa - x + 0.55 * (84 - z) * (1 - behind) - 1.3 * np.clip(z - 45, 0, 80) * behind
    )
    line = [(104, -12, -20), (108, -14, 20), (110, -14, 54)]
    pit = np.minimum(*(tube(grid, np.array(line) * (side, 1, 1), (10, 17, 7)) for side in (-1.0, 1.0)))
    mass = np.maximum(np.maximum(mass, 9 * septa - pit), plane)
    neck = np.maximum(np.hypot(grid.x / 1.5, y - 26) - 42, 0.6 * (94 - z) - 0.3 * (x - 30))
    neck = np.maximum(neck, 23 - np.hypot(grid.x / 1.35, y + 4))
    neck = np.maximum(np.maximum(neck, plane), walls.lean + 2)
    return [mass.astype(np.float32), neck.astype(np.float32)]


@dataclass(frozen=True, eq=False)
class LongBone:
    """A bone along a line: points (n, 3) anatomical mm, radii (n,) mm, cortex (mm) and HU of the marrow."""

    line: np.ndarray
    radii_mm: np.ndarray
    cortex_mm: float
    marrow_hu: float


def long_bones() -> list[LongBone]:
    """Collar bones, humeral heads, glenoids and rib necks of both sides."""
    collar = [(16, -36, 50), (40, -42, 58), (70, -36, 72), (105, -8, 90), (135, 14, 106)]
    shapes: list[tuple[list, list[float], float, float]] = [
        (collar, [8.5, 6.5, 5.5, 5.5, 6.5], 1.6, 200.0),
        ([(162, 26, 108), (166, 24, 118), (172, 20, 150)], [22, 19, 12], 2.2, 160.0),
        ([(146, 34, 92), (152, 30, 104)], [11, 13], 1.8, 190.0),
    ]
    for number in range(1, 13):
        z = vertebra_z_mm(number)
        y = float(spine_y_mm(z))
        neck = [(17, y + 8, z + 10), (28, y + 20, z + 8), (40, y + 30, z + 6)]
        shapes.append((neck, [4.5, 3.8, 4.2], 1.2, 150.0))
    return [
        LongBone(np.array(line, dtype=np.float64) * (side, 1, 1), np.asarray(radii), cortex, marrow)
        for side in (-1.0, 1.0)
        for line, radii, cortex, marrow in shapes
    ]
