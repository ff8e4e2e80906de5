"""Cumulative dose-volume histograms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from twin import Geometry, InputError, StructureSet, Volume
from twin.contours.shape import Shape
from twin.geometry import Box
from twin.structures import Structure, bounding_box

BIN_GY = 0.01
FINEST_MM = 0.25
_SAMPLE_MM = 1.0  # voxels are divided until no edge is longer, as long as that stays below:
_MAX_SAMPLES = 1_500_000
_MAX_DRAWN = 4_000_000  # voxels of a box in which contours are drawn, where the image itself has no more


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

    def times(self, factor: float) -> Dvh:
        """The histogram of the dose times a factor."""
        if factor == 1.0:
            return self
        edges = np.arange(int(np.ceil(self.dose_gy[-1] * factor / BIN_GY)) + 2) * BIN_GY
        share = np.interp(edges / factor, self.dose_gy, self.volume_fraction)
        mean, least, most = (factor * gy for gy in (self.mean_gy, self.min_gy, self.max_gy))
        return replace(self, dose_gy=edges, volume_fraction=share, mean_gy=mean, min_gy=least, max_gy=most)

    def eqd2(self, fractions: int, alpha_beta_gy: float) -> Dvh:
        """The histogram of each dose's EQD2 in n equal fractions, D (D / n + a/b) / (2 + a/b) (Withers 1983).

        Args:
            fractions: n.
            alpha_beta_gy: a/b of the structure, Gy.
        """

        def equivalent(gy):
            return gy * (gy / fractions + alpha_beta_gy) / (2.0 + alpha_beta_gy)

        edges = np.arange(int(np.ceil(equivalent(self.dose_gy[-1]) / BIN_GY)) + 2) * BIN_GY
        root = np.sqrt(alpha_beta_gy**2 + 4.0 * edges * (2.0 + alpha_beta_gy) / fractions)
        share = np.interp(fractions / 2.0 * (root - alpha_beta_gy), self.dose_gy, self.volume_fraction)
        middle = (self.dose_gy[1:] + self.dose_gy[:-1]) / 2.0
        return replace(
            self, dose_gy=edges, volume_fraction=share,
            mean_gy=float(np.sum(-np.diff(self.volume_fraction) * equivalent(middle))),
            min_gy=float(equivalent(self.min_gy)), max_gy=float(equivalent(self.max_gy)),
        )  # fmt: skip

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


def region(
    structures: StructureSet, name: str, *, finest_mm: float = FINEST_MM, as_eclipse: bool = False
) -> tuple[Volume, bool]:
    """A structure by name as the share of each voxel that belongs to it, and whether any part of it is estimated.

    "Lungs" is the union of both lungs, "GTV" or "CTV" that of all structures of the role; "A-B" is A without B,
    where B is a structure or a role ("GTV", "PTV", ...), as in TG-263. What came as contours has the shape that
    `twin.contours.shape` gives it, on a grid that divides the image's voxels; what came as a mask keeps its voxels.

    Args:
        structures: the structure set.
        name: of the region.
        finest_mm: the smallest voxel edge into which contours are drawn, mm; large structures take larger ones.
        as_eclipse: draw in the ends of what came as contours, and the sections between them straight.

    Raises:
        InputError: no such structure, or a mask of which nothing is left.
    """
    whole, minus, part = (name, "", "") if name in structures else name.partition("-")
    of_role = tuple(s for s in structures if s.role == whole and whole in ("GTV", "CTV", "PTV"))
    names = ("Lung_L", "Lung_R") if whole == "Lungs" else (whole,)
    kept = (structures[name],) if name in structures else of_role or tuple(structures[n] for n in names)
    without = tuple(s for s in structures if minus and part in (s.name, s.role))
    if minus and not without:
        raise InputError(f"{name} cannot be made: no structure has the name or role {part}")
    estimated = any(s.estimated for s in kept)
    if any(s.contours for s in (*kept, *without)):
        return _drawn(structures.geometry, kept, without, finest_mm, as_eclipse), estimated
    box = _around(structures.geometry, kept)
    mask = _shares(structures.geometry, box, (1, 1, 1), kept)
    if without:
        mask = mask * (1 - _shares(structures.geometry, box, (1, 1, 1), without))
    try:
        tight = bounding_box(mask)
    except InputError:
        raise InputError(f"structure {name} is empty") from None
    crop = structures.geometry.crop(box).crop(tight)
    return Volume(crop, mask[tight].astype(np.uint8), "MASK", "1"), estimated


@lru_cache(maxsize=8)  # all plans of a patient ask for the same
def _drawn(
    grid: Geometry,
    kept: tuple[Structure, ...],
    without: tuple[Structure, ...],
    finest_mm: float,
    as_eclipse: bool,
) -> Volume:
    """A region of which something came as contours, drawn when its voxels are first asked for."""
    box = _around(grid, kept)
    crop = grid.crop(box)
    z, y, x = crop.shape
    fine = np.maximum(1, np.ceil(np.asarray(crop.spacing_mm) / finest_mm - 1e-6)).astype(int)
    fine[0] = 2 * min(3, -(-fine[0] // 2))  # as many above a contour as below
    room = _MAX_DRAWN / (z * y * x * fine[0])
    fine[1:] = np.clip(int(room**0.5), 1, fine[1:])
    if room < 1:
        fine[0] = 2
    parts = (int(fine[0]), int(fine[1]), int(fine[2]))

    def shares() -> np.ndarray:
        inside = _shares(grid, box, parts, kept, as_eclipse)
        return inside * (1 - _shares(grid, box, parts, without, as_eclipse)) if without else inside

    spacing = np.asarray(crop.spacing_mm) / parts
    return Volume(crop.resampled((spacing[0], spacing[1], spacing[2])), shares, "MASK", "1")


def _around(grid: Geometry, structures: tuple[Structure, ...]) -> Box:
    """The box of an image's voxels that holds some structures, contours with a voxel around them."""
    low, high = [], []
    for s in structures:
        box = grid.box_of(s.mask.geometry)
        margin = (1, 2, 2) if s.contours else (0, 0, 0)
        low.append([b.start - m for b, m in zip(box, margin, strict=True)])
        high.append([b.stop + m for b, m in zip(box, margin, strict=True)])
    first = np.maximum(np.min(low, axis=0), 0)
    last = np.minimum(np.max(high, axis=0), grid.shape)
    z, y, x = (slice(int(a), int(b)) for a, b in zip(first, last, strict=True))
    return z, y, x


def _shares(
    grid: Geometry,
    box: Box,
    parts: tuple[int, int, int],
    structures: tuple[Structure, ...],
    as_eclipse: bool = False,
) -> np.ndarray:
    """The union of structures on the voxels of a box, each divided into parts."""
    crop = grid.crop(box)
    union = np.zeros(tuple(n * p for n, p in zip(crop.shape, parts, strict=True)), dtype=np.float32)
    for s in structures:
        if s.contours:
            np.maximum(union, Shape(s.contours, crop).shares(parts, as_eclipse=as_eclipse), out=union)
            continue
        there, own = [], []  # the mask's part inside the box
        for b, m in zip(box, grid.box_of(s.mask.geometry), strict=True):
            first, last = max(b.start, m.start), max(b.start, m.start, min(b.stop, m.stop))
            there.append(slice(first - b.start, last - b.start))
            own.append(slice(first - m.start, last - m.start))
        fine = s.mask.array[tuple(own)]
        for axis, n in enumerate(parts):
            fine = np.repeat(fine, n, axis=axis)
        part = union[tuple(slice(t.start * p, t.stop * p) for t, p in zip(there, parts, strict=True))]
        np.maximum(part, fine, out=part)
    return union


def dvh(dose: Volume, structures: StructureSet, name: str, *, as_eclipse: bool = False) -> Dvh:
    """The DVH of a structure in a dose distribution that may lie on another grid.

    The structure's voxels are divided into parts of at most 1 mm (where they are not too many) and the dose is
    interpolated linearly at each part; borders weigh by the share of a voxel that lies inside. A structure that
    came as contours is the shape that they stand for (`twin.contours.shape`), whatever the image's slices are.

    Args:
        dose: Gy (physical dose or EQD2).
        structures: the structure set.
        name: a structure's name, or one that `region` makes.
        as_eclipse: draw in the ends of what came as contours, as that planning system does. Its volumes are lower,
            by up to a third for structures of three slices (Pepin et al., Med Phys 49:6303, 2022).

    Raises:
        InputError: no such structure, or it is empty.
    """
    mask, estimated = region(structures, name, as_eclipse=as_eclipse)
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


def share_outside(dose: Volume, mask: Volume) -> float:
    """The share of a mask's voxels that lie outside a dose's grid.

    Args:
        dose: Gy.
        mask: of a structure.
    """
    grid = dose.geometry
    at = grid.index(mask.geometry.lps(np.argwhere(mask.array > 0)))
    return float(((at < -0.5) | (at > np.array(grid.shape) - 0.5)).any(axis=1).mean())
