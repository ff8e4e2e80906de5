"""The tumour and the nodes of an in-silico patient: fitted into its anatomy, painted and masked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.insilico.thorax.body import Walls
from simulators.insilico.thorax.canvas import Canvas
from simulators.insilico.thorax.mediastinum import Middle, ellipse_column
from simulators.insilico.thorax.shapes import Grid
from simulators.insilico.thorax.texture import smooth_field
from simulators.insilico.thorax.tumour_shape import Lobulation, equivalent_radius_mm, seat, spicules
from twin import InputError

Masks = dict[str, np.ndarray]
_TOLERANCE = 0.01  # of the volume, before the tumour is said not to fit
_GREAT = (
    "ascending aorta", "pulmonary trunk", "superior vena cava", "brachiocephalic artery", "azygos",
    "right pulmonary artery", "left subclavian", "left carotid",
)  # fmt: skip


@dataclass(frozen=True)
class Wish:
    """The tumour that is asked for: volume (cm3), "central" or "peripheral", nodes, side and lobe."""

    gtv_cm3: float
    site: str
    nodes: bool
    side: str
    lobe: str


@dataclass(frozen=True, eq=False)
class Anatomy:
    """The coarse anatomy that a tumour is fitted into: coordinates, walls, organs, and distance to the lungs."""

    grid: Grid
    walls: Walls
    organs: Middle
    lung: np.ndarray


def barred(organs: Middle, grid: Grid, walls: Walls) -> np.ndarray:
    """Distance to all that tumour and nodes leave whole, mm: heart, great vessels, airways, spine, chest wall.

    Args:
        organs: of the mediastinum.
        grid: where it is wanted.
        walls: of the chest.
    """
    return np.minimum.reduce([
        organs.heart - 1, organs.airway_wall - 0.5, organs.oesophagus - 1, ellipse_column(grid), -walls.cage - 1,
        *[organs.blood[name] - 0.5 for name in _GREAT],
    ])  # fmt: skip


def node_masks(canvas: Canvas, nodes: dict[str, np.ndarray], masks: Masks) -> Masks:
    """GTVn from the nodes' distances, cut from the lungs and by the other organs; none without nodes.

    Args:
        canvas: on whose grid.
        nodes: distances, mm.
        masks: of the organs; GTVn is added.
    """
    if not nodes:
        return {}
    whole = canvas.mask(np.minimum.reduce(list(nodes.values())))
    for name in ("Heart", "Esophagus", "SpinalCord", "Trachea"):
        whole &= ~masks[name]
    for name in ("Lung_L", "Lung_R"):
        masks[name] &= ~whole
    return {"GTVn": whole}


def grow_tumour(canvas: Canvas, anatomy: Anatomy, masks: Masks, wish: Wish, rng: np.random.Generator) -> dict:
    """Paint the tumour, add GTVp to the masks and cut it from the others.

    Args:
        canvas: to paint on.
        anatomy: around the tumour.
        masks: of the organs.
        wish: what tumour is wanted.
        rng: of its shape.

    Returns:
        What is true of it, in plain values: lobe, centre (anatomical x, y, z, mm), its least distance to the
        bronchi and to the chest wall (mm; 30 and more is "far").

    Raises:
        InputError: it does not fit where it was asked for.
    """
    frame, radius = canvas.frame, equivalent_radius_mm(wish.gtv_cm3)
    spacing = np.asarray(frame.geometry.spacing_mm)
    centre = _centre(anatomy, wish, radius, rng)
    middle = frame.voxels(centre[None])[0]
    half = (1.9 * radius + 12) / spacing
    bounds = zip(middle, half, frame.geometry.shape, strict=True)
    bz, by, bx = (slice(max(int(c - h), 0), min(int(c + h) + 1, n)) for c, h, n in bounds)
    box = (bz, by, bx)
    index = np.stack(np.meshgrid(*[np.arange(s.start, s.stop) for s in box], indexing="ij"), axis=-1)
    shape = Lobulation.draw(rng)
    level = shape.level((index - middle) * spacing).astype(np.float32)
    level += smooth_field(level.shape, spacing, 3.0, rng) * np.float32(1.0 + 0.02 * radius)
    allowed = _allowed(canvas, anatomy, masks, wish)[box]
    gtv = fitted(level, allowed, wish.gtv_cm3 / frame.geometry.voxel_cm3)
    if gtv is None:
        raise InputError(
            f"a {wish.site} tumour of {wish.gtv_cm3:g} cm3 does not fit into the {wish.side} {wish.lobe} lobe; "
            "choose a smaller volume or another place"
        )
    reach = float(level[gtv].max())
    start, end, thickness = spicules(reach, shape, int(16 + 0.8 * radius), rng)
    canvas.capsules(
        middle + start / spacing, middle + end / spacing, thickness, 0.4 * thickness, 10.0, anatomy.lung, -1.0
    )
    edge = np.where(allowed, np.clip(level - reach, -6, 6), np.maximum(level - reach, 1.5)).astype(np.float32)
    core = smooth_field(level.shape, spacing, 5.0, rng)
    necrosis = 16 * np.clip((radius - 16) / 14, 0, 1) * (level < 0.55 * reach)
    canvas.paint_box(box, edge, (38.0 + 4 * core - necrosis).astype(np.float32))
    whole = np.zeros(canvas.hu.shape, dtype=bool)
    whole[box] = gtv
    for name in masks:
        if name != "Body":
            masks[name] &= ~whole
    masks["GTVp"] = whole
    coarse = (slice(None), slice(1, None, 4), slice(1, None, 4))
    near = whole[coarse]
    return {
        "site": wish.site, "side": wish.side, "lobe": wish.lobe, "nodes": wish.nodes,
        "centre_mm": [round(float(v), 2) for v in centre],
        "airway_mm": round(float(anatomy.organs.airway[near].min(initial=30.0)), 2),
        "chest_wall_mm": round(float(-anatomy.walls.cage[near].max(initial=-30.0)), 2),
    }  # fmt: skip


def _centre(anatomy: Anatomy, wish: Wish, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Where the tumour's centre goes, anatomical (x, y, z) mm; a peripheral one lies its radius under the wall."""
    wanted = seat(wish.side, wish.lobe, wish.site, radius, rng)
    if wish.site == "central":
        return wanted
    grid, depth = anatomy.grid, -anatomy.walls.cage
    near = (depth > 0.75 * radius + 1) & (depth < radius + 7) & (-anatomy.lung > 0.6 * radius)
    near &= grid.x < 0 if wish.side == "right" else grid.x > 0
    k, j, i = np.nonzero(near)
    if not len(k):
        raise InputError(f"a peripheral tumour of {wish.gtv_cm3:g} cm3 does not fit; choose a smaller volume")
    spots = np.stack([grid.x[k, 0, i], grid.y[k, j, 0], grid.z[k, 0, 0]], axis=1)
    return spots[np.argmin(((spots - wanted) ** 2).sum(axis=1))].astype(np.float64)


def _allowed(canvas: Canvas, anatomy: Anatomy, masks: Masks, wish: Wish) -> np.ndarray:
    """Where the tumour may be: its lung and, for a central one, the fat of that side's hilum and mediastinum."""
    allowed = masks["Lung_R" if wish.side == "right" else "Lung_L"].copy()
    if wish.site == "central":
        away = anatomy.grid.x if wish.side == "right" else -anatomy.grid.x
        free = -barred(anatomy.organs, anatomy.grid, anatomy.walls)
        allowed |= canvas.mask(np.maximum(np.maximum(free, -anatomy.walls.dome), away + 10))
    if "GTVn" in masks:
        allowed &= ~masks["GTVn"]
    return allowed


def fitted(level: np.ndarray, allowed: np.ndarray, voxels: float) -> np.ndarray | None:
    """The largest connected part of a level set inside `allowed`, of the wanted size.

    Args:
        level: (z, y, x) field that rises outwards.
        allowed: (z, y, x) bool.
        voxels: wanted number of voxels.

    Returns:
        (z, y, x) bool, or None where there is no room.
    """
    from scipy.ndimage import label

    values = np.sort(level[allowed])
    wanted = max(1, round(voxels))
    target = wanted
    for _ in range(12):
        if target > len(values):
            return None
        parts, _ = label(allowed & (level <= values[target - 1]))
        sizes = np.bincount(parts.ravel())
        sizes[0] = 0
        best = int(sizes.argmax())
        if abs(sizes[best] - wanted) <= max(1, _TOLERANCE * wanted / 4):
            return parts == best
        target += wanted - int(sizes[best])
    return parts == best if abs(sizes[best] - wanted) <= _TOLERANCE * wanted else None
