"""Organs that no file holds, found or estimated from the CT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from twin.anatomy import lungs, mediastinum, tubes
from twin.anatomy.coarse import Coarse
from twin.anatomy.spine import find_spine, spine_column
from twin.geometry import Box, Geometry
from twin.scan import Scan
from twin.structures import Role, Structure, StructureSet

_COARSE_MM = 4.0
_AIRWAY_MM = 2.0
_TISSUE_HU = -300
_LUNG_HU = -400
_HIATUS_BELOW_DOME_MM = 25.0
Finder = Literal["estimate", "totalsegmentator"]
_MEDIASTINAL = ("Heart", "GreatVes", "Esophagus", "SpinalCord")


def complete(scan: Scan, structures: StructureSet, by: Finder = "estimate") -> StructureSet:
    """The structures with the organs that are missing and that the CT shows whole.

    An estimate that was rejected stays away. An organ that the CT's sides cut stays missing, and so does a heart that
    its ends cut: a mean dose of a part would be no dose of the organ. All that is added is marked as estimated.

    Args:
        scan: a CT, axes upright.
        structures: what is drawn on it; nothing that is there is changed.
        by: "totalsegmentator" asks that program first, where it is installed.

    Returns:
        The structures and Body, Lung_L, Lung_R, Trachea, Heart, GreatVes, Esophagus, SpinalCord where missing.
    """
    if by == "totalsegmentator":
        from twin.anatomy.total_segmentator import segmented

        found = seen(scan, segmented(scan, structures))
    else:
        found = seen(scan, structures)
    rejected = {s.name for s in structures.set_aside}
    kept = tuple(
        s for s in found if s.name in structures or not (s.name in rejected or _cut(s, scan.volume.geometry))
    )
    return replace(found, source=kept)


def _cut(organ: Structure, geometry: Geometry) -> bool:
    """Whether an organ of the mediastinum goes on beyond the CT; body, lungs and airway count where they are cut."""
    if organ.name not in _MEDIASTINAL:
        return False
    z, y, x = geometry.box_of(organ.mask.geometry)
    sides = any(b.start == 0 or b.stop == n for b, n in zip((y, x), geometry.shape[1:], strict=True))
    return sides or (organ.name == "Heart" and (z.start == 0 or z.stop == geometry.shape[0]))


def seen(scan: Scan, structures: StructureSet) -> StructureSet:
    """The structures with the organs that are missing, those too of which the CT shows a part.

    Body, lungs and trachea are found in the CT; heart, great vessels, oesophagus and spinal cord are estimated from
    them, from the spine and from the density of blood. What cannot be seen stays missing.

    Args:
        scan: a CT, axes upright.
        structures: what is drawn on it; nothing that is there is changed.
    """
    return _Anatomy(scan, structures).completed()


class _Anatomy:
    """One pass over a CT: every step adds to `structures`."""

    def __init__(self, scan: Scan, structures: StructureSet) -> None:
        self.ct = scan.volume
        self.structures = structures
        self.fine = Coarse.of(self.ct, _AIRWAY_MM)
        self.coarse = self.fine.coarser(_COARSE_MM)

    def completed(self) -> StructureSet:
        """All steps in order."""
        coarse = self.coarse
        body = lungs.find_body(coarse)
        if not body.any():
            return self.structures
        column = spine_column(coarse, body)
        middle = column if column is not None else np.nonzero(body.any(axis=(0, 1)))[0].mean()
        airway = lungs.find_airway(self.fine, coarse.sampled(body, self.fine), self._fine_column(middle))
        lumen = self.fine.sampled(airway.mask, coarse)
        left, right = lungs.find_lungs(coarse, body, lumen, middle)
        self._add_refined("Body", body, tissue=True)
        self._add_lungs(left, right, airway.mask)
        self._add_blocks("Trachea", self.fine, airway.mask)
        spine = find_spine(coarse, body) if left.any() or right.any() else None
        if spine is None:  # no chest, or a part of one
            return self.structures
        carina = self._coarse_slice(airway.carina)
        self._add("SpinalCord", tubes.cord(spine, coarse, self.ct.geometry))
        line = tubes.oesophagus_line(spine, lumen, carina, coarse)
        other = self._to_coarse(self._tumour()) | lumen
        self._between_the_lungs(mediastinum.Chest.of(coarse, (left, right), spine, carina, other), line)
        return self.structures

    def _between_the_lungs(self, chest: mediastinum.Chest, line: np.ndarray) -> None:
        """Heart, great vessels and oesophagus."""
        heart = mediastinum.find_heart(chest, line)
        if heart is not None:
            self._add_smooth("Heart", heart)
        else:
            heart = np.zeros_like(chest.other)
        self._add_smooth("GreatVes", mediastinum.find_vessels(chest, heart, line))
        lowest = mediastinum.diaphragm(chest)
        lowest -= round(_HIATUS_BELOW_DOME_MM / self.coarse.geometry.spacing_mm[0])
        tube = tubes.oesophagus(line, lowest, self.coarse, self.ct.geometry)
        self._add(
            "Esophagus", tube & ~self.structures.mask(*self._there("Heart", "Trachea", "Lung_L", "Lung_R"))
        )

    def _add_smooth(self, name: str, blocks: np.ndarray) -> None:
        if blocks.any():
            box, part = self.coarse.smooth(blocks)
            whole = np.zeros(self.ct.geometry.shape, dtype=bool)
            whole[box] = part
            self._add(
                name, whole & ~self.structures.mask(*self._there("Heart", "Trachea", "Lung_L", "Lung_R"))
            )

    def _fine_column(self, middle: float) -> float:
        return (middle + 0.5) * self.coarse.factors[2] / self.fine.factors[2] - 0.5

    def _coarse_slice(self, carina: int | None) -> int | None:
        if carina is None:
            return None
        level = int((carina + 0.5) * self.fine.factors[0] / self.coarse.factors[0])
        return min(level, self.coarse.hu.shape[0] - 1)

    def _to_coarse(self, mask: np.ndarray) -> np.ndarray:
        """Blocks of which the central voxel lies in a mask of the full grid."""
        z, y, x = self.coarse.hu.shape
        return mask[tuple(slice(f // 2, None, f) for f in self.coarse.factors)][:z, :y, :x]

    def _there(self, *names: str) -> list[str]:
        return [n for n in names if n in self.structures]

    def _tumour(self) -> np.ndarray:
        return self.structures.mask(
            *(s.name for s in self.structures if s.name.startswith("GTV") or s.role == "GTV")
        )

    def _add(self, name: str, mask: np.ndarray) -> None:
        if name not in self.structures and mask.any():
            role: Role = "EXTERNAL" if name == "Body" else "OAR"
            self.structures = self.structures.with_mask(name, role, mask, estimated=True)

    def _add_blocks(self, name: str, grid: Coarse, mask: np.ndarray) -> None:
        if mask.any():
            whole = np.zeros(self.ct.geometry.shape, dtype=bool)
            box = grid.box(mask)
            whole[box] = grid.enlarged(mask, box)
            self._add(name, whole)

    def _add_refined(
        self,
        name: str,
        mask: np.ndarray,
        *,
        tissue: bool,
        not_in: np.ndarray | None = None,
        keep_out: Callable[[Box], np.ndarray] | None = None,
    ) -> None:
        """Add a mask of blocks whose border follows the CT, voxel by voxel, a block in or out.

        Args:
            name: of the structure.
            mask: (z, y, x) bool of blocks.
            tissue: whether the border is where tissue ends, else where air does.
            not_in: blocks into which the border may not grow.
            keep_out: the voxels of a box of the CT that are left out.
        """
        from scipy import ndimage

        if name in self.structures or not mask.any():
            return
        outer = ndimage.binary_dilation(mask)
        if not_in is not None:
            outer &= ~not_in
        box = self.coarse.box(outer)
        hu = self.ct.array[box]
        rim = self.coarse.enlarged(outer, box) & (hu > _TISSUE_HU if tissue else hu < _LUNG_HU)
        part = rim | self.coarse.enlarged(ndimage.binary_erosion(mask, border_value=1), box)
        if keep_out is not None:
            part &= ~keep_out(box)
        whole = np.zeros(self.ct.geometry.shape, dtype=bool)
        whole[box] = part
        self._add(name, whole)

    def _add_lungs(self, left: np.ndarray, right: np.ndarray, airway: np.ndarray) -> None:
        tumour = self._tumour()

        def keep_out(box: Box) -> np.ndarray:
            return self.fine.enlarged(airway, box) | tumour[box]

        self._add_refined("Lung_L", left, tissue=False, not_in=right, keep_out=keep_out)
        self._add_refined("Lung_R", right, tissue=False, not_in=left, keep_out=keep_out)
