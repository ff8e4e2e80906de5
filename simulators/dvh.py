"""Cumulative dose-volume histograms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twin import InputError, StructureSet, Volume
from twin.structures import bounding_box

BIN_GY = 0.01
_SAMPLE_MM = 1.0  # voxels are divided until no edge is longer, as long as that stays below:
_MAX_SAMPLES = 1_500_000


@dataclass(frozen=True, eq=False)
class Dvh:
    """A cumulative dose-volume histogram of one structure.

    Args:
        name: the structure.
        dose_gy: (n,) float64, edges from 0 in steps of `BIN_GY`.
        volume_fraction: (n,) float64, the share of the volume that receives `dose_gy` or more; 1 first, 0 last.
        mean_gy: mean dose, Gy.
        min_gy: least dose, Gy.
        max_gy: greatest dose, Gy.
        volume_cm3: the structure's volume, cm3.
        estimated: whether the structure was estimated by this software.
    """

    name: str
    dose_gy: np.ndarray
    volume_fraction: np.ndarray
    mean_gy: float
    min_gy: float
    max_gy: float
    volume_cm3: float
    estimated: bool = False

    def v(self, gy: float) -> float:
        """Share of the volume that receives a dose or more."""
        return float(np.interp(gy, self.dose_gy, self.volume_fraction))

    def v_cm3(self, gy: float) -> float:
        """Volume that receives a dose or more, cm3."""
        return self.v(gy) * self.volume_cm3

    def d(self, percent: float) -> float:
        """The least dose, Gy, in the hottest part of the volume (percent of it): D95 is `d(95)`."""
        share = float(np.clip(percent / 100.0, 0.0, 1.0)) - 1e-9  # sums are rounded
        last = int(np.searchsorted(-self.volume_fraction, -share, side="right")) - 1
        if last >= self.dose_gy.size - 1:
            return float(self.dose_gy[-1])
        here, beyond = self.volume_fraction[last], self.volume_fraction[last + 1]
        return float(self.dose_gy[last] + BIN_GY * (here - share) / (here - beyond))

    def d_cm3(self, cm3: float) -> float:
        """The least dose, Gy, in the hottest cm3; 0 where the structure is smaller."""
        return self.d(100.0 * cm3 / self.volume_cm3) if cm3 <= self.volume_cm3 else 0.0

    def geud(self, a: float) -> float:
        """Generalised equivalent uniform dose, Gy, (sum v_i d_i^a)^(1/a) (Niemierko 1999, a = 1/n of LKB).

        Raises:
            InputError: `a` is 0.
        """
        if a == 0:
            raise InputError("the gEUD's exponent a cannot be 0")
        share, middle = -np.diff(self.volume_fraction), (self.dose_gy[1:] + self.dose_gy[:-1]) / 2
        # Scaled by the maximum, so that large exponents do not overflow.
        scale = max(self.max_gy, BIN_GY)
        filled = share > 0
        return float(scale * np.sum(share[filled] * (middle[filled] / scale) ** a) ** (1.0 / a))


def from_samples(
    name: str, dose_gy: np.ndarray, weight: np.ndarray, volume_cm3: float, *, estimated: bool = False
) -> Dvh:
    """A DVH from doses at points that each stand for a share of the structure.

    Args:
        name: the structure.
        dose_gy: (n,) doses, Gy.
        weight: (n,) what each stands for; border points may weigh less.
        volume_cm3: volume of the structure, cm3.
        estimated: whether the structure was estimated.

    Raises:
        InputError: no point has weight.

    Example:
        >>> h = from_samples("box", np.array([10.0, 30.0]), np.array([1.0, 3.0]), 4.0)
        >>> h.mean_gy, round(h.v(20.0), 3), h.volume_cm3
        (25.0, 0.75, 4.0)
    """
    total = float(weight.sum(dtype=np.float64))
    if not total > 0:
        raise InputError(f"structure {name} is empty")
    held = dose_gy[weight > 0]
    # A dose that lies on an edge but for rounding belongs to the bin above it.
    index = np.maximum((np.asarray(dose_gy, dtype=np.float64) / BIN_GY + 1e-4).astype(np.int64), 0)
    counts = np.bincount(index, weights=weight)
    above = np.concatenate([np.cumsum(counts[::-1])[::-1] / total, [0.0]])
    return Dvh(
        name=name,
        dose_gy=np.arange(above.size) * BIN_GY,
        volume_fraction=np.clip(above, 0.0, 1.0),
        mean_gy=float(np.average(dose_gy, weights=weight)),
        min_gy=float(held.min()),
        max_gy=float(held.max()),
        volume_cm3=volume_cm3,
        estimated=estimated,
    )


def region(structures: StructureSet, name: str) -> tuple[Volume, bool]:
    """A structure's mask by name, and whether any part of it is estimated.

    "Lungs" is the union of both lungs, "GTV" or "CTV" that of all structures of the role; "A-B" is A without B,
    where B is a structure or a role ("GTV", "PTV", ...), as in TG-263.

    Raises:
        InputError: no such structure, or nothing is left of it.
    """
    if name in structures:
        return structures[name].mask, structures[name].estimated
    whole, minus, part = name.partition("-")
    of_role = tuple(s.name for s in structures if s.role == whole and whole in ("GTV", "CTV", "PTV"))
    names = ("Lung_L", "Lung_R") if whole == "Lungs" else of_role or (whole,)
    mask = structures.mask(*names)
    if minus:
        without = [s.name for s in structures if part in (s.name, s.role)]
        if not without:
            raise InputError(f"{name} cannot be made: no structure has the name or role {part}")
        mask &= ~structures.mask(*without)
    try:
        box = bounding_box(mask)
    except InputError:
        raise InputError(f"structure {name} is empty") from None
    crop = Volume(structures.geometry.crop(box), mask[box].astype(np.uint8), "MASK", "1")
    return crop, any(structures[n].estimated for n in names)


def dvh(dose: Volume, structures: StructureSet, name: str) -> Dvh:
    """The DVH of a structure in a dose distribution that may lie on another grid.

    The structure's voxels are divided into parts of at most 1 mm (where they are not too many) and the dose is
    interpolated linearly at each part; a mask with fractions of voxels weighs its borders by them.

    Args:
        dose: Gy (physical dose or EQD2).
        structures: the structure set.
        name: a structure's name, or one that `region` makes.

    Raises:
        InputError: no such structure, or it is empty.
    """
    mask, estimated = region(structures, name)
    return mask_dvh(dose, mask, name, estimated=estimated)


def mask_dvh(dose: Volume, mask: Volume, name: str, *, estimated: bool = False) -> Dvh:
    """The DVH of a mask, as `dvh`; the mask holds the share of each voxel that belongs to the structure."""
    values = np.asarray(mask.array)
    parts = np.maximum(1, np.ceil(np.asarray(mask.geometry.spacing_mm) / _SAMPLE_MM - 1e-6).astype(int))
    if np.count_nonzero(values) * int(parts.prod()) > _MAX_SAMPLES:
        parts[:] = 1
    grid = mask.geometry.resampled(tuple(np.asarray(mask.geometry.spacing_mm) / parts))
    fine = values
    for axis, n in enumerate(parts):
        fine = np.repeat(fine, n, axis=axis)
    inside = fine > 0
    weight = fine[inside].astype(np.float64)
    cm3 = float(values.sum(dtype=np.float64)) * mask.geometry.voxel_cm3
    return from_samples(name, _to_edges(dose).on(grid)[inside], weight, cm3, estimated=estimated)


def _to_edges(dose: Volume) -> Volume:
    """The dose with one more voxel around it, so that its outermost voxels count to their outer edges."""
    grid = dose.geometry
    z, y, x = grid.shape
    first = grid.lps((-1, -1, -1))
    origin = (float(first[0]), float(first[1]), float(first[2]))
    wider = replace(grid, shape=(z + 2, y + 2, x + 2), origin_mm=origin)
    return Volume(wider, np.pad(dose.array, 1, mode="edge"), dose.modality, dose.unit)
