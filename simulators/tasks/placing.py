"""From the layers that a network made on the crop to a follow-up on the patient's grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from simulators.anatomy.irradiated_lung import within
from simulators.anatomy.lung_injury import LABEL_HU, THRESHOLD_GY
from simulators.anatomy.tumour_mask import border_mm, level, tumour_share, without_crumbs
from simulators.anatomy.tumour_site import smoothstep, voxels
from simulators.core.treatment import FollowUp, TreatmentRequest, TumourView
from simulators.tasks.crop import HU_RANGE, SPACING_MM, Crop, lung_share, sampled
from simulators.treatment.mechanistic import MAX_GROWTH, Layers
from twin import Geometry, InputError, Volume
from twin.geometry import Box
from twin.structures import bounding_box

_TAPER_MM = 12.0  # the change fades to nothing over this distance from the crop's border
_INJURY_MM = 4.0
_MOVED_SHARE, _NEAR_MM = 0.02, 4.0  # share of tumour by which a border has moved; how far around it is near
_MOVED_MM = 0.3  # by which a border has moved for sure
_BORDER_MM = 6.0  # further away a border's distance does not matter
_LEAST_SHARE = 0.0025  # a share beyond says no more than that a voxel is far inside or outside
_EROSION = 0.5  # of a tumour that the network drew: nothing is known of it
_HU_UNIT = np.float32((HU_RANGE[1] - HU_RANGE[0]) / 2)  # of the layers, from -1 to 1


@dataclass(frozen=True, eq=False)
class Draft:
    """What a network starts from.

    Args:
        crop: where.
        followup: the mechanistic follow-up.
        layers: its layers on the patient's grid.
        on_crop: (3, z, y, x) float32, the same on the crop: tissue, tumour, share.
        gtv_cm3: the volume that the tumour is to have, or None where nothing says.
    """

    crop: Crop
    followup: FollowUp
    layers: Layers
    on_crop: np.ndarray
    gtv_cm3: float | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a network made of one request, on the crop.

    Args:
        crop: where.
        draft: the mechanistic follow-up.
        layers: of the draft that is corrected; None where it is the scan itself.
        change_hu: (2, z, y, x) float32, what is to be added to its tissue and to its tumour.
        share: (z, y, x) float32 share of tumour.
        border_mm: (z, y, x) float32 signed distance to the border that the tumour is to have; None where no volume is
            known.
        moved_mm: (z, y, x) float32, by how much that is more than in the layers; None without them.
        gtv_cm3: the volume that the tumour is to have, or None where nothing says.
    """

    crop: Crop
    draft: FollowUp
    layers: Layers | None
    change_hu: np.ndarray
    share: np.ndarray
    border_mm: np.ndarray | None
    moved_mm: np.ndarray | None
    gtv_cm3: float | None


def aimed(request: TreatmentRequest, crop: Crop, relative: float) -> TreatmentRequest:
    """A request with the tumour of a relative volume, where it has none and there is one."""
    if request.tumour is not None or not np.isfinite(relative):
        return request
    aim = min(relative, MAX_GROWTH) * crop.gtv_cm3
    return replace(request, tumour=TumourView(aim, crop.gtv_cm3, _EROSION))


def corrected(after: np.ndarray, draft: Draft, corrects: bool, grain: bool) -> Drawn:
    """By how much the layers that a network made differ from what they correct.

    Args:
        after: (3, z, y, x) float32 layers.
        draft: what the network was given.
        corrects: whether it began with the draft, or else with the scan.
        grain: whether the scan's grain is given back.
    """
    crop, before, wanted = draft.crop, draft.on_crop, draft.gtv_cm3
    if not corrects:
        before = np.stack([crop.image, crop.image, crop.occupancy])
    share, old_share, border, moved = after[2], before[2], None, None
    if wanted is not None:
        border, old = (_border(v, crop, wanted) for v in (share, old_share))
        share, old_share = (tumour_share(b, wanted, crop.grid.voxel_cm3) for b in (border, old))
        moved = border - old if corrects else None
    change = (after[:2] - before[:2]) * _HU_UNIT
    if grain:
        seen = _composed(after[0], after[1], share) - _composed(before[0], before[1], old_share)
        change += crop.grain.lost(seen * _HU_UNIT)
    return Drawn(
        crop, draft.followup, draft.layers if corrects else None, change, share, border, moved, wanted
    )


def placed(request: TreatmentRequest, drawn: Drawn, generator: str) -> FollowUp:
    """Bring changes and border from the crop to the whole-voxel box of the scan within it.

    Args:
        request: what was asked for.
        drawn: what was made of it.
        generator: name and version of what made it.

    Raises:
        InputError: the tumour lies outside the scan.
    """
    crop, whole, draft = drawn.crop, request.scan.volume, drawn.draft
    box = whole.geometry.covering(crop.grid)
    if box is None:
        raise InputError(f"the tumour's contours lie outside the scan {request.scan.name}")
    outer = _hull(box, whole.geometry.box_of(draft.scan.geometry))
    here, part = whole.geometry.crop(outer), within(outer, box)
    inner, old = here.crop(part), here.box_of(draft.scan.geometry)
    tissue = whole.array[outer].astype(np.float32)
    tumour, hu, was = tissue.copy(), tissue.copy(), np.zeros_like(tissue)
    injury = np.zeros(here.shape, np.uint8)
    if drawn.layers is not None:
        layers = drawn.layers
        tissue[old], tumour[old], was[old] = layers.tissue_hu, layers.tumour_hu, layers.share
        hu[old], injury[old] = draft.scan.array, draft.injury.array
    share = _share(drawn, was[part], inner)
    hu[part] += _change(drawn, tissue[part], tumour[part], was[part], share, inner)
    inside, gtv_cm3 = _mask(drawn, share, inner)
    gtv = np.zeros(here.shape, np.uint8)
    gtv[part] = inside
    injury[part] = _injury(request, hu[part] - whole.array[box], inside, inner)
    return FollowUp(
        request=request,
        scan=Volume(here, np.clip(np.rint(hu), -32768, 32767).astype(np.int16), "CT", "HU"),
        gtv=Volume(here, gtv, "MASK", "1"),
        injury=Volume(here, injury, "MASK", "1"),
        gtv_cm3=gtv_cm3,
        displacement_mm=_overlaid(draft.displacement_mm, old, here),
        generator=generator,
    )


def _change(
    drawn: Drawn, tissue: np.ndarray, tumour: np.ndarray, was: np.ndarray, share: np.ndarray, inner: Geometry
) -> np.ndarray:
    """(z, y, x) HU, what is added to the scan: the layers laid over one another anew, less how they lay before."""
    more_tissue, more_tumour = (
        sampled(Volume(drawn.crop.grid, change * _taper(change.shape), "CT", "HU"), inner)
        for change in drawn.change_hu
    )
    start = _composed(tissue, tumour, was)
    end = _composed(tissue + more_tissue, tumour + more_tumour, share)
    if drawn.layers is not None:
        _bound(end, start, np.abs(share - was) > _MOVED_SHARE, inner)
    return end - start


def _border(share: np.ndarray, crop: Crop, wanted_cm3: float) -> np.ndarray:
    """(z, y, x) float32 mm, signed distance to the border of the tumour with the volume wanted, positive inside.

    Which voxels it takes follows from the network's own share; where that is level, from how near they are to it.
    """
    from scipy.ndimage import gaussian_filter

    before, voxel_cm3 = crop.occupancy, crop.grid.voxel_cm3
    if wanted_cm3 < 0.5 * voxel_cm3:
        return np.full_like(share, -_BORDER_MM)
    sure = np.clip(share, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
    near = gaussian_filter(share, 2.0) + 1e-3 * crop.around
    score = gaussian_filter(np.log(sure / (1.0 - sure)), 0.5) + near
    score = without_crumbs(score, before > 0.5, wanted_cm3, voxel_cm3)
    border = border_mm(score, level(score, wanted_cm3, voxel_cm3), crop.grid.spacing_mm)
    return np.clip(border, -_BORDER_MM, _BORDER_MM).astype(np.float32)


def _share(drawn: Drawn, was: np.ndarray, here: Geometry) -> np.ndarray:
    """(z, y, x) float32: the share of tumour in each voxel of the scan, as it was where its border has not moved."""
    grid = drawn.crop.grid
    if drawn.border_mm is None or drawn.gtv_cm3 is None:
        return sampled(Volume(grid, drawn.share, "MASK", "1"), here)
    border = sampled(Volume(grid, drawn.border_mm, "DISTANCE", "mm"), here, -_BORDER_MM)
    share = tumour_share(border, drawn.gtv_cm3, here.voxel_cm3)
    if drawn.moved_mm is None:
        return share
    moved = np.abs(sampled(Volume(grid, drawn.moved_mm, "DISTANCE", "mm"), here))
    return was + smoothstep(moved / _MOVED_MM) * (share - was)


def _mask(drawn: Drawn, share: np.ndarray, here: Geometry) -> tuple[np.ndarray, float]:
    """The tumour on a grid, of the volume that it was to have, and that volume in cm3."""
    held = float(share.sum(dtype=np.float64)) * here.voxel_cm3
    wanted = held if drawn.gtv_cm3 is None else drawn.gtv_cm3
    if wanted < 0.5 * here.voxel_cm3:
        return np.zeros(here.shape, dtype=bool), 0.0
    first = sampled(Volume(drawn.crop.grid, drawn.crop.occupancy, "MASK", "1"), here) > 0.5
    score = without_crumbs(share, first, wanted, here.voxel_cm3)
    inside = score > level(score, wanted, here.voxel_cm3)
    held = float(np.count_nonzero(inside)) * here.voxel_cm3
    return inside, wanted if abs(held - wanted) <= max(0.03 * wanted, 0.1) else held


def _injury(request: TreatmentRequest, rise: np.ndarray, gtv: np.ndarray, here: Geometry) -> np.ndarray:
    """(z, y, x) uint8: irradiated lung outside the tumour that became denser by a rise in HU."""
    from scipy.ndimage import gaussian_filter

    if request.eqd2_all is None:
        return np.zeros(here.shape, np.uint8)
    denser = gaussian_filter(rise, [_INJURY_MM / 2 / s for s in here.spacing_mm]) > LABEL_HU
    lung = lung_share(request.structures, here) > 0.5
    return (denser & lung & ~gtv & (sampled(request.eqd2_all, here) > THRESHOLD_GY)).astype(np.uint8)


def _composed(tissue: np.ndarray, tumour: np.ndarray, share: np.ndarray) -> np.ndarray:
    """(z, y, x) image of tumour laid over tissue."""
    return tissue + share * (tumour - tissue)


def _bound(end: np.ndarray, start: np.ndarray, moved: np.ndarray, here: Geometry) -> None:
    """Let an image show nothing beyond what was seen near, where a border moved: what a layer had of its own at the old
    edge leaves no rim.

    Args:
        end: (z, y, x) the image, changed in place.
        start: (z, y, x) what it began as.
        moved: (z, y, x) where the border moved.
        here: their grid.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    if not moved.any():
        return
    reach = voxels(_NEAR_MM, here.spacing_mm)
    box, size = bounding_box(moved, reach), [2 * n + 1 for n in reach]
    near = np.clip(end[box], minimum_filter(start[box], size), maximum_filter(start[box], size))
    end[box] = np.where(moved[box], near, end[box])


def _hull(one: Box, other: Box) -> Box:
    """The smallest box that holds two."""
    a, b, c = (slice(min(i.start, j.start), max(i.stop, j.stop)) for i, j in zip(one, other, strict=True))
    return a, b, c


def _overlaid(shift_mm: np.ndarray, where: Box, here: Geometry) -> np.ndarray:
    """(3, z, y, x) displacement on a larger crop, 0 where it is not known; no memory where nothing moves."""
    if shift_mm.strides[0] == 0:
        return np.broadcast_to(np.float32(0.0), (3, *here.shape))
    out = np.zeros((3, *here.shape), dtype=np.float32)
    out[(slice(None), *where)] = shift_mm
    return out


def _taper(shape: tuple[int, ...]) -> np.ndarray:
    """(z, y, x) float32: 1 inside the crop, falling to 0 at its border."""
    edges = [
        np.clip(np.minimum(np.arange(n), np.arange(n)[::-1]) * (SPACING_MM / _TAPER_MM), 0, 1).astype(
            np.float32
        )
        for n in shape
    ]
    return edges[0][:, None, None] * edges[1][:, None] * edges[2]
