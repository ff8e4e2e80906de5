"""The regions of a structure set as structures on their scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.contours.shape import BRIDGED_MM, Shape
from twin.dicom.naming import Names
from twin.dicom.rtstruct import Roi
from twin.dicom.seg import Segment
from twin.dicom.structure_sets import Region, gross_tumour
from twin.errors import InputError
from twin.geometry import Geometry
from twin.nomenclature import is_node, role_of, standard
from twin.structures import Role, Structure
from twin.volume import Volume


@dataclass(frozen=True)
class Regions:
    """What became of the regions drawn on one scan.

    Args:
        structures: those that enclose something.
        unknown: what is kept of the names that TG-263 does not know.
        notes: what was left out or is uncertain, one sentence each.
    """

    structures: tuple[Structure, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...]


def read_regions(
    regions: Sequence[Region],
    native: Geometry,
    placed: Geometry,
    *,
    gtv: Sequence[str],
) -> Regions:
    """The structures that some regions stand for.

    Args:
        regions: outlines or segments, in the scan's own frame.
        native: the scan's grid in its own frame.
        placed: the same grid in the baseline's frame, where the structures lie.
        gtv: names of the regions that the user calls gross tumour.

    Raises:
        InputError: a gross tumour reaches beyond the scan, or is not drawn in its planes.
    """
    names = Names()
    found: list[Structure] = []
    unknown: list[str] = []
    notes: list[str] = []
    for region in regions:
        source = str(region.name)  # what may be kept of it
        known = named(region, gtv)
        name, role = known or (source, role_of(region.name.original))
        inside: list[np.ndarray] = []
        if isinstance(region, Segment):
            mask = _segment_mask(region, native, source, role, notes)
        else:
            inside = _inside(region, native)
            mask = _shape_mask(region, inside, native, source, role, notes)
        if mask is None:
            continue
        if known is None:
            unknown.append(source)
        part = Volume(placed.crop(native.box_of(mask.geometry)), mask.array, "MASK", "1")
        drawn = tuple(placed.lps(native.index(c)).astype(np.float32) for c in inside)
        found.append(Structure(names.free(name), role, part, False, source, region.colour, drawn))
    return Regions(tuple(found), tuple(unknown), tuple(notes))


def _shape_mask(
    roi: Roi, inside: list[np.ndarray], native: Geometry, source: str, role: Role, notes: list[str]
) -> Volume | None:
    """The mask of an outlined region, or None where it encloses nothing; notes are added for what is uncertain."""
    outside = len(roi.contours) - len(inside)
    if outside:
        said = f"{outside} of the {len(roi.contours)} contours of {source} lie outside the scan"
        if role == "GTV":
            raise InputError(said)
        notes.append(said)
    try:
        shape = Shape(inside, native)
    except InputError as error:
        if role == "GTV":
            raise InputError(f"{source}: {error}") from None
        notes.append(f"{source} was left out: {error}")
        return None
    mask = shape.mask()
    if mask is None:
        if inside:
            notes.append(f"{source} was left out: its contours enclose nothing on the scan")
        return None
    notes += _uncertain(shape, source, role)
    return mask


def _segment_mask(
    segment: Segment, native: Geometry, source: str, role: Role, notes: list[str]
) -> Volume | None:
    """A segment on its scan's grid, or None where it lies outside of it; notes are added for what was done to it."""
    try:
        mask, resampled, cut = segment.mask(native)
    except InputError as error:
        if role == "GTV":
            raise InputError(f"the segment {source} cannot be laid on the scan: {error}") from None
        notes.append(f"the segment {source} was left out: {error}")
        return None
    if cut and role == "GTV":
        raise InputError(f"a part of the segment {source} lies outside the scan")
    if cut:
        notes.append(f"a part of the segment {source} lies outside the scan")
    if segment.soft:
        notes.append(f"the segment {source} has shares between 0 and 1 and was cut at 0.5")
    if resampled:
        notes.append(f"the segment {source} lies on other voxels than its scan and was resampled")
    return mask


def named(region: Region, gtv: Sequence[str]) -> tuple[str, Role] | None:
    """The TG-263 name and the role of a region, or None where its name says nothing.

    Args:
        region: as it stands in its file.
        gtv: names that the user calls gross tumour; where there are any, no other is.
    """
    source = region.name.original
    chosen = source in gtv
    if is_node(source) and not standard(source):
        return "GTVn", "GTV" if chosen else "OTHER"
    if chosen or gross_tumour(region):
        return "GTVp", "GTV" if chosen or not gtv else "OTHER"
    known = standard(source) or (standard(region.meaning) if isinstance(region, Segment) else None)
    return (known.name, known.role) if known else None


def _inside(roi: Roi, grid: Geometry) -> list[np.ndarray]:
    """The contours of a region that lie between the top and the bottom of a grid."""
    levels = [float(grid.index(contour)[:, 0].mean()) for contour in roi.contours]
    return [c for c, k in zip(roi.contours, levels, strict=True) if -0.5 <= k <= grid.shape[0] - 0.5]


def _uncertain(shape: Shape, source: str, role: Role) -> list[str]:
    """What contours leave open, one sentence each."""
    notes = []
    spacing_mm = max((g.to_mm - g.from_mm for g in shape.gaps if g.bridged), default=0.0)
    if spacing_mm > BRIDGED_MM:
        notes.append(
            f"the contours of {source} lie up to {spacing_mm:.0f} mm apart; its shape between them is interpolated"
        )
    for gap in shape.gaps:
        if not gap.bridged:
            notes.append(
                f"{source} has no contours from z {gap.from_mm:.0f} to {gap.to_mm:.0f} mm; "
                "nothing was put between them"
            )
    doubt_cm3 = shape.doubt_cm3
    if role in ("GTV", "CTV", "PTV") and doubt_cm3 is not None:
        count = len(shape.planes)
        apart = f"{count} planes {shape.spacing_mm:.2g} mm apart" if count > 1 else "one plane"
        notes.append(f"{source} is drawn on {apart}: {shape.cm3:.3g} cm3, give or take {doubt_cm3:.2g}")
    return notes
