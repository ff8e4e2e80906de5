"""What a generator of follow-ups is told of a patient and a plan: a crop around the tumour, and a vector of numbers.

Training and use take both from here, so that they can not differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from simulators.anatomy.grain import Grain
from simulators.anatomy.gtv import gtv_volume
from simulators.core.treatment import TreatmentRequest
from twin import ClinicalRecord, Geometry, Scan, StructureSet, Volume
from twin.geometry import Shape
from twin.structures import bounding_box

if TYPE_CHECKING:
    from simulators.treatment.mechanistic import Layers

SPACING_MM = 2.0
SHAPE = (48, 96, 96)  # of what a generator learns from; a longer tumour is given more slices
MAX_SLICES = 96
SLICE_STEP = 16
MARGIN_MM = 30.0  # the tumour with this margin must fit into the crop
DEPTH_VOXELS = 15.0  # of the depth channel's unit: 3 cm at 2 mm
HU_RANGE = (-1024.0, 1024.0)  # mapped to [-1, 1]
EQD2_UNIT_GY = 60.0
# In this order; nan is missing, and nothing is ever filled in.
VECTOR = (
    "elapsed_days",
    "dose_gy",
    "fractions",
    "since_rt_end_days",
    "relative_gtv",
    "gtv0_cm3",
    "age_years",
    "male",
    "squamous",
    "t_stage",
    "n_stage",
    "ecog",
    "pack_years",
    "chemotherapy",
)
# What bounds a domain, and its words.
DOMAIN = {
    "elapsed_days": "{} days after the scan",
    "dose_gy": "{} Gy in the tumour",
    "fraction_gy": "{} Gy a fraction",
    "gtv0_cm3": "tumours of {} cm3",
    "relative_gtv": "{} times the tumour's volume on the scan",
}
_LEARNED = (0.005, 0.995)
_CHEMOTHERAPY = {"none": 0.0, "sequential": 0.5, "concurrent": 1.0}


@dataclass(frozen=True, eq=False)
class Crop:
    """The surroundings of the tumour on one scan, as a generator sees them.

    Args:
        grid: 96 x 96 voxels of 2 mm in plane and 48 to 96 slices along the scan's axes, the tumour in the middle.
        image: (z, y, x) float32, -1024 to 1024 HU mapped to [-1, 1].
        occupancy: (z, y, x) float32 share of GTV in each voxel, 0 to 1.
        lung: (z, y, x) float32 share of what is drawn as lung, 0 to 1; collapsed lung is dense there.
        gtv_cm3: volume of the whole GTV on the scan, cm3.
        exceeds: whether the tumour with its margin does not fit.
    """

    grid: Geometry
    image: np.ndarray
    occupancy: np.ndarray
    lung: np.ndarray
    gtv_cm3: float
    exceeds: bool

    @classmethod
    def of(cls, scan: Scan, structures: StructureSet, slices: int | None = None) -> Crop:
        """The crop of a scan around the GTV that is drawn on it.

        Args:
            scan: the CT.
            structures: what is drawn on it.
            slices: of the crop; as many as the tumour with its margin needs where None.

        Raises:
            InputError: there is no GTV.
        """
        gtv = gtv_volume(structures)
        needed = np.asarray(gtv.geometry.extent_mm) + 2 * MARGIN_MM
        if slices is None:
            steps = int(np.ceil(needed[0] / SPACING_MM / SLICE_STEP))
            slices = min(max(SHAPE[0], SLICE_STEP * steps), MAX_SLICES)
        grid = _centred(gtv, structures.geometry, (slices, *SHAPE[1:]))
        most = np.multiply((MAX_SLICES, *SHAPE[1:]), SPACING_MM)
        return cls(
            grid=grid,
            image=scaled(sampled(scan.volume, grid, fill=HU_RANGE[0])),
            occupancy=sampled(gtv, grid),
            lung=lung_share(structures, grid),
            gtv_cm3=float(np.count_nonzero(gtv.array)) * gtv.geometry.voxel_cm3,
            exceeds=bool((needed > most).any()),
        )

    def channels(self, eqd2: Volume | None, draft: np.ndarray) -> np.ndarray:
        """(8, z, y, x) float32, the task's source channels: CT, GTV, EQD2 / 60 Gy (0 without dose), lung, the draft's
        layers, and the depth in the tumour.

        Args:
            eqd2: EQD2 with alpha/beta 3 Gy since the scan, Gy, on any grid.
            draft: (3, z, y, x) of `draft`.
        """
        dose = np.zeros_like(self.image) if eqd2 is None else sampled(eqd2, self.grid) / EQD2_UNIT_GY
        known = np.stack([self.image, self.occupancy, dose, self.lung])
        return np.concatenate([known, draft, self.depth[None]])

    def draft(self, scan: Volume, layers: Layers) -> np.ndarray:
        """(3, z, y, x) float32: tissue and tumour in [-1, 1] and share of tumour, from which a generator starts.

        Args:
            scan: the CT that this is a crop of.
            layers: of the mechanistic follow-up.
        """
        here = layers.geometry
        before = scan.crop(scan.geometry.box_of(here)).array
        hu = self.hu
        tissue, tumour, share = (
            self._sampled_where_any(Volume(here, values, "CT", "HU"))
            for values in (layers.tissue_hu - before, layers.tumour_hu - before, layers.share)
        )
        return np.stack([scaled(hu + tissue), scaled(hu + tumour), share])

    @cached_property
    def depth(self) -> np.ndarray:
        """(z, y, x) float32 `depth` of the tumour: one for all images from this scan."""
        return depth(self.occupancy)

    @cached_property
    def hu(self) -> np.ndarray:
        """(z, y, x) float32, the image in HU."""
        return (self.image + 1.0) * np.float32((HU_RANGE[1] - HU_RANGE[0]) / 2) + np.float32(HU_RANGE[0])

    @cached_property
    def grain(self) -> Grain:
        """Of the image."""
        return Grain.of(self.hu, SPACING_MM)

    @cached_property
    def around(self) -> np.ndarray:
        """(z, y, x) float32, how near the tumour each voxel lies: its share, smoothed by 8 mm."""
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(self.occupancy, 4.0)

    def _sampled_where_any(self, volume: Volume) -> np.ndarray:
        """(z, y, x) float32 of what is 0 in most places, sampled only around where it is not."""
        out = np.zeros(self.grid.shape, np.float32)
        array = volume.array
        if not array.any():
            return out
        part = volume.crop(bounding_box(array, (1, 1, 1)))
        box = self.grid.covering(part.geometry, margin=1)
        if box is not None:
            out[box] = sampled(part, self.grid.crop(box))
        return out

    def vector(self, request: TreatmentRequest) -> np.ndarray:
        """(f,) float32 conditions in the order of `VECTOR`; nan is missing.

        Args:
            request: from this crop's scan. Without `tumour` the relative volume is missing: the model draws it.
        """
        dose_gy = None if request.fractions_since else 0.0
        if request.dose_since is not None and self.occupancy.any():
            box = bounding_box(self.occupancy)
            local = sampled(request.dose_since, self.grid.crop(box))
            dose_gy = float((local * self.occupancy[box]).sum() / self.occupancy.sum())
        over = request.fractions_since > 0 and request.since_rt_end_days >= 0
        tumour = request.tumour
        values: dict[str, float | None] = {
            "elapsed_days": request.elapsed_days,
            "dose_gy": dose_gy,
            "fractions": request.fractions_since,
            "since_rt_end_days": request.since_rt_end_days if over else None,
            "relative_gtv": None if tumour is None else tumour.gtv_cm3 / tumour.gtv0_cm3,
            "gtv0_cm3": self.gtv_cm3,
            **clinical_numbers(request.clinical),
        }
        return np.array([np.nan if values[k] is None else values[k] for k in VECTOR], dtype=np.float32)


def clinical_numbers(record: ClinicalRecord) -> Mapping[str, float | None]:
    """The clinical entries of `VECTOR`; None where the record lacks one or it says nothing, as NX or "nos" do.

    Example:
        >>> numbers = clinical_numbers(ClinicalRecord(sex="male", histology="nos", t_stage="T2a", n_stage="NX"))
        >>> numbers["male"], numbers["squamous"], numbers["t_stage"], numbers["n_stage"]
        (1.0, None, 2.0, None)
    """
    known = record.histology not in (None, "nos")
    return {
        "age_years": record.age_years,
        "male": None if record.sex is None else float(record.sex == "male"),
        "squamous": float(record.histology == "squamous") if known else None,
        "t_stage": _digit(record.t_stage),
        "n_stage": _digit(record.n_stage),
        "ecog": record.ecog,
        "pack_years": record.pack_years,
        "chemotherapy": None if record.chemotherapy is None else _CHEMOTHERAPY[record.chemotherapy],
    }


def domain_of(vectors: np.ndarray) -> dict[str, list[float]]:
    """What a set of examples covers: the domain of a generator that learned from them.

    Args:
        vectors: (n, f) conditions, nan where missing.

    Returns:
        Entry of `DOMAIN` -> where 99 % of its values lie, rounded outwards to two digits: what was seen once was not
        learned.

    Example:
        >>> ones = np.ones((2, len(VECTOR)), np.float32)
        >>> ones[:, VECTOR.index("elapsed_days")] = 3.2, 213.0
        >>> domain_of(ones)["elapsed_days"]
        [3.2, 220.0]
    """
    columns = dict(zip(VECTOR, np.asarray(vectors, dtype=np.float64).T, strict=True))
    columns["fraction_gy"] = _per_fraction(columns["dose_gy"], columns["fractions"])
    found = {}
    for name in DOMAIN:
        values = columns[name][np.isfinite(columns[name])]
        if values.size:
            low, high = np.quantile(values, _LEARNED, method="inverted_cdf")
            found[name] = [_rounded(float(low), np.floor), _rounded(float(high), np.ceil)]
    return found


def outside(vector: np.ndarray, domain: Mapping[str, Sequence[float]]) -> str | None:
    """Which condition lies outside a domain, or None; what is missing lies inside.

    Args:
        vector: (f,) conditions.
        domain: entry of `DOMAIN` -> least and greatest value.

    Example:
        >>> late = np.full(len(VECTOR), np.nan)
        >>> late[0] = 400.0
        >>> outside(late, {"elapsed_days": [3.0, 220.0]})
        'it learned from 3 to 220 days after the scan'
    """
    values = dict(zip(VECTOR, np.asarray(vector, dtype=np.float64), strict=True))
    values["fraction_gy"] = float(_per_fraction(values["dose_gy"], values["fractions"]))
    for name, words in DOMAIN.items():
        low, high = domain.get(name, (-np.inf, np.inf))
        # A hundredth of slack: a dose of 60.0 Gy in the mean may come out as 60.3.
        if values[name] < low - 0.01 * abs(low) or values[name] > high + 0.01 * abs(high):
            return f"it learned from {words.format(f'{low:g} to {high:g}')}"
    return None


def _per_fraction(dose_gy, fractions):
    return np.where(np.asarray(fractions) > 0, dose_gy / np.maximum(fractions, 1), np.nan)


def _rounded(value: float, towards: Callable[[float], float]) -> float:
    """Two digits, rounded down or up."""
    if value == 0.0:
        return 0.0
    unit = 10.0 ** (np.floor(np.log10(abs(value))) - 1)
    return float(f"{towards(np.round(value / unit, 6)) * unit:.6g}")


def depth(share: np.ndarray) -> np.ndarray:
    """How deep each voxel lies inside the tumour in 3-D: what a few slices can not tell of a whole tumour's shape.

    Args:
        share: (z, y, x) of tumour, 0 to 1.

    Returns:
        (z, y, x) float32 signed distance to the surface, positive inside, in units of 15 voxels, cut at -1 and 1.

    Example:
        >>> line = np.zeros((1, 1, 33))
        >>> line[..., 16:] = 1
        >>> [round(float(depth(line)[0, 0, i]) * 15, 1) for i in (0, 14, 15, 16, 17)]
        [-15.0, -1.5, -0.5, 0.5, 1.5]
    """
    from scipy.ndimage import distance_transform_edt

    inside = share > 0.5
    if not inside.any():
        return np.full(share.shape, -1.0, np.float32)
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside)
    distance -= inside - 0.5  # the surface lies midway between two voxels
    return np.clip(distance.astype(np.float32) / np.float32(DEPTH_VOXELS), -1.0, 1.0)


def scaled(hu: np.ndarray) -> np.ndarray:
    """HU to [-1, 1], float32; what lies outside -1024 to 1024 HU is cut.

    Example:
        >>> scaled(np.array([-2000.0, -1024.0, 0.0, 512.0])).tolist()
        [-1.0, -1.0, 0.0, 0.5]
    """
    low, high = HU_RANGE
    return ((np.clip(hu, low, high) - low) * (2.0 / (high - low)) - 1.0).astype(np.float32)


def sampled(volume: Volume, grid: Geometry, fill: float = 0.0) -> np.ndarray:
    """(z, y, x) float32 values of a volume at a grid's voxels, linear between its own; only the part needed is read."""
    box = volume.geometry.covering(grid, margin=1)
    return np.full(grid.shape, fill, np.float32) if box is None else volume.crop(box).on(grid, fill=fill)


def lung_share(structures: StructureSet, grid: Geometry) -> np.ndarray:
    """(z, y, x) float32 share of lung in each voxel of a grid, 0 to 1; none where no lung is drawn."""
    share = np.zeros(grid.shape, np.float32)
    for name in ("Lung_L", "Lung_R"):
        if name in structures:
            np.maximum(share, sampled(structures[name].mask, grid), out=share)
    return share


def _centred(gtv: Volume, whole: Geometry, shape: Shape) -> Geometry:
    """The crop's grid: 2 mm steps from the scan's own edge, so that a scan of 2 mm is cut and not resampled."""
    lattice = whole.resampled(SPACING_MM)
    centre = lattice.index(gtv.geometry.lps(np.argwhere(gtv.array).mean(axis=0)))
    first = np.rint(centre - (np.asarray(shape) - 1) / 2)
    origin = tuple(float(v) for v in lattice.lps(first))
    return Geometry(shape, (SPACING_MM,) * 3, origin, whole.direction)  # type: ignore[arg-type]


def _digit(category: str | None) -> float | None:
    """The number of a T or N category; None for TX, NX, T0 and Tis."""
    digit = category[1:2] if category else ""
    return float(digit) if digit.isdigit() and category != "T0" else None
