"""Target volumes grown from the GTV by published margins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin import InputError, PatientTwin, Scan, StructureSet, Volume
from twin.files.masks import laid
from twin.structures import Role, bounding_box

# GTV to CTV: 95 % of the microscopic extension lies within 6 mm for squamous-cell and 8 mm for adenocarcinoma
# (Giraud et al., Int J Radiat Oncol Biol Phys 48:1015, 2000). Other and unknown histologies take the larger.
CTV_MARGIN_MM = {"squamous": 6.0, "adenocarcinoma": 8.0}
UNKNOWN_CTV_MARGIN_MM = 8.0
CTV_TO_PTV_MM = 7.0
# The ITV of SBRT takes no CTV margin; PTV = ITV + 5 mm (RTOG 0915, section 6.4, with 4-D CT).
ITV_TO_PTV_MM = 5.0
_BONE_HU = 200.0  # cortical bone; trabecular bone inside it is filled by a closing
_BONE_CLOSING_MM = 4.0


def ctv_margin_mm(histology: str | None) -> float:
    """The margin from GTV to CTV for a histology (None where it is unknown), mm.

    Args:
        histology: of the clinical record.

    Example:
        >>> ctv_margin_mm("squamous"), ctv_margin_mm(None)
        (6.0, 8.0)
    """
    return CTV_MARGIN_MM.get(histology or "", UNKNOWN_CTV_MARGIN_MM)


def grown(mask: np.ndarray, spacing_mm: tuple[float, float, float], margin_mm: float) -> np.ndarray:
    """A mask grown by a margin in all directions, on the same grid.

    Args:
        mask: (z, y, x) bool.
        spacing_mm: (z, y, x), mm.
        margin_mm: the margin, mm; voxels whose centre lies within it of a centre of the mask are in.

    Returns:
        (z, y, x) bool.
    """
    from scipy.ndimage import distance_transform_edt

    box = bounding_box(mask, _voxels(margin_mm, spacing_mm))
    whole = np.zeros(mask.shape, dtype=bool)
    whole[box] = distance_transform_edt(~mask[box], sampling=spacing_mm) <= margin_mm
    return whole


def breathing_phases(twin: PatientTwin) -> tuple[StructureSet, ...]:
    """What was drawn on the other CTs of the baseline's day with a GTV, as on the phases of a 4-D CT.

    Args:
        twin: the patient.
    """
    day = np.floor(twin.baseline.time_days)
    cts = [
        s for s in twin.scans if s.volume.modality == "CT" and s.simulated is None and s is not twin.baseline
    ]
    found = []
    for one in twin.structures:
        same_day = np.floor(one.time_days) == day and one is not twin.contours
        if same_day and one.role("GTV") and any(one.geometry.same_grid(ct.volume.geometry) for ct in cts):
            found.append(one)
    return tuple(found)


def motion_words(structures: StructureSet) -> str:
    """What a plan's target makes of the tumour's breathing motion.

    Args:
        structures: with the target.
    """
    if not all(s.estimated for s in structures.role("PTV")):
        return "the PTV is as drawn; how far the tumour's breathing motion is in its margin is not known"
    for itv in (s for s in structures if s.name == "ITV"):
        if not itv.estimated:
            return "the ITV is as drawn"
        if itv.source_name:
            return f"the ITV is the {itv.source_name}"
    return "the tumour's breathing motion is ignored: the ITV is the GTV as it was drawn"


def _moving(gtv: np.ndarray, structures: StructureSet, phases: Sequence[StructureSet]) -> np.ndarray:
    """The union of a GTV over the phases and with an ITV that was drawn, (z, y, x) bool on the structures' grid."""
    whole = gtv | structures.mask(*(s.name for s in structures if s.name == "ITV" and not s.estimated))
    for phase in phases:
        part = phase.gtv()
        same = phase.geometry.same_grid(structures.geometry)
        whole |= part if same else laid(Volume(phase.geometry, part.astype(np.float32), "MASK", "1"),
                                        structures.geometry).mask  # fmt: skip
    return whole


def targets(
    scan: Scan,
    structures: StructureSet,
    *,
    sbrt: bool,
    histology: str | None = None,
    phases: Sequence[StructureSet] = (),
) -> StructureSet:
    """The CTV (or for SBRT the ITV) and the PTV around all GTVs of a scan.

    The CTV stays out of bone and inside the body; the PTV, which is geometry, only stays inside the body.
    Both begin from the ITV: the union of the GTV over the phases of a 4-D CT (ICRU 83), where such are given; without
    them it is an ITV that was drawn, or the GTV as it was drawn.

    Args:
        scan: CT in HU on the structures' grid.
        structures: with at least one GTV; the body is the union of the structures of role EXTERNAL.
        sbrt: stereotactic margins.
        histology: as in the clinical record, or None.
        phases: what is drawn on the other phases, in the scan's frame.

    Returns:
        A set with "CTV" (or "ITV"; both where there are phases) and "PTV" only, marked estimated, on the scan's grid.

    Raises:
        InputError: no GTV, or the structures lie on another grid than the scan.
    """
    if not structures.geometry.same_grid(scan.volume.geometry):
        raise InputError(f"the structures do not lie on the grid of scan {scan.name}")
    gtv = _moving(structures.gtv(), structures, phases)
    spacing = scan.volume.geometry.spacing_mm
    reach_mm = ITV_TO_PTV_MM if sbrt else ctv_margin_mm(histology) + CTV_TO_PTV_MM
    box = bounding_box(gtv, _voxels(reach_mm + _BONE_CLOSING_MM, spacing))
    external = [s.name for s in structures.role("EXTERNAL")]
    body = structures.mask(*external)[box] if external else np.ones(gtv[box].shape, dtype=bool)
    gtv = gtv[box]
    if sbrt:
        inner_name, inner, margin_mm = "ITV", gtv, ITV_TO_PTV_MM
    else:
        free = body & ~_bone(scan.volume.array[box], spacing)
        inner = (grown(gtv, spacing, ctv_margin_mm(histology)) & free) | gtv
        inner_name, margin_mm = "CTV", CTV_TO_PTV_MM
    ptv = (grown(inner, spacing, margin_mm) & body) | inner
    made = StructureSet(structures.geometry, (), structures.time_days)
    source = f"union of the GTV over {len(phases) + 1} phases" if phases else None
    made_of: list[tuple[str, Role, np.ndarray]] = [(inner_name, "CTV", inner), ("PTV", "PTV", ptv)]
    if phases and not sbrt:
        made_of.insert(0, ("ITV", "OTHER", gtv))
    for name, role, mask in made_of:
        whole = np.zeros(structures.geometry.shape, dtype=bool)
        whole[box] = mask
        made = made.with_mask(
            name, role, whole, estimated=True, source_name=source if name == "ITV" else None
        )
    return made


def _voxels(margin_mm: float, spacing_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """A margin in whole voxels along (z, y, x), rounded up, with one to spare."""
    z, y, x = (int(np.ceil(margin_mm / s)) + 1 for s in spacing_mm)
    return z, y, x


def _bone(hu: np.ndarray, spacing_mm: tuple[float, float, float]) -> np.ndarray:
    """Bone with its marrow: cortical densities, closed."""
    from scipy.ndimage import distance_transform_edt

    cortical = hu > _BONE_HU
    if not cortical.any():
        return cortical
    near = distance_transform_edt(~cortical, sampling=spacing_mm) <= _BONE_CLOSING_MM
    # Beyond the crop's edge nothing is known: an edge must not erode what was dilated.
    padded = np.pad(near, 1, mode="edge")
    return (
        distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1, 1:-1] > _BONE_CLOSING_MM
    ) | cortical
