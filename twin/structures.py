"""Named masks drawn on one image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from twin.contours.shape import Shape
from twin.errors import InputError
from twin.geometry import Box, Geometry
from twin.volume import Volume

Role = Literal["GTV", "CTV", "PTV", "OAR", "EXTERNAL", "OTHER"]


def bounding_box(mask: np.ndarray, margin: tuple[int, int, int] = (0, 0, 0)) -> Box:
    """The smallest (z, y, x) box around the true voxels, grown by a margin in voxels and cut at the edges.

    Raises:
        InputError: the mask is empty.
    """
    bounds = []
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        if filled.size == 0:
            raise InputError("the mask is empty")
        lo, hi = filled[0] - margin[axis], filled[-1] + 1 + margin[axis]
        bounds.append(slice(max(0, int(lo)), min(mask.shape[axis], int(hi))))
    return bounds[0], bounds[1], bounds[2]


@dataclass(frozen=True, eq=False)
class Structure:
    """One named region.

    Args:
        name: TG-263 name where one is known.
        role: GTV, CTV, PTV, OAR, EXTERNAL or OTHER.
        mask: uint8 0/1, on a whole-voxel crop of the structure set's grid.
        estimated: made by this software from other structures, not drawn by a person.
        source_name: the name in the file it came from.
        colour: RGB of the RTSTRUCT, where it had one.
        contours: (n, 3) float32 LPS points, mm, of each closed planar contour that it was drawn with; none where
            it came as a mask.
        carried_from: name of the scan from which it was carried over by a registration; None where it was not.
    """

    name: str
    role: Role
    mask: Volume
    estimated: bool = False
    source_name: str | None = None
    colour: tuple[int, int, int] | None = None
    contours: tuple[np.ndarray, ...] = ()
    carried_from: str | None = None

    def __repr__(self) -> str:
        return f"<Structure {self.name}, {self.role}{', estimated' if self.estimated else ''}>"

    @cached_property
    def cm3(self) -> float:
        """Volume, cm3: of the shape that its contours stand for, else of its mask."""
        return Shape(self.contours, self.mask.geometry).cm3 if self.contours else self.mask_cm3

    @property
    def mask_cm3(self) -> float:
        """Volume of the mask, cm3; it differs from the structure's own where slices are thick."""
        return float(np.count_nonzero(self.mask.array)) * self.mask.geometry.voxel_cm3


@dataclass(frozen=True, eq=False)
class StructureSet:
    """The structures drawn on one scan's grid.

    Args:
        geometry: the grid.
        source: the structures, or a function that finds them when they are first asked for.
        time_days: of the scan, days from day 0.
        set_aside: estimates that a person rejected or replaced; they count nowhere.
    """

    geometry: Geometry
    source: tuple[Structure, ...] | Callable[[], tuple[Structure, ...]]
    time_days: float = 0.0
    set_aside: tuple[Structure, ...] = ()

    @cached_property
    def structures(self) -> tuple[Structure, ...]:
        """The structures in their order."""
        return self.source if isinstance(self.source, tuple) else self.source()

    def __repr__(self) -> str:
        known = self.source if isinstance(self.source, tuple) else self.__dict__.get("structures")
        names = "not looked for yet" if known is None else ", ".join(s.name for s in known) or "none"
        return f"<StructureSet of day {self.time_days:g}: {names}>"

    def __iter__(self) -> Iterator[Structure]:
        return iter(self.structures)

    def __contains__(self, name: str) -> bool:
        return any(s.name == name for s in self.structures)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in their order."""
        return tuple(s.name for s in self.structures)

    def __getitem__(self, name: str) -> Structure:
        for structure in self.structures:
            if structure.name == name:
                return structure
        if any(s.name == name for s in self.set_aside):
            raise InputError(
                f"the estimate of {name} was rejected; give what was drawn with rt-twin edit --replace {name}=FILE"
            )
        raise InputError(f"no structure {name!r}; there are: {', '.join(self.names) or 'none'}")

    def role(self, role: Role) -> tuple[Structure, ...]:
        """All structures with a role."""
        return tuple(s for s in self.structures if s.role == role)

    def box(self, structure: Structure) -> Box:
        """Where the structure's crop lies on this set's grid."""
        return self.geometry.box_of(structure.mask.geometry)

    def mask(self, *names: str) -> np.ndarray:
        """The union of the named structures as a new bool array of the whole grid."""
        whole = np.zeros(self.geometry.shape, dtype=bool)
        for name in names:
            structure = self[name]
            whole[self.box(structure)] |= structure.mask.array.astype(bool)
        return whole

    def gtv(self) -> np.ndarray:
        """The union of all GTVs as a new bool array of the whole grid.

        Raises:
            InputError: there is no GTV.
        """
        names = [s.name for s in self.role("GTV")]
        if not names:
            raise InputError("the patient has no GTV; name one with --gtv or give a mask with --mask")
        return self.mask(*names)

    def gtv_cm3(self) -> float:
        """Volume of the union of all GTVs, cm3; where several overlap, by the share that their masks do.

        Raises:
            InputError: there is no GTV.
        """
        union = float(np.count_nonzero(self.gtv())) * self.geometry.voxel_cm3
        parts = self.role("GTV")
        return sum(s.cm3 for s in parts) * union / sum(s.mask_cm3 for s in parts)

    def with_mask(self, name: str, role: Role, mask: np.ndarray, **fields: Any) -> StructureSet:
        """A new set with one more (or one replaced) structure from a whole-grid mask.

        Args:
            name: its name.
            role: its role.
            mask: bool array of `geometry.shape`; stored as a crop.
            **fields: other fields of `Structure`.

        Raises:
            InputError: the mask is empty or on another grid.
        """
        if mask.shape != self.geometry.shape:
            raise InputError(f"the mask of {name} is {mask.shape}, its scan {self.geometry.shape} (z, y, x)")
        try:
            box = bounding_box(mask)
        except InputError:
            raise InputError(f"the mask of {name} is empty") from None
        volume = Volume(self.geometry.crop(box), mask[box].astype(np.uint8), "MASK", "1")
        kept = tuple(s for s in self.structures if s.name != name)
        return replace(self, source=(*kept, Structure(name, role, volume, **fields)))

    def extended(self, structures: Iterable[Structure]) -> StructureSet:
        """A new set with more structures, whose masks are crops of this grid."""
        return replace(self, source=(*self.structures, *structures))

    def without(self, name: str) -> StructureSet:
        """A new set in which an estimate is set aside.

        Raises:
            InputError: there is no such structure, or it was drawn or given and not estimated.
        """
        structure = self[name]
        if structure.role != "OAR":
            raise InputError(f"{name} is no organ; only the estimate of an organ can be rejected or replaced")
        if not structure.estimated:
            raise InputError(f"{name} was drawn or given, not estimated; only an estimate can be rejected")
        kept = tuple(s for s in self.structures if s.name != name)
        return replace(self, source=kept, set_aside=(*self.set_aside, structure))

    def at(self, time_days: float) -> StructureSet:
        """The same structures at another time, days."""
        return replace(self, source=self.structures, time_days=time_days)
