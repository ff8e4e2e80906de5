"""The in-silico CT put together: anatomy, tumour, image and masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators import canvas_kernels as kernels
from simulators.canvas import Canvas
from simulators.chance import Key
from simulators.chest_wall import long_bones, muscles, strips, vertebrae
from simulators.mediastinum import Middle, abdomen, ellipse_column, middle
from simulators.shapes import Grid, ellipsoid, smooth_union
from simulators.texture import ct_noise, smooth_field
from simulators.thorax import FACTOR, Frame, Habitus, Walls, spine_y_mm, walls
from simulators.tumour_shape import Lobulation, equivalent_radius_mm, node_bodies, seat, spicules
from simulators.vessels import Tree, lung_trees
from twin import Geometry, InputError

_FAT_HU, _MUSCLE_HU, _SKIN_HU = -104.0, 54.0, 10.0


@dataclass(frozen=True)
class Wish:
    """The tumour that is asked for."""

    gtv_cm3: float
    site: str
    nodes: bool
    side: str
    lobe: str


@dataclass(frozen=True, eq=False)
class Scene:
    """A CT (int16 HU) with its masks by name, and the truth in plain values."""

    geometry: Geometry
    hu: np.ndarray
    masks: dict[str, np.ndarray]
    truth: dict


def build(wish: Wish, key: Key) -> Scene:
    """The scene of one patient."""
    import time
    T=[time.time()]
    def tick(n):
        import os
        if os.environ.get("TICK"): print(f"{n:14s} {time.time()-T[0]:.2f}")
        T[0]=time.time()
    habitus = Habitus.draw(key.at(ordinal=1).generator())
    frame = Frame(habitus)
    grid = frame.grid()
    wall = walls(grid, habitus)
    tick('walls')
    bodies = node_bodies(grid, wish.side, key.at(ordinal=5).generator()) if wish.nodes else {}
    organs = middle(grid, habitus, list(bodies.values()))
    nodes = {station: _free_of_organs(body, organs, grid, wall) for station, body in bodies.items()}
    tick('middle')
    lung = smooth_max([wall.cage + 0.8, -organs.solid, -wall.dome, wall.apex], 2.5)
    canvas = Canvas(frame)
    rng = key.at(ordinal=3).generator()
    _trunk(canvas, grid, wall, habitus, rng)
    tick('trunk')
    _belly(canvas, grid, wall, organs, habitus)
    _mediastinum(canvas, organs, habitus)
    for body in nodes.values():
        canvas.paint(body, 41.0)
    tick('belly+med')
    _lungs(canvas, grid, lung, wall, habitus, rng)
    tick('lungs')
    trees = lung_trees(grid, lung, rng)
    tick('trees')
    _vessels(canvas, trees, lung, organs, habitus)
    tick('vessels')
    cord = _bones(canvas, grid, wall, habitus, rng)
    tick('bones')
    masks = _organ_masks(canvas, grid, wall, organs, lung, cord)
    tick('masks')
    masks |= _node_masks(canvas, nodes, masks)
    truth = _tumour(canvas, grid, wall, organs, lung, masks, wish, key.at(ordinal=4).generator())
    canvas.paint(organs.airway, -990.0)
    tick('tumour')
    _couch(canvas, grid, wall)
    hu = _finish(canvas, grid, wall, habitus, rng)
    tick('finish')
    truth = {"habitus": habitus.as_dict(), "tumour": truth}
    return Scene(frame.geometry, hu, masks, truth)


def smooth_max(distances, blend_mm: float) -> np.ndarray:
    """The intersection of bodies with rounded edges."""
    return -smooth_union([-d for d in distances], blend_mm)


def _trunk(canvas: Canvas, grid: Grid, wall: Walls, habitus: Habitus, rng) -> None:
    """Skin, fat and muscles."""
    canvas.paint(wall.body, _SKIN_HU)
    canvas.paint(wall.body + 2.2, _FAT_HU)
    spacing = canvas.frame.geometry.spacing_mm
    septa = smooth_field(grid.shape, (spacing[0], spacing[1] * FACTOR, spacing[2] * FACTOR), 9.0, rng)
    for muscle in muscles(grid, wall, septa):
        canvas.paint(muscle, _MUSCLE_HU)
    tile = smooth_field((32, 128, 128), spacing, 1.8, rng)
    kernels.weave(canvas.hu, wall.lean, 4.0 * septa, tile, 6.0)


def _belly(canvas: Canvas, grid: Grid, wall: Walls, organs: Middle, habitus: Habitus) -> None:
    """The diaphragm and what lies under it."""
    canvas.paint(np.maximum(wall.dome, wall.cage), _MUSCLE_HU - 6)
    canvas.paint(np.maximum(wall.dome + 3.0, wall.cage + 2.5), _FAT_HU + 6)
    for _, distance, hu in abdomen(grid, wall, organs, habitus):
        canvas.paint(distance, hu)


def _mediastinum(canvas: Canvas, organs: Middle, habitus: Habitus) -> None:
    """Heart, vessels, oesophagus and airways."""
    canvas.paint(organs.oesophagus, 36.0)
    canvas.paint(organs.oesophageal_air, -700.0)
    canvas.paint(organs.heart, -60.0)
    for distance in organs.muscle.values():
        canvas.paint(distance, 46.0 + 0.35 * (habitus.blood_hu - 42))
    for distance in organs.blood.values():
        canvas.paint(distance, habitus.blood_hu)
    canvas.paint(organs.airway_wall, 30.0)
    canvas.paint(organs.airway, -990.0)


def _lungs(canvas: Canvas, grid: Grid, lung: np.ndarray, wall: Walls, habitus: Habitus, rng) -> None:
    """Parenchyma: density that rises with gravity, lobular texture, emphysema and the fissures."""
    spacing = canvas.frame.geometry.spacing_mm
    coarse = (spacing[0], spacing[1] * FACTOR, spacing[2] * FACTOR)
    patches = smooth_field(grid.shape, coarse, 9.0, rng)
    holes = smooth_field(grid.shape, coarse, 4.5, rng)
    density = 0.42 * (grid.y - 5) + 9 * patches + 0 * grid.x
    density -= habitus.emphysema * 45 * np.clip(holes - 0.7, 0, 1.4) * np.clip((grid.z + 90) / 120, 0.15, 1)
    density += 22 * np.exp(lung / 6.0) * (grid.y > 20)
    tile = smooth_field((32, 128, 128), spacing, 1.3, rng)
    canvas.paint(lung, habitus.lung_hu)
    kernels.weave(canvas.hu, lung, density.astype(np.float32), tile, 16.0)


def _vessels(canvas: Canvas, trees: dict[str, Tree], lung, organs: Middle, habitus: Habitus) -> None:
    """Veins, arteries and bronchi."""
    inside = np.minimum(lung - 0.5, organs.solid - 4)
    for name in ("veins", "arteries"):
        t = trees[name]
        canvas.tubes(t.start, t.end, t.start_r, t.end_r, habitus.blood_hu, inside)
    t = trees["bronchi"].thick(0.9)
    canvas.tubes(t.start, t.end, 1.18 * t.start_r + 0.3, 1.18 * t.end_r + 0.3, -150.0, lung, -0.5)
    canvas.tubes(t.start, t.end, t.start_r, t.end_r, -980.0, lung, -0.5)


def _bones(canvas: Canvas, grid: Grid, wall: Walls, habitus: Habitus, rng) -> np.ndarray:
    """Ribs, sternum, shoulder blades, collar bones and the spine; returns the mask of the spinal cord."""
    bony = strips(habitus, rng)
    frame = canvas.frame
    dx, _ = frame.shift_mm(frame.z)
    middle_column = (frame.geometry.shape[2] - 1) / 2 + dx * habitus.width / habitus.pixel_mm
    kernels.paint_strips(
        canvas.hu, wall.cage, wall.angle, middle_column, frame.z.astype(np.float64), bony.tables, bony.cortex_mm,
        bony.cortex_hu, bony.marrow_hu,
    )  # fmt: skip
    for points, radii, cortex_mm, marrow in long_bones():
        for r, hu in ((radii, 680.0), (radii - cortex_mm, marrow)):
            canvas.tubes(points[:-1], points[1:], r[:-1], r[1:], hu, wall.body, -3.0)
    return _spine(canvas, rng)


def _spine(canvas: Canvas, rng) -> np.ndarray:
    """The vertebral column on the fine grid; returns the mask of the spinal cord."""
    frame = canvas.frame
    heights = frame.z
    columns = frame.voxels(np.stack([0 * heights, spine_y_mm(heights) + 14, heights], axis=1))
    j, i = int(columns[:, 1].mean()), int(columns[:, 2].mean())
    rows, cols = slice(j - 62, j + 66), slice(i - 54, i + 54)
    box = (slice(None), rows, cols)
    parts = vertebrae(frame.grid(1, rows, cols))
    marrow = smooth_field(canvas.hu[box].shape, frame.geometry.spacing_mm, 1.1, rng)
    canvas.paint_box(box, parts["disc"], 78.0)
    canvas.paint_box(box, parts["bone"], 430.0)
    canvas.paint_box(box, parts["marrow"], 165.0 + 38 * marrow)
    canvas.paint_box(box, parts["canal"], 14.0)
    canvas.paint_box(box, parts["canal"] + 2.2, 16.0)
    canvas.paint_box(box, parts["cord"], 40.0)
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    mask[box] = parts["cord"] < 0
    return mask


def _organ_masks(canvas: Canvas, grid: Grid, wall: Walls, organs: Middle, lung, cord) -> dict[str, np.ndarray]:
    """True masks of all structures but the tumour."""
    both = canvas.mask(lung)
    airway = canvas.mask(np.minimum(organs.airway_wall, 60))
    trachea = canvas.mask(np.maximum(organs.trachea - 1.5, -3 - grid.z))
    oesophagus = canvas.mask(organs.oesophagus) & ~airway
    oesophagus &= (grid.z < 108)
    both &= ~airway
    right = np.zeros_like(both)
    column = canvas.frame.voxels(np.stack([0 * grid.z[:, 0, 0], 0 * grid.z[:, 0, 0], grid.z[:, 0, 0]], axis=1))[:, 2]
    side = np.arange(both.shape[2])[None, None, :] < column[:, None, None]
    right = both & side
    return {
        "Body": canvas.mask(wall.body),
        "Lung_L": both & ~side,
        "Lung_R": right,
        "Heart": canvas.mask(organs.heart) & ~oesophagus & ~airway & ~both,
        "Esophagus": oesophagus,
        "SpinalCord": cord,
        "Trachea": trachea,
    }


def _free_of_organs(body: np.ndarray, organs: Middle, grid: Grid, wall: Walls) -> np.ndarray:
    """A body without what it may not grow into: heart, great vessels, airways, oesophagus, spine and chest wall."""
    return np.maximum(body, -barred(organs, grid, wall)).astype(np.float32)


def barred(organs: Middle, grid: Grid, wall: Walls) -> np.ndarray:
    """Distance to all that tumour and nodes leave whole, mm."""
    great = ("ascending aorta", "pulmonary trunk", "superior vena cava", "brachiocephalic artery", "azygos",
             "right pulmonary artery", "left subclavian", "left carotid")  # fmt: skip
    return np.minimum.reduce([
        organs.heart - 1, organs.airway_wall - 0.5, organs.oesophagus - 1, ellipse_column(grid), -wall.cage - 1,
        *[organs.blood[name] - 0.5 for name in great],
    ])  # fmt: skip


def _node_masks(canvas: Canvas, nodes: dict[str, np.ndarray], masks) -> dict[str, np.ndarray]:
    """GTVn, cut from the other masks."""
    if not nodes:
        return {}
    whole = canvas.mask(np.minimum.reduce(list(nodes.values())))
    for name in ("Heart", "Esophagus", "SpinalCord", "Trachea"):
        whole &= ~masks[name]
    for name in ("Lung_L", "Lung_R"):
        masks[name] &= ~whole
    return {"GTVn": whole}


def _tumour(canvas: Canvas, grid: Grid, wall, organs, lung, masks, wish: Wish, rng) -> dict:
    """Paint the tumour and its nodes, cut them from the other masks, and return what is true of them."""
    frame = canvas.frame
    radius = equivalent_radius_mm(wish.gtv_cm3)
    place = seat(wish.side, wish.lobe, wish.site, wish.gtv_cm3, rng)
    centre = np.asarray(place.centre)
    lung_name = "Lung_R" if wish.side == "right" else "Lung_L"
    if wish.site == "peripheral":
        near = (-wall.cage > 0.75 * radius + 1) & (-wall.cage < radius + 7) & (-lung > 0.6 * radius)
        near &= (grid.x < 0) if wish.side == "right" else (grid.x > 0)
        k, j, i = np.nonzero(near)
        if not len(k):
            raise InputError(f"a peripheral tumour of {wish.gtv_cm3:g} cm3 does not fit; choose a smaller volume")
        spots = np.stack([grid.x[k, 0, i], grid.y[k, j, 0], grid.z[k, 0, 0]], axis=1)
        centre = spots[np.argmin(((spots - centre) ** 2).sum(axis=1))]
    shape = Lobulation.draw(rng)
    middle_voxel = frame.voxels(centre[None])[0]
    reach = 1.9 * radius + 12
    half = np.ceil(reach / np.asarray(frame.geometry.spacing_mm)).astype(int)
    lo = np.maximum(np.rint(middle_voxel).astype(int) - half, 0)
    hi = np.minimum(np.rint(middle_voxel).astype(int) + half, frame.geometry.shape)
    box = tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))
    index = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(lo, hi, strict=True)], indexing="ij"), axis=-1)
    spacing = np.asarray(frame.geometry.spacing_mm)
    level = shape.level((index - middle_voxel) * spacing).astype(np.float32)
    rough = smooth_field(level.shape, spacing, 2.4, rng)
    level = level + rough * (1.1 + 0.02 * radius)
    allowed = masks[lung_name][box].copy()
    if wish.site == "central":
        free = np.maximum(-barred(organs, grid, wall), -wall.dome)
        allowed |= canvas.mask(free)[box] & (np.abs(grid_x(frame, box)) > 12)
    if "GTVn" in masks:
        allowed &= ~masks["GTVn"][box]
    wanted = round(wish.gtv_cm3 / frame.geometry.voxel_cm3)
    gtv = fitted(level, allowed, wanted, wish.gtv_cm3)
    threshold = float(level[gtv].max())
    fine_radius = threshold
    start, end, r = spicules((0, 0, 0), fine_radius, shape, int(10 + 0.5 * radius), rng)
    to_anat = lambda mm: frame.anatomical(middle_voxel + mm[:, ::1] / spacing)
    canvas.tubes(to_anat(start), to_anat(end), r, 0.4 * r, 10.0, lung, -1.0)
    distance = np.where(gtv, -1.0, 1.0) * 1.0
    edge = np.clip(level - threshold, -6, 6).astype(np.float32)
    edge = np.where(allowed, edge, np.maximum(edge, 1.5))
    core = smooth_field(level.shape, spacing, 5.0, rng)
    necrosis = np.clip((radius - 16) / 14, 0, 1) * 16
    canvas.paint_box(box, edge, 38.0 + 4 * core - necrosis * (level < 0.55 * threshold))
    whole = np.zeros(canvas.hu.shape, dtype=bool)
    whole[box] = gtv
    masks["GTVp"] = whole
    for name in masks:
        if name not in ("Body", "GTVp"):
            masks[name] &= ~whole
    return {
        "site": wish.site, "side": wish.side, "lobe": wish.lobe, "centre_mm": [float(v) for v in centre],
        "radius_mm": radius,
    }


def grid_x(frame, box):
    return frame.grid(1, box[1], box[2]).x[box[0]]


def fitted(level, allowed, wanted, gtv_cm3):
    """The connected part of the level set within `allowed` that has the wanted number of voxels."""
    from scipy.ndimage import label

    values = np.sort(level[allowed])
    target = wanted
    for _ in range(12):
        if target > len(values):
            raise InputError(f"a tumour of {gtv_cm3:g} cm3 does not fit where it was asked for; choose a smaller volume")
        part, _ = label(allowed & (level <= values[target - 1]))
        sizes = np.bincount(part.ravel())
        sizes[0] = 0
        best = int(sizes.argmax())
        got = int(sizes[best])
        if abs(got - wanted) <= max(1, 0.003 * wanted):
            break
        target += wanted - got
    return part == best


def _couch(canvas: Canvas, grid: Grid, wall: Walls) -> None:
    """The flat couch top: carbon skins and foam."""
    body = canvas.hu > -400
    back = int(np.flatnonzero(body.any(axis=(0, 2)))[-1])
    pixel = canvas.frame.geometry.spacing_mm[1]
    centre = canvas.hu.shape[2] // 2
    half = int(215 / pixel)
    sl = slice(max(centre - half, 0), centre + half)
    for mm, thick, hu in ((2, 1, -520), (3, 16, -965), (19, 1, -560)):
        a = back + 1 + int(mm / pixel)
        canvas.hu[:, a : a + max(int(thick / pixel), 1), sl] = hu


def _finish(canvas: Canvas, grid: Grid, wall: Walls, habitus: Habitus, rng) -> np.ndarray:
    """Point spread and noise; int16 HU."""
    depth = np.clip(-wall.body / 70.0, 0, 1)
    shoulders = 1 + 0.5 * np.clip((grid.z - 50) / 60, 0, 1)
    level = (habitus.noise_hu * (0.45 + 0.6 * depth) * shoulders).astype(np.float32)
    noise = ct_noise(canvas.hu.shape, habitus.pixel_mm, rng)
    out = np.empty(canvas.hu.shape, dtype=np.int16)
    kernels.finish(canvas.hu, noise, np.ascontiguousarray(level), out)
    return out
