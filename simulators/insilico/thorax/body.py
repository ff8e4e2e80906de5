"""The walls of the in-silico thorax: habitus, grid, skin, rib cage, diaphragm and lungs.

Anatomical coordinates are mm of a reference patient (x left, y back, z head; 0 at the height of the carina);
the habitus scales and bends them. Sizes follow an adult in free breathing, arms up, supine.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from simulators.insilico.thorax.canvas_kernels import FACTOR
from simulators.insilico.thorax.shapes import Grid, smooth_union, tube
from twin import Geometry

PIXELS = 512
SLICE_MM = 3.0
TOP_MM, BOTTOM_MM = 118.0, -192.0

# Height z, half width, front and back of the rib cage's inner surface in the reference patient, mm.
_CAGE = np.array([
    (130, 58, -14, 56), (105, 60, -16, 60), (80, 72, -26, 68), (55, 88, -42, 75), (30, 102, -58, 80),
    (0, 115, -76, 84), (-30, 123, -87, 86), (-60, 128, -95, 86), (-90, 131, -100, 85), (-120, 132, -103, 82),
    (-160, 131, -104, 78), (-210, 128, -104, 72),
])  # fmt: skip
# Height z, half width, front and back of the trunk without its fat and without the shoulders, mm.
_TRUNK = np.array([
    (130, 105, -48, 98), (105, 118, -56, 104), (80, 130, -64, 108), (55, 138, -76, 112), (30, 142, -90, 116),
    (0, 145, -102, 119), (-30, 147, -109, 120), (-60, 149, -115, 120), (-90, 150, -119, 118),
    (-120, 150, -121, 116), (-160, 149, -121, 112), (-210, 146, -120, 108),
])  # fmt: skip


@dataclass(frozen=True)
class Habitus:
    """What differs between patients: sizes, shares and HU."""

    sex: str
    width: float
    depth: float
    height: float
    fat_mm: float
    breast: float
    kyphosis: float
    lean_mm: float
    right_dome_mm: float
    left_dome_mm: float
    heart_cm3: float
    lung_hu: float
    emphysema: float
    blood_hu: float
    noise_hu: float
    pixel_mm: float
    wobble: tuple[float, ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habitus:
        """A habitus by chance.

        Args:
            rng: of the patient.
        """
        male = rng.random() < 0.58
        size = np.clip(rng.normal(1.03 if male else 0.985, 0.03), 0.95, 1.09)
        fat = float(np.clip(rng.gamma(5.0, 3.0 if male else 3.6), 6, 34))
        fields = {
            "width": size * np.clip(rng.normal(1, 0.025), 0.96, 1.05),
            "depth": size * np.clip(rng.normal(1, 0.03), 0.96, 1.06),
            "height": size * np.clip(rng.normal(1, 0.03), 0.96, 1.06),
            "kyphosis": rng.normal(1, 0.2),
            "lean_mm": rng.normal(0, 3),
            "right_dome_mm": np.clip(rng.normal(-88, 5), -96, -78),
            "left_dome_mm": np.clip(rng.normal(-98, 5), -106, -88),
            "heart_cm3": np.clip(rng.normal(690 if male else 630, 50), 560, 780),
            "lung_hu": rng.normal(-828, 26),
            "emphysema": max(0.0, rng.normal(0.2, 0.5)),
            "blood_hu": 42 + (rng.uniform(60, 130) if rng.random() < 0.4 else rng.normal(0, 3)),
            "noise_hu": rng.uniform(14, 24),
        }
        wobble = rng.normal(size=8)
        pixel = float(np.clip((340 * fields["width"] + 2.6 * fat + 50) / PIXELS, 0.85, 0.98))
        return cls(
            sex="male" if male else "female",
            fat_mm=round(fat, 2),
            breast=0.0 if male else round(float(rng.uniform(0.6, 1.4)), 3),
            pixel_mm=round(pixel, 3),
            wobble=tuple(round(float(w), 3) for w in wobble),
            **{k: round(float(v), 3) for k, v in fields.items()},
        )

    def as_dict(self) -> dict:
        """Plain values for JSON."""
        return {**asdict(self), "wobble": list(self.wobble)}


def table(grid: Grid, columns: np.ndarray, column: int) -> np.ndarray:
    """(nz, 1, 1) smooth interpolation of one column of a table whose first column is z, descending.

    Args:
        grid: where it is wanted.
        columns: (rows, columns), z descending.
        column: which.
    """
    from scipy.interpolate import PchipInterpolator

    curve = PchipInterpolator(columns[::-1, 0], columns[::-1, column])
    return curve(np.clip(grid.z, -210, 130)).astype(np.float32)


def spine_y_mm(z) -> np.ndarray:
    """Depth y of the vertebral bodies' centres at heights z: the thoracic kyphosis, mm.

    Args:
        z: heights, mm, any shape.
    """
    up = np.asarray(z, dtype=np.float64) + 45.0
    return np.where(up > 0, 50 - 26 * (up / 145) ** 2, 50 - 15 * (up / 145) ** 2)


def oval(grid: Grid, half, front, back, centre, power_front: float, power_back: float) -> np.ndarray:
    """Distance to a super-ellipse in each slice, to first order; all sizes (nz, 1, 1) mm.

    Args:
        grid: where it is wanted.
        half: width to each side.
        front: depth y of the foremost point.
        back: depth y of the hindmost point.
        centre: depth y of the widest place.
        power_front: exponent before it; 2 is an ellipse, more is squarer.
        power_back: exponent behind it.
    """
    y = grid.y - centre
    behind = y > 0
    depth = np.where(behind, back - centre, centre - front)
    power = np.where(behind, np.float32(power_back), np.float32(power_front))
    u, v = np.abs(grid.x) / half + 1e-4, np.abs(y) / depth + 1e-4
    f = (u**power + v**power) ** (1 / power)
    gradient = np.hypot((u / f) ** (power - 1) / half, (v / f) ** (power - 1) / depth)
    return ((f - 1) / gradient).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Frame:
    """The scan's grid and the way from anatomical to patient coordinates.

    Args:
        habitus: the patient's build.
        pixels: along a row and a column.
    """

    habitus: Habitus
    pixels: int = PIXELS

    @cached_property
    def geometry(self) -> Geometry:
        """The CT grid."""
        h = self.habitus
        n = round((TOP_MM - BOTTOM_MM) * h.height / SLICE_MM)
        first = -(self.pixels - 1) / 2 * h.pixel_mm
        bottom = round(BOTTOM_MM * h.height / SLICE_MM) * SLICE_MM
        return Geometry(
            (n, self.pixels, self.pixels), (SLICE_MM, h.pixel_mm, h.pixel_mm), (first, first, bottom)
        )

    @cached_property
    def z(self) -> np.ndarray:
        """(nz,) anatomical heights of the slices, mm."""
        g = self.geometry
        return ((g.origin_mm[2] + SLICE_MM * np.arange(g.shape[0])) / self.habitus.height).astype(np.float32)

    @cached_property
    def midline(self) -> np.ndarray:
        """(nz,) fine column of the midline (x = 0) in each slice."""
        dx, _ = self.shift_mm(self.z)
        return (self.pixels - 1) / 2 + dx * self.habitus.width / self.habitus.pixel_mm

    def shift_mm(self, z) -> tuple[np.ndarray, np.ndarray]:
        """Sideways and backward shift of the body at heights z: posture and a slight scoliosis, mm.

        Args:
            z: heights, mm, any shape.
        """
        w, h = self.habitus.wobble, self.habitus
        x = 2.0 * w[0] * np.sin(z / 90 + w[1]) + h.lean_mm * z / 150
        y = (h.kyphosis - 1) * 12 * ((z + 40) / 150) ** 2 + 1.5 * w[2] * np.sin(z / 70 + w[3]) - 4.0
        return x, y

    def grid(self, factor: int = FACTOR, rows: slice = slice(None), columns: slice = slice(None)) -> Grid:
        """Anatomical coordinates of voxels, `factor` of them taken as one in-plane, on rows and columns of it.

        Args:
            factor: voxels in plane that are one here.
            rows: of the coarse grid.
            columns: of the coarse grid.
        """
        h = self.habitus
        n = self.pixels
        line = (np.arange(n // factor) * factor + (factor - 1) / 2 - (n - 1) / 2) * h.pixel_mm
        dx, dy = self.shift_mm(self.z[:, None])
        x = (line[columns] / h.width - dx).astype(np.float32)
        y = (line[rows] / h.depth - dy).astype(np.float32)
        return Grid(self.z[:, None, None], y[:, :, None], x[:, None, :])

    def voxels(self, points) -> np.ndarray:
        """(n, 3) fine voxel coordinates (z, y, x) of anatomical points (n, 3) as (x, y, z) mm.

        Args:
            points: (n, 3).
        """
        p = np.asarray(points, dtype=np.float64)
        h = self.habitus
        dx, dy = self.shift_mm(p[:, 2])
        lps = np.stack([(p[:, 0] + dx) * h.width, (p[:, 1] + dy) * h.depth, p[:, 2] * h.height], axis=1)
        return self.geometry.index(lps)

    def anatomical(self, voxels) -> np.ndarray:
        """(n, 3) anatomical points (x, y, z) mm of fine voxel coordinates (n, 3) as (z, y, x).

        Args:
            voxels: (n, 3).
        """
        lps = self.geometry.lps(voxels)
        h = self.habitus
        z = lps[:, 2] / h.height
        dx, dy = self.shift_mm(z)
        return np.stack([lps[:, 0] / h.width - dx, lps[:, 1] / h.depth - dy, z], axis=1)


@dataclass(frozen=True, eq=False)
class Walls:
    """Coarse signed distances of the thorax' walls, mm, and the angle around the trunk (0 spine, pi sternum)."""

    body: np.ndarray
    lean: np.ndarray
    cage: np.ndarray
    angle: np.ndarray
    dome: np.ndarray
    apex: np.ndarray


def walls(grid: Grid, habitus: Habitus) -> Walls:
    """Skin, muscle surface under the fat, rib cage and diaphragm.

    Args:
        grid: where they are wanted.
        habitus: of the patient.
    """
    h, w = habitus, habitus.wobble
    half, front, back = (table(grid, _CAGE, c) for c in (1, 2, 3))
    centre = front + 0.58 * (back - front)
    cage = oval(grid, half, front, back, centre, 2.1, 2.5)
    angle = np.arctan2(np.abs(grid.x), grid.y - centre).astype(np.float32)
    spine = spine_y_mm(grid.z).astype(np.float32)
    cage = cage + 5.0 * np.exp(-((grid.x / 20.0) ** 2)) * (grid.y > centre)  # the gutters beside the spine
    cage = cage + 1.2 * np.sin(3 * angle + w[4]) * np.sin(grid.z / 45 + w[5]) * np.clip(
        grid.x / 40, -1, 1
    ) * np.sin(angle)

    half, front, back = (table(grid, _TRUNK, c) for c in (1, 2, 3))
    trunk = oval(grid, half, front, back, 0.35 * front + 0.65 * back - 20, 2.3, 2.6)
    shoulders, breasts = [], []
    for side in (-1.0, 1.0):
        line = np.array(
            [(110, 56, -75), (114, 56, -30), (120, 50, 20), (132, 38, 70), (148, 22, 115), (164, 10, 160)]
        )
        shoulders.append(tube(grid, line * (side, 1, 1), (16, 46, 66, 80, 84, 82), flat=0.74))
        if h.breast:
            line = np.array([(70, -94, -50), (84, -88, -70)])
            breasts.append(tube(grid, line * (side, 1, 1), (34 * h.breast, 36 * h.breast)))
    lean = smooth_union([trunk, *shoulders], 9.0)
    lean = lean + (5 * np.exp(-((grid.x / 9) ** 2)) * (grid.y > spine)).astype(np.float32)  # over the spine
    fat = h.fat_mm * (0.75 + 0.35 * np.sin(angle) ** 2 - 0.25 * np.exp(-(((angle - np.pi) / 0.3) ** 2)))
    fat = fat * (1.0 + 0.12 * np.sin(2 * angle + grid.z / 60 + w[6]))
    body = smooth_union([lean - fat, *breasts], 6.0)
    couch = back_mm(grid, h)
    body = smooth_union([-body, couch - grid.y], 5.0) * np.float32(-1)
    lean = np.maximum(lean, body + 3.0)

    inside = np.clip(-cage / 78.0, 0, 1)  # 0 at the wall, 1 well inside
    rise = 1 - (1 - inside) ** 2.6
    left = 1 / (1 + np.exp(-(grid.x - 2) / 7.0))  # 0 right, 1 left, blended behind the heart
    top = h.right_dome_mm + left * (h.left_dome_mm - h.right_dome_mm)
    drop = np.clip(50 + 0.42 * (grid.y + 10), 14, 84) + 3 * np.sin(2.3 * angle + w[7])
    dome = grid.z - (top - drop * (1 - rise))
    slope = 1 + 0.55 * np.clip(1 - inside, 0, 1)
    dome = (dome / slope).astype(np.float32)
    off = np.abs(grid.x)
    tip = 106 + np.where(grid.x < 0, 1.0, -1.0) - ((off - 40) / 6.5) ** 2 / 2 - ((grid.y - 24) / 7.0) ** 2 / 2
    apex = ((grid.z - tip) * 0.6).astype(np.float32)
    return Walls(body, lean.astype(np.float32), cage.astype(np.float32), angle, dome, apex)


def back_mm(grid: Grid, habitus: Habitus) -> np.ndarray:
    """(nz, 1, 1) depth y of the skin on the couch, mm.

    Args:
        grid: where it is wanted.
        habitus: of the patient.
    """
    return np.float32(116 + 0.55 * habitus.fat_mm) + 0 * grid.z
