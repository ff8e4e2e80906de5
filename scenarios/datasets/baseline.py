"""Where a patient of the longitudinal set begins: the true anatomy on day 0, on a 2 mm box around the tumour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from scenarios.study.covariates import sample
from simulators.core.chance import Key, Purpose
from simulators.insilico.patient import make_patient
from twin import ClinicalRecord, DoseGrid, Geometry, InputError, PatientTwin, Scan, StructureSet, Volume
from twin.geometry import Box, Shape, Triple

SPACING_MM = 2.0
HALF_MM = (72.0, 120.0, 120.0)  # of the box: a crop of 96 x 192 x 192 mm fits with shifts
GTV_CM3 = (2.0, 150.0)
# The covariates' patients have larger tumours and more nodes than a generator's crop holds, so those that fit are
# preferred: the odds of a patient fall with the volume above 6 cm3, and of one with nodes to an eighth.
_FAVOURED_CM3, _WITH_NODES = 6.0, 0.125
_CANDIDATES = 64
_NOISE_AT_2_MM = 0.6  # of the thorax's noise at its own pixels of 0.9 mm, once they are averaged
_COLOURS = {"GTVp": (255, 0, 0), "GTVn": (255, 128, 0)}


@dataclass(frozen=True, eq=False)
class Baseline:
    """The true anatomy of one patient on day 0.

    Args:
        whole: the patient with the whole CT, for doses.
        scan: the CT without noise on the box.
        structures: true on it: GTVp (and GTVn), lungs and body.
        acquired: the CT as it was acquired, on the box; None where a scanner is yet to be simulated.
        noise_hu: SD of the scanner's noise at 2 mm.
        central: whether the tumour is central.
        about: what is known of the anatomy, plain values.
    """

    whole: PatientTwin
    scan: Scan
    structures: StructureSet
    acquired: Scan | None
    noise_hu: float
    central: bool
    about: Mapping[str, Any]

    @property
    def nodes(self) -> bool:
        """Whether nodes are involved."""
        return "GTVn" in self.structures

    @property
    def gtv_cm3(self) -> float:
        """Volume of all GTVs, cm3."""
        return float(self.structures.gtv().sum()) * self.structures.geometry.voxel_cm3

    def doses(self, doses: Mapping[str, DoseGrid]) -> dict[str, DoseGrid]:
        """Dose grids cut to the box, at their own spacing."""
        out = {}
        for name, dose in doses.items():
            grid = self.scan.volume.geometry.resampled(min(4.0, dose.volume.geometry.spacing_mm[0]))
            local = np.round(dose.volume.on(grid), 2)
            out[name] = DoseGrid(
                name, Volume(grid, local, "DOSE", "Gy"), dose.prescription_gy, dose.method, dose.fractions
            )
        return out


def in_silico(seed: int, name: str) -> Baseline:
    """An in-silico patient by chance: covariates, anatomy and tumour.

    Args:
        seed: of all his chance.
        name: in the set.

    Raises:
        InputError: no tumour that the chance wanted fits into the thorax.
    """
    reason = "no candidate has a size that the set takes"
    for row in _candidates(seed):
        try:
            made, truth = make_patient(
                seed,
                gtv_cm3=round(row["gtv_cm3"], 1),
                site=row["site"],
                nodes=row["n_stage"] != "N0",
                noise=False,
            )
            record = _record(row, made.clinical)
            whole = made.fork(id=name, clinical=record)
            scan, structures = boxed(whole.baseline, whole.contours)
        except InputError as error:
            reason = str(error)
            continue
        noise_hu = _NOISE_AT_2_MM * truth["habitus"]["noise_hu"]
        about = {k: truth[k] for k in ("habitus", "tumour")}
        return Baseline(whole, scan, structures, None, noise_hu, row["site"] == "central", about)
    raise InputError(reason)


def real(twin: PatientTwin, name: str) -> Baseline:
    """A patient's own CT: its fine noise is taken off for the truth, and gives the scanner's level.

    Args:
        twin: the patient with his baseline CT.
        name: in the set.
    """
    from scipy.ndimage import gaussian_filter

    scan, structures = boxed(twin.baseline, twin.contours)
    hu = scan.volume.array.astype(np.float32)
    fine = hu - gaussian_filter(hu, (0.6, 0.7, 0.7), mode="nearest")
    calm = fine[structures.mask("Body")] if "Body" in structures else fine
    noise_hu = 1.4826 * float(np.median(np.abs(calm)))
    clean = hu - np.where(np.abs(fine) < 3.0 * noise_hu, fine, np.float32(0.0))
    volume = Volume(scan.volume.geometry, np.rint(clean).astype(np.int16), "CT", "HU")
    whole = twin.fork(
        id=name, scans=(twin.baseline,), structures=(twin.contours,), fractions=(), now_days=0.0
    )
    about = {"source": twin.id}
    return Baseline(whole, Scan(scan.name, 0.0, volume), structures, scan, noise_hu, False, about)


def _candidates(seed: int) -> list[dict[str, Any]]:
    """Rows of covariates in the order in which they are tried."""
    rng = Key(seed, "longitudinal", Purpose.COHORT).generator()
    rows = []
    for row in sample(seed, 0, _CANDIDATES).iter_rows(named=True):
        odds = min(1.0, _FAVOURED_CM3 / row["gtv_cm3"]) * (1.0 if row["n_stage"] == "N0" else _WITH_NODES)
        if rng.random() < odds and GTV_CM3[0] <= row["gtv_cm3"] <= GTV_CM3[1]:
            rows.append(row)
    return rows


def _record(row: Mapping[str, Any], made: ClinicalRecord) -> ClinicalRecord:
    """The covariates' record with the thorax's sex, and pack years and gaps as the thorax's record has them."""
    record = {k: v for k, v in row.items() if k in ClinicalRecord.model_fields}
    record["sex"] = made.sex
    if record["smoking"] == "never":
        record["pack_years"] = 0.0
    elif made.pack_years:
        record["pack_years"] = made.pack_years
    for field in ("ecog", "smoking", "comorbidity"):
        if getattr(made, field) is None:
            record[field] = None
    return ClinicalRecord(**record)


def boxed(scan: Scan, structures: StructureSet) -> tuple[Scan, StructureSet]:
    """A CT and its structures on a 2 mm box around the tumour; the box ends where the CT does.

    Args:
        scan: the CT.
        structures: on its grid, with a GTV and lungs.

    Raises:
        InputError: the tumour does not fit into the box.
    """
    grid = _box(structures)
    hu = np.clip(np.rint(_resampled(scan.volume, grid)), -1024, 3071).astype(np.int16)
    out = StructureSet(grid, ())
    gtvs = [s.name for s in structures.role("GTV")]
    nodal = [n for n in gtvs if n.startswith("GTVn")] if len(gtvs) > 1 else []
    primary = [n for n in gtvs if n not in nodal]
    taken = np.zeros(grid.shape, bool)
    for name, parts in (("GTVp", primary), ("GTVn", nodal)):
        mask = _mask(structures, parts, grid) & ~taken if parts else taken & False
        if mask.any():
            out = out.with_mask(name, "GTV", mask, colour=_COLOURS[name])
            taken |= mask
    if not taken.any():
        raise InputError("the tumour vanishes on a 2 mm grid; it is too small")
    faces = (taken[0], taken[-1], taken[:, 0], taken[:, -1], taken[:, :, 0], taken[:, :, -1])
    if any(face.any() for face in faces):
        raise InputError("the tumour and its nodes reach the border of the box or of the scan")
    for name in ("Lung_L", "Lung_R"):
        mask = _mask(structures, [name], grid) & ~taken if name in structures else taken & False
        if mask.any():
            out = out.with_mask(name, "OAR", mask)
    body = [s.name for s in structures.role("EXTERNAL")]
    inside = _mask(structures, body, grid) if body else np.ones(grid.shape, bool)
    return Scan("CT", 0.0, Volume(grid, hu, "CT", "HU")), out.with_mask("Body", "EXTERNAL", inside)


def _box(structures: StructureSet) -> Geometry:
    geometry = structures.geometry
    whole = geometry.resampled(SPACING_MM)
    centre = whole.index(geometry.lps(np.argwhere(structures.gtv()).mean(axis=0)))
    box = tuple(
        slice(max(0, round(c - h / SPACING_MM)), min(n, round(c + h / SPACING_MM)))
        for c, h, n in zip(centre, HALF_MM, whole.shape, strict=True)
    )
    return whole.crop(cast(Box, box))


def _part(volume: Volume, grid: Geometry, around: int) -> Box:
    """The voxels of a volume that a grid covers, and some more."""
    ends = volume.geometry.index(grid.lps([(0, 0, 0), np.subtract(grid.shape, 1)]))
    low, high = np.floor(ends.min(axis=0)).astype(int), np.ceil(ends.max(axis=0)).astype(int)
    bounds = zip(low, high, volume.geometry.shape, strict=True)
    return cast(Box, tuple(slice(max(0, a - around), min(n, b + around + 1)) for a, b, n in bounds))


def _padded(volume: Volume, width: int, mode: Literal["edge", "constant"]) -> Volume:
    g = volume.geometry
    array = np.pad(volume.array, width, mode=mode)
    origin = cast(Triple, tuple(float(v) for v in g.lps((-width,) * 3)))
    grid = Geometry(cast(Shape, array.shape), g.spacing_mm, origin, g.direction)
    return Volume(grid, array, volume.modality, volume.unit)


def _resampled(volume: Volume, grid: Geometry) -> np.ndarray:
    """A CT on a coarser grid: averaged as the coarser pixels would, then cubic."""
    from scipy.ndimage import gaussian_filter

    part = volume.crop(_part(volume, grid, 4))
    ratio = SPACING_MM / np.asarray(part.geometry.spacing_mm)
    width = 0.42 * np.sqrt(np.maximum(ratio**2 - 1.0, 0.0))
    averaged = gaussian_filter(part.array.astype(np.float32), width, mode="nearest")
    filtered = Volume(part.geometry, averaged, "CT", "HU")
    return _padded(filtered, 3, "edge").on(grid, order=3)


def _mask(structures: StructureSet, names: list[str], grid: Geometry) -> np.ndarray:
    out = np.zeros(grid.shape, bool)
    for name in names:
        mask = structures[name].mask
        whole = Volume(mask.geometry, mask.array.astype(np.float32), "MASK", "1")
        box = _part(whole, grid, 1)
        if all(s.stop > s.start for s in box):
            out |= _padded(whole.crop(box), 1, "constant").on(grid) >= 0.5
    return out
