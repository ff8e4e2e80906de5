"""The in-silico CT put together: anatomy, tumour, image and masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulators.core.chance import Key
from simulators.core.threads import in_threads
from simulators.insilico.thorax import canvas_kernels as kernels
from simulators.insilico.thorax.body import FACTOR, PIXELS, Frame, Habitus, Walls, spine_y_mm, walls
from simulators.insilico.thorax.canvas import Canvas
from simulators.insilico.thorax.chest_wall import long_bones, muscles, strips
from simulators.insilico.thorax.mediastinum import Middle, abdomen, middle
from simulators.insilico.thorax.shapes import Grid, smooth_union
from simulators.insilico.thorax.spine import vertebrae
from simulators.insilico.thorax.texture import ct_noise, smooth_field
from simulators.insilico.thorax.tumour import Anatomy, Masks, Wish, barred, grow_tumour, node_masks
from simulators.insilico.thorax.tumour_shape import node_bodies
from simulators.insilico.thorax.vessels import Tree, fissure_mm, lung_trees
from twin import Geometry

FAT_HU, MUSCLE_HU, SKIN_HU, AIRWAY_HU = -104.0, 54.0, 10.0, -990.0
_PLAIN_BLOOD_HU = 42.0  # without contrast medium


@dataclass(frozen=True, eq=False)
class Scene:
    """A CT (int16 HU) with its masks by name, and the truth in plain values."""

    geometry: Geometry
    hu: np.ndarray
    masks: Masks
    truth: dict


def build(wish: Wish, key: Key, *, noise: bool = True, fine: int = 1) -> Scene:
    """The scene of one patient; the anatomy depends on the key alone, but where tumour and nodes displace it.

    Args:
        wish: what tumour is wanted.
        key: of the anatomy.
        noise: whether the scanner adds noise.
        fine: pixels are so many times smaller, and as many times more.
    """
    drawn = Habitus.draw(key.at(ordinal=1).generator())
    habitus = replace(drawn, pixel_mm=drawn.pixel_mm / fine)
    rng = key.at(ordinal=3).generator()
    canvas = Canvas(Frame(habitus, fine * PIXELS))
    grid = canvas.frame.grid()
    wall = walls(grid, habitus)
    bodies = node_bodies(grid, wish.side, key.at(ordinal=5).generator()) if wish.nodes else {}
    organs = middle(grid, habitus, list(bodies.values()))
    nodes = {k: np.maximum(body, -barred(organs, grid, wall)) for k, body in bodies.items()}
    lung = -smooth_union([-(wall.cage + 0.8), organs.solid, wall.dome, -wall.apex], 2.5)
    _trunk(canvas, grid, wall, rng)
    _belly(canvas, grid, wall, habitus)
    _mediastinum(canvas, organs, habitus)
    for body in nodes.values():
        canvas.paint(body, 41.0)
    _lungs(canvas, grid, lung, habitus, rng)
    _vessels(canvas, lung_trees(grid, lung, rng), lung, organs, habitus)
    _bones(canvas, wall, habitus, rng)
    masks = _organ_masks(canvas, grid, wall, organs, lung, _spine(canvas, rng))
    masks |= node_masks(canvas, nodes, masks)
    tumour = grow_tumour(
        canvas, Anatomy(grid, wall, organs, lung), masks, wish, key.at(ordinal=4).generator()
    )
    canvas.paint(organs.airway, AIRWAY_HU)
    _couch(canvas)
    hu = _finish(canvas, grid, wall, habitus, rng if noise else None)
    truth = {"habitus": habitus.as_dict(), "tumour": {**tumour, "stations": sorted(nodes)}}
    return Scene(canvas.frame.geometry, hu, masks, truth)


def _coarse_mm(canvas: Canvas) -> tuple[float, float, float]:
    z, y, x = canvas.frame.geometry.spacing_mm
    return z, y * FACTOR, x * FACTOR


def _trunk(canvas: Canvas, grid: Grid, wall: Walls, rng: np.random.Generator) -> None:
    """Skin, fat and muscles."""
    canvas.paint(wall.body, SKIN_HU)
    canvas.paint(wall.body + 2.2, FAT_HU)
    septa = smooth_field(grid.shape, _coarse_mm(canvas), 9.0, rng)
    for muscle in muscles(grid, wall, septa):
        canvas.paint(muscle, MUSCLE_HU)
    tile = smooth_field((32, 128, 128), canvas.frame.geometry.spacing_mm, 1.8, rng)
    canvas.weave(wall.body + 3.0, 4.0 * septa, tile, 6.0)


def _belly(canvas: Canvas, grid: Grid, wall: Walls, habitus: Habitus) -> None:
    """The diaphragm and what lies under it."""
    canvas.paint(np.maximum(wall.dome, wall.cage), MUSCLE_HU - 6)
    canvas.paint(np.maximum(wall.dome + 3.0, wall.cage + 2.5), FAT_HU + 6)
    for distance, hu in abdomen(grid, wall, habitus):
        canvas.paint(distance, hu)


def _mediastinum(canvas: Canvas, organs: Middle, habitus: Habitus) -> None:
    """Heart, vessels, oesophagus and airways."""
    contrast = habitus.blood_hu - _PLAIN_BLOOD_HU
    canvas.paint(organs.oesophagus, 36.0)
    canvas.paint(organs.oesophageal_air, -700.0)
    canvas.paint(organs.heart, -60.0)  # fat in the grooves
    for distance in organs.muscle:
        canvas.paint(distance, 46.0 + 0.35 * contrast)
    for distance in organs.blood.values():
        canvas.paint(distance, habitus.blood_hu)
    canvas.paint(organs.airway_wall, 30.0)
    canvas.paint(organs.airway, AIRWAY_HU)


def _lungs(canvas: Canvas, grid: Grid, lung: np.ndarray, habitus: Habitus, rng: np.random.Generator) -> None:
    """Parenchyma: density that rises with gravity, lobular texture, emphysema, fissures."""
    patches = smooth_field(grid.shape, _coarse_mm(canvas), 9.0, rng)
    holes = smooth_field(grid.shape, _coarse_mm(canvas), 4.5, rng)
    density = 0.42 * (grid.y - 5) + 9 * patches  # about 4 HU a cm from front to back, supine
    density -= habitus.emphysema * 45 * np.clip(holes - 0.7, 0, 1.4) * np.clip((grid.z + 90) / 120, 0.15, 1)
    density += 22 * np.exp(lung / 6.0) * (grid.y > 20)  # dependent, under the pleura
    major, minor = fissure_mm(grid.x, grid.y, habitus.wobble[7])
    right = (grid.x < 0) & (grid.z > major)
    density += 45 * np.exp(-(((grid.z - major) / 2.6) ** 2)) + 30 * right * np.exp(
        -(((grid.z - minor) / 2.2) ** 2)
    )
    tile = smooth_field((32, 128, 128), canvas.frame.geometry.spacing_mm, 1.3, rng)
    canvas.paint(lung, habitus.lung_hu)
    canvas.weave(lung, density, tile, 16.0)


def _vessels(
    canvas: Canvas, trees: dict[str, Tree], lung: np.ndarray, organs: Middle, habitus: Habitus
) -> None:
    """Veins and arteries, then the bronchi that CT shows, with their walls."""
    inside = np.minimum(lung - 0.5, organs.solid - 4)
    for tree in (trees["veins"], trees["arteries"]):
        canvas.tubes(tree.start, tree.end, tree.start_r, tree.end_r, habitus.blood_hu, inside)
    tree = trees["bronchi"].thick(0.9)
    outer = 1.18 * tree.start_r + 0.3, 1.18 * tree.end_r + 0.3
    canvas.tubes(tree.start, tree.end, *outer, -150.0, lung, -0.5)
    canvas.tubes(tree.start, tree.end, tree.start_r, tree.end_r, AIRWAY_HU, lung, -0.5)


def _bones(canvas: Canvas, wall: Walls, habitus: Habitus, rng: np.random.Generator) -> None:
    """Ribs, sternum, shoulder blades, collar bones and arms."""
    bony, frame = strips(rng), canvas.frame
    in_threads(
        kernels.paint_strips, len(canvas.hu), canvas.hu, wall.cage, wall.angle, frame.midline,
        frame.z.astype(np.float64), bony.tables, bony.cortex_mm, bony.cortex_hu, bony.marrow_hu,
    )  # fmt: skip
    for bone in long_bones():
        for radii, hu in ((bone.radii_mm, 680.0), (bone.radii_mm - bone.cortex_mm, bone.marrow_hu)):
            canvas.tubes(bone.line[:-1], bone.line[1:], radii[:-1], radii[1:], hu, wall.body, -3.0)


def _spine(canvas: Canvas, rng: np.random.Generator) -> np.ndarray:
    """Paint the vertebral column on the fine grid; returns the mask of the spinal cord."""
    frame = canvas.frame
    line = np.stack([0 * frame.z, spine_y_mm(frame.z) + 14, frame.z], axis=1)
    _, j, i = frame.voxels(line).mean(axis=0).astype(int)
    fine = frame.pixels // PIXELS
    rows, columns = slice(j - 62 * fine, j + 66 * fine), slice(i - 54 * fine, i + 54 * fine)
    box = (slice(None), rows, columns)
    parts = vertebrae(frame.grid(1, rows, columns))
    marrow = smooth_field(canvas.hu[box].shape, frame.geometry.spacing_mm, 1.1, rng)
    canvas.paint_box(box, parts["disc"], 78.0)
    canvas.paint_box(box, parts["bone"], 430.0)
    canvas.paint_box(box, parts["marrow"], 165.0 + 38 * marrow)
    canvas.paint_box(box, parts["canal"], 15.0)
    canvas.paint_box(box, parts["cord"], 40.0)
    mask = np.zeros(canvas.hu.shape, dtype=bool)
    mask[box] = parts["cord"] < 0
    return mask


def _organ_masks(
    canvas: Canvas, grid: Grid, wall: Walls, organs: Middle, lung: np.ndarray, cord: np.ndarray
) -> Masks:
    """True masks of all structures but the tumour, without overlaps."""
    airway = canvas.mask(organs.airway_wall)
    lungs = canvas.mask(lung) & ~airway
    right = np.arange(lungs.shape[2]) < canvas.frame.midline[:, None, None]
    oesophagus = canvas.mask(np.maximum(organs.oesophagus, grid.z - 108)) & ~airway
    return {
        "Body": canvas.mask(wall.body),
        "Lung_L": lungs & ~right,
        "Lung_R": lungs & right,
        "Heart": canvas.mask(_contoured_heart(grid, organs)) & ~oesophagus & ~airway & ~lungs,
        "Esophagus": oesophagus,
        "SpinalCord": cord,
        "Trachea": canvas.mask(np.maximum(organs.trachea - 1.5, -3 - grid.z)),
    }


def _contoured_heart(grid: Grid, organs: Middle) -> np.ndarray:
    """The heart as it is contoured: with the roots of the great vessels up to the left pulmonary artery.

    Feng et al., Int J Radiat Oncol Biol Phys 2011; 79:10 (atlas). The descending aorta lies behind y = 0.
    """
    roots = np.minimum(organs.blood["ascending aorta"], organs.blood["pulmonary trunk"])
    return np.minimum(organs.heart, np.maximum(np.maximum(roots, grid.z + 24), grid.y))


def _couch(canvas: Canvas) -> None:
    """The flat couch top: two carbon skins with foam between."""
    lowest = int(np.flatnonzero((canvas.hu > -400).any(axis=(0, 2)))[-1])
    pixel = canvas.frame.geometry.spacing_mm[1]
    centre, half = canvas.hu.shape[2] // 2, int(215 / pixel)
    columns = slice(max(centre - half, 0), centre + half)
    for below_mm, thick_mm, hu in ((2, 1, -520), (3, 16, -965), (19, 1, -560)):
        row = lowest + 1 + int(below_mm / pixel)
        canvas.hu[:, row : row + max(int(thick_mm / pixel), 1), columns] = hu


def _finish(
    canvas: Canvas, grid: Grid, wall: Walls, habitus: Habitus, rng: np.random.Generator | None
) -> np.ndarray:
    """Point spread and, with a generator, noise that grows with the depth in the body and at the shoulders; int16."""
    depth = np.clip(-wall.body / 70.0, 0, 1)
    shoulders = 1 + 0.5 * np.clip((grid.z - 50) / 60, 0, 1)
    level = (habitus.noise_hu * (0.45 + 0.6 * depth) * shoulders).astype(np.float32)
    shape = canvas.hu.shape
    noise = np.zeros(shape, np.float32) if rng is None else ct_noise(shape, habitus.pixel_mm, rng)
    out = np.empty(canvas.hu.shape, dtype=np.int16)
    in_threads(kernels.finish, len(out), canvas.hu, noise, np.ascontiguousarray(level), out)
    return out
