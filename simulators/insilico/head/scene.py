"""An in-silico head put together: labels of tissue, and the CT that they give."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from simulators.core.chance import Key
from simulators.insilico.head.bones import Around, airways, eyes
from simulators.insilico.head.metastases import Metastasis, drawn
from simulators.insilico.thorax.texture import ct_noise, smooth_field
from twin import Geometry, Volume

# LPS of the template, mm: the brain with room for skull and scalp.
GRID = Geometry((200, 244, 196), (1.0, 1.0, 1.0), (-97.5, -105.0, -80.0))
_COARSE = 2
_WAVES_MM, _WAVE_MM = (38.0, 14.0), (3.6, 1.4)  # length and SD of the displacement
_CRISP = 2.2  # the template is a mean of 152 brains; an own brain's tissue is one or the other
_GRAIN_MM, _GRAIN = 2.0, 0.35
_SULCI = (0.3, 1.4)  # how far the mean has filled them: an own brain's are open; more so in the old
_TABLE_MM = 1.7  # of the skull's inner and outer one
_FAT_MM = 3.5
_NOISE_HU = 3.5


class Tissue(IntEnum):
    """What a voxel is made of."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    CORTEX = 4
    MARROW = 5
    FLUID = 6
    GREY = 7
    WHITE = 8
    LESION = 9
    OEDEMA = 10
    TUMOUR = 11
    NECROSIS = 12


# HU; soft ones of an adult brain without contrast agent [quoted from memory].
HU = {
    Tissue.AIR: -1000, Tissue.SKIN: 30, Tissue.FAT: -90, Tissue.MUSCLE: 50, Tissue.CORTEX: 1250, Tissue.MARROW: 420,
    Tissue.FLUID: 7, Tissue.GREY: 38, Tissue.WHITE: 29, Tissue.LESION: 23, Tissue.OEDEMA: 20, Tissue.TUMOUR: 40,
    Tissue.NECROSIS: 18,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Scene:
    """A head.

    Args:
        label: (z, y, x) uint8 of `Tissue`, on `GRID`.
        hu: (z, y, x) int16.
        metastases: as drawn.
        masks: (z, y, x) bool of each metastasis, with its necrosis.
        truth: plain values.
    """

    label: np.ndarray
    hu: np.ndarray
    metastases: list[Metastasis]
    masks: list[np.ndarray]
    truth: dict


def build(grey: Volume, white: Volume, lesions: Volume | None, number: int | None, key: Key) -> Scene:
    """The head of one patient.

    Args:
        grey, white: maps of the template.
        lesions: a mask of white-matter lesions in the same space, or None.
        number: of metastases; by chance where None.
        key: of everything.
    """
    rng = key.generator()
    size = np.exp(rng.normal(0.0, 0.035, 3))
    place = _places(size, key)
    grey_share, white_share = _at(grey, place), _at(white, place)
    there = None if lesions is None else _at(lesions, place) > 0.5
    skull, scalp = float(rng.normal(6.5, 0.8)), float(np.clip(rng.normal(6.0, 1.5), 3.5, 10.0))
    brain = _halved(grey_share + white_share) > 0.5
    walls = Around.of(brain, float(_COARSE), max(4.0, skull), scalp)
    corner = np.asarray(GRID.origin_mm) + (_COARSE - 1) / 2
    found = drawn(
        number,
        _halved(grey_share),
        _halved(white_share),
        walls.dura,
        corner,
        float(_COARSE),
        key.at(ordinal=1).generator(),
    )
    dura, head = (_doubled(d) for d in (walls.dura, walls.head))
    wide = float(np.clip(rng.normal(0.8, 1.3), -1.0, 4.0))
    label = _brain(grey_share, white_share, dura, wide, key)
    _around(label, dura, head, max(4.0, skull), key)
    if there is not None:
        label[there & ((label == Tissue.WHITE) | (label == Tissue.GREY))] = Tissue.LESION
    masks = [_grow(label, one, key.at(ordinal=10 + n)) for n, one in enumerate(found)]
    truth = {
        "size": [float(s) for s in size], "skull_mm": max(4.0, skull), "scalp_mm": scalp, "ventricles_mm": wide,
        "metastases": [vars(m) for m in found],
    }  # fmt: skip
    return Scene(label, _ct(label, key.at(ordinal=3)), found, masks, truth)


def _places(size: np.ndarray, key: Key) -> np.ndarray:
    """(3, z, y, x) float32 LPS in the template, mm, of each voxel: scaled and bent."""
    rng = key.at(ordinal=2).generator()
    axes = [
        np.arange(n, dtype=np.float32) + np.float32(o)
        for n, o in zip(GRID.shape, GRID.origin_mm[::-1], strict=True)
    ]
    out = np.empty((3, *GRID.shape), np.float32)
    shape = tuple(-(-n // 4) for n in GRID.shape)
    for axis in range(3):  # x, y, z
        bend = sum(
            np.float32(mm) * smooth_field(shape, (4.0, 4.0, 4.0), length, rng)
            for length, mm in zip(_WAVES_MM, _WAVE_MM, strict=True)
        )
        line = axes[2 - axis] / np.float32(size[axis])
        own = line.reshape([-1 if a == 2 - axis else 1 for a in range(3)])
        out[axis] = own + _enlarged(np.asarray(bend, np.float32), 4)
    return out


def _at(volume: Volume, place: np.ndarray) -> np.ndarray:
    """(z, y, x) float32 values of a map at places; 0 beyond it."""
    from scipy.ndimage import map_coordinates

    first, steps = volume.geometry.origin_mm, volume.geometry.spacing_mm[::-1]
    index = [(place[a] - np.float32(first[a])) / np.float32(steps[a]) for a in (2, 1, 0)]
    return map_coordinates(np.asarray(volume.array, np.float32), index, order=1, mode="constant", cval=0.0)


def _brain(grey: np.ndarray, white: np.ndarray, dura: np.ndarray, wide_mm: float, key: Key) -> np.ndarray:
    """(z, y, x) uint8: grey, white and fluid within the dura; ventricles are wider by some mm."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    rng = key.at(ordinal=4).generator()
    fluid = np.clip(1 - grey - white, 0, 1)
    deep = dura < -22
    hollow = (fluid > 0.5) & deep
    signed = (distance_transform_edt(~hollow) - distance_transform_edt(hollow)).astype(np.float32)
    # The map's rim of grey around the ventricles is partial volume of white and fluid.
    rim = np.clip(1 - signed / 3.0, 0, 1) * deep * (white > grey - 0.6)
    white, grey = white + rim * grey * 0.9, grey * (1 - 0.9 * rim)
    score = [
        _CRISP * np.log(np.maximum(share, 1e-3))
        + _GRAIN * smooth_field(GRID.shape, GRID.spacing_mm, _GRAIN_MM, rng)
        for share in (fluid, grey, white)
    ]
    score[0] += np.float32(rng.uniform(*_SULCI)) * ~deep
    label = np.array([Tissue.FLUID, Tissue.GREY, Tissue.WHITE], np.uint8)[np.argmax(score, axis=0)]
    label[gaussian_filter(signed, 1.0) < wide_mm] = Tissue.FLUID
    label[dura > 0] = Tissue.AIR
    return label


def _around(label: np.ndarray, dura: np.ndarray, head: np.ndarray, skull_mm: float, key: Key) -> None:
    """Skull, scalp, face and eyes, painted around the brain."""
    z, y, x = (
        (np.arange(n) + o).reshape([-1 if a == k else 1 for a in range(3)])
        for k, (n, o) in enumerate(zip(GRID.shape, GRID.origin_mm[::-1], strict=True))
    )
    field = smooth_field(
        tuple(-(-n // 4) for n in GRID.shape), (4.0, 4.0, 4.0), 7.0, key.at(ordinal=5).generator()
    )
    field = _enlarged(field, 4)
    outside = dura > 0
    thick = skull_mm * (1 + 0.18 * field)
    deep = outside & (head < 0)
    label[deep] = np.where(field[deep] > 0.5, Tissue.FAT, Tissue.MUSCLE)
    label[deep & (head > -_FAT_MM - 2)] = Tissue.FAT
    bone = deep & (dura < thick)
    label[bone] = Tissue.CORTEX
    label[bone & (dura > _TABLE_MM) & (dura < thick - _TABLE_MM)] = Tissue.MARROW
    label[deep & (head > -2)] = Tissue.SKIN
    eye, fat = eyes(x, y, z)
    face = deep & ~bone & (head < -1)
    label[face & fat] = Tissue.FAT
    label[face & eye] = Tissue.FLUID
    label[deep & (dura > 2) & (head < -4) & airways(x, y, z)] = Tissue.AIR


def _grow(label: np.ndarray, one: Metastasis, key: Key) -> np.ndarray:
    """Paint a metastasis with its oedema; returns its mask."""
    reach = one.radius_mm + 1.6 * one.oedema_mm + 4
    low = [max(0, int(c - o - reach)) for c, o in zip(one.centre, GRID.origin_mm, strict=True)][::-1]
    high = [
        min(n, int(c - o + reach) + 2)
        for c, o, n in zip(one.centre, GRID.origin_mm, GRID.shape[::-1], strict=True)
    ][::-1]
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    part = label[box]
    axes = [
        np.arange(s.start, s.stop) + o - c
        for s, o, c in zip(box, GRID.origin_mm[::-1], one.centre[::-1], strict=True)
    ]
    away = np.sqrt(axes[0][:, None, None] ** 2 + axes[1][:, None] ** 2 + axes[2] ** 2)
    rough = smooth_field(part.shape, GRID.spacing_mm, max(2.0, 0.5 * one.radius_mm), key.generator())
    fingers = smooth_field(part.shape, GRID.spacing_mm, 4.0, key.at(sample=1).generator())
    inside = np.isin(part, (Tissue.GREY, Tissue.WHITE, Tissue.LESION, Tissue.OEDEMA))
    surface = one.radius_mm * (1 + 0.1 * np.clip(rough, -2, 2))
    swollen = (away < surface + one.oedema_mm * (1 + 0.4 * np.clip(fingers, -2, 2))) & (one.oedema_mm > 0)
    part[swollen & np.isin(part, (Tissue.WHITE, Tissue.LESION))] = Tissue.OEDEMA
    tumour = inside & (away < surface)
    part[tumour] = Tissue.TUMOUR
    if one.rim_mm:
        part[tumour & (away < surface - one.rim_mm * (1 + 0.25 * np.clip(fingers, -2, 2)))] = Tissue.NECROSIS
    mask = np.zeros(label.shape, bool)
    mask[box] = tumour
    return mask


def _ct(label: np.ndarray, key: Key) -> np.ndarray:
    """(z, y, x) int16 HU with partial volume and a scanner's noise."""
    from scipy.ndimage import gaussian_filter

    values = np.zeros(256, np.float32)
    for tissue, hu in HU.items():
        values[tissue] = hu
    hu = gaussian_filter(values[label], 0.7)
    hu += np.float32(_NOISE_HU) * ct_noise(label.shape, 1.0, key.generator()) * (label != Tissue.AIR)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _halved(values: np.ndarray) -> np.ndarray:
    z, y, x = (n // _COARSE for n in values.shape)
    return values.reshape(z, _COARSE, y, _COARSE, x, _COARSE).mean(axis=(1, 3, 5))


def _doubled(values: np.ndarray) -> np.ndarray:
    return _enlarged(values.astype(np.float32), _COARSE)


def _enlarged(coarse: np.ndarray, times: int) -> np.ndarray:
    """(z, y, x) float32 on `GRID` of values on one that is coarser."""
    from scipy.ndimage import zoom

    fine = zoom(coarse, times, order=1, grid_mode=True, mode="nearest")
    return fine[: GRID.shape[0], : GRID.shape[1], : GRID.shape[2]]
