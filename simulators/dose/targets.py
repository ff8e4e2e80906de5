"""Target volumes grown from the GTV by published margins."""

from __future__ import annotations

import numpy as np

from twin import InputError, Scan, StructureSet
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


def targets(
    scan: Scan, structures: StructureSet, *, sbrt: bool, histology: str | None = None
) -> StructureSet:
    """The CTV (or for SBRT the ITV) and the PTV around all GTVs of a scan.

    The CTV stays out of bone and inside the body; the PTV, which is geometry, only stays inside the body.
    Without a 4-D scan the ITV is the GTV as it was drawn.

    Args:
        scan: CT in HU on the structures' grid.
        structures: with at least one GTV; the body is the union of the structures of role EXTERNAL.
        sbrt: stereotactic margins.
        histology: as in the clinical record, or None.

    Returns:
        A set with "CTV" (or "ITV") and "PTV" only, marked estimated, on the scan's grid.

    Raises:
        InputError: no GTV, or the structures lie on another grid than the scan.
    """
    if not structures.geometry.same_grid(scan.volume.geometry):
        raise InputError(f"the structures do not lie on the grid of scan {scan.name}")
    gtv = structures.gtv()
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
    both: tuple[tuple[str, Role, np.ndarray], ...] = ((inner_name, "CTV", inner), ("PTV", "PTV", ptv))
    for name, role, mask in both:
        whole = np.zeros(structures.geometry.shape, dtype=bool)
        whole[box] = mask
        made = made.with_mask(name, role, whole, estimated=True)
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
