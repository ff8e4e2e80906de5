"""Which tissue a CT shows where: what is drawn first, then its compartments, else its HU."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.core.scanner import ScanRequest
from simulators.scanners.resonance.sampled import sampled
from simulators.scanners.resonance.sequence import Region
from simulators.scanners.uptake import Anatomy, Compartment, box_on, skull_space
from twin import Geometry, Volume
from twin.structures import bounding_box

# HU of tissues that nothing tells apart but HU; between them voxels hold some of both.
_HU = ((-1000, "air"), (-960, "air"), (-700, "lung"), (-500, "lung"), (-115, "fat"), (-65, "fat"),
       (10, "muscle"), (90, "muscle"), (200, "marrow"), (450, "marrow"),
       (1100, "cortical_bone"), (4000, "cortical_bone"))  # fmt: skip
_BRAIN_HU = (
    (-20, "csf"),
    (10, "csf"),
    (28, "white_matter"),
    (32, "white_matter"),
    (39, "grey_matter"),
    (120, "grey_matter"),
)
_BRIM_HU = (-400.0, 0.0)  # a voxel between air or lung and soft tissue holds no fat, though its HU says so
_SOFT_HU = (-20.0, 130.0)
_COMPARTMENT_MM = 4.0
_COMPARTMENTS = {
    Compartment.MEDIASTINUM: "blood", Compartment.LIVER: "liver", Compartment.MYOCARDIUM: "myocardium",
}  # fmt: skip
# Names of structures, whole: what is drawn decides before HU; later ones lie on top.
_DRAWN = (
    (r"SpinalCord|Brainstem", "cord"), (r"CSF|Ventricles?(_[LR])?|CSF_.*", "csf"), (r"GrayMatter", "grey_matter"),
    (r"WhiteMatter", "white_matter"), (r"WMLesions", "lesion"), (r"Edema", "oedema"), (r"GTVm\d*", "metastasis"),
    (r"Necrosis", "necrosis"),
)  # fmt: skip
_HEAD_NAMES = ("GrayMatter", "WhiteMatter", "Brain")


@dataclass(frozen=True, eq=False)
class Body:
    """A patient as a scanner sees him: all on one grid.

    Args:
        hu: of the CT.
        tissue: (z, y, x) uint8, 0 where HU decides, else one more than the place in `names`.
        names: of tissues.
        brain: (z, y, x) bool, where HU are of brain.
        inside: (z, y, x) bool, the body without couch.
    """

    hu: Volume
    tissue: np.ndarray
    names: tuple[str, ...]
    brain: np.ndarray
    inside: np.ndarray

    @classmethod
    def of(cls, request: ScanRequest, ct: Volume, grid: Geometry) -> Body:
        """The patient of a request.

        Args:
            request: the scan that is wanted.
            ct: its CT on the day, axes upright.
            grid: finer than the image and no finer than the CT.
        """
        from scipy.ndimage import binary_dilation

        hu = Volume(grid, _smoothed(ct, grid), "CT", "HU")
        coarse = Anatomy.of(ct, request.structures, ct.geometry.resampled(_COMPARTMENT_MM))

        soft = (hu.array > _SOFT_HU[0]) & (hu.array < _SOFT_HU[1])
        names = tuple(dict.fromkeys((*_COMPARTMENTS.values(), *(t for _, t in _DRAWN), "tumour")))
        tissue = np.zeros(grid.shape, np.uint8)
        drawn = [
            (_share(coarse, part), name)
            for part, name in _COMPARTMENTS.items()
            if (coarse.compartment == part).any()
        ]
        for n, (mask, name) in enumerate(drawn + _drawn(request)):
            box = box_on(grid, mask.geometry)
            there = mask.on(grid.crop(box)) > 0.5
            if n < len(drawn):
                there &= soft[box]
            tissue[box][there] = 1 + names.index(name)
        drawn_head = request.structures is not None and any(
            name in request.structures for name in _HEAD_NAMES
        )
        brain = np.zeros(grid.shape, bool) if drawn_head else skull_space(hu)
        # The couch lies further off; where the skin ends is for HU to say.
        near = binary_dilation(coarse.compartment > Compartment.OUTSIDE)
        return cls(
            hu, tissue, names, brain & soft, sampled(Volume(coarse.grid, near, "MASK", "1"), grid, 0) > 0
        )

    @property
    def region(self) -> Region:
        """What is scanned, by what is in it."""
        if self.brain.any():
            return "head"
        inside = {self.names[i - 1] for i in np.unique(self.tissue) if i}
        return "head" if inside & {"grey_matter", "white_matter"} else "thorax"


def signals(body: Body, of: Mapping[str, float]) -> np.ndarray:
    """(z, y, x) float32 signal of the body; partial volume of HU counts as a mixture.

    Args:
        body: the patient.
        of: signal of each tissue.
    """
    hu = body.hu.array
    out = _by_hu(hu, _HU, of)
    brim = _brim(hu)
    water = np.clip((hu[brim] + 1000) / 1040, 0, 1)
    out[brim] = of["muscle"] * water + of["air"] * (1 - water)
    if body.brain.any():
        from scipy.ndimage import gaussian_filter

        calm = gaussian_filter(hu, 1.2)  # HU of brain lie nearer to each other than noise lets them
        out[body.brain] = _by_hu(calm[body.brain], _BRAIN_HU, of)
    drawn = np.array([0.0, *(of[name] for name in body.names)], np.float32)
    out = np.where(body.tissue > 0, drawn[body.tissue], out)
    out[~body.inside] = 0.0
    return out


def _share(coarse: Anatomy, part: Compartment) -> Volume:
    where = coarse.compartment == part
    box = bounding_box(where, (1, 1, 1))
    return Volume(coarse.grid.crop(box), where[box].astype(np.uint8), "MASK", "1")


def _by_hu(hu: np.ndarray, table: tuple[tuple[int, str], ...], of: Mapping[str, float]) -> np.ndarray:
    steps = np.arange(-1024, 4001)
    curve = np.interp(steps, [at for at, _ in table], [of[name] for _, name in table]).astype(np.float32)
    return curve[np.clip(hu + 1024.5, 0, steps.size - 1).astype(np.int16)]


def _brim(hu: np.ndarray) -> np.ndarray:
    """Where lung or air touch soft tissue."""
    between = (hu > -700) & (hu < _BRIM_HU[1])
    return between & (_of_plane(hu, np.minimum) < _BRIM_HU[0]) & (_of_plane(hu, np.maximum) > _BRIM_HU[1])


def _of_plane(hu: np.ndarray, pick: np.ufunc) -> np.ndarray:
    """The least or the greatest of each voxel and its eight neighbours in the slice."""
    out = hu
    for axis in (1, 2):
        own = np.moveaxis(out, axis, 0)
        best = own.copy(order="K")
        pick(best[1:], own[:-1], out=best[1:])
        pick(best[:-1], own[1:], out=best[:-1])
        out = np.moveaxis(best, 0, axis)
    return out


def _drawn(request: ScanRequest) -> list[tuple[Volume, str]]:
    """Masks of tissues that are drawn, lower ones first; the tumour as it is on the day."""
    found: list[tuple[Volume, str]] = []
    structures = request.structures
    for pattern, name in _DRAWN if structures is not None else ():
        found += [(s.mask, name) for s in structures if re.fullmatch(pattern, s.name)]  # type: ignore[union-attr]
    if request.followup is not None:
        found.append((request.followup.gtv, "tumour"))
    elif structures is not None:
        lowest = [(s.mask, "tumour") for s in structures.role("GTV") if not re.fullmatch(r"GTVm\d*", s.name)]
        found = lowest + found
    return found


def _smoothed(ct: Volume, grid: Geometry) -> np.ndarray:
    """(z, y, x) float32 HU on a grid, means where that is coarser."""
    from scipy.ndimage import uniform_filter

    size = [max(1, round(g / s)) for g, s in zip(grid.spacing_mm, ct.geometry.spacing_mm, strict=True)]
    values = ct.array.astype(np.float32)
    if max(size) > 1:
        values = uniform_filter(values, size, mode="nearest")
    return sampled(Volume(ct.geometry, values, "CT", "HU"), grid)
