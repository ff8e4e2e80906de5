"""What is drawn on the baseline CT, carried to the scan of another day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import SimpleITK

from simulators.registration.demons import Seen
from twin import Field, Geometry, InputError, Structure, StructureSet, Volume

_FIELD_MM = 4.0
_MARGIN_MM = 8.0


def moved(drawn: StructureSet, matrix: np.ndarray, day: float) -> StructureSet:
    """What is drawn on a scan after a rigid motion of the scan.

    Args:
        drawn: on the scan.
        matrix: (4, 4) on LPS mm.
        day: of the scan, days from day 0.
    """
    structures = tuple(
        replace(
            s,
            mask=replace(s.mask, geometry=s.mask.geometry.moved(matrix)),
            contours=tuple((c @ matrix[:3, :3].T + matrix[:3, 3]).astype(np.float32) for c in s.contours),
        )
        for s in drawn
    )
    return StructureSet(drawn.geometry.moved(matrix), structures, day)


def carried(
    structures: Iterable[Structure], field: Field, scan: Volume, *, source: str, day: float
) -> StructureSet:
    """Structures of the baseline where their tissue lies in another scan; of an organ what the scan shows.

    Args:
        structures: on the baseline CT.
        field: between it and the scan, towards "day".
        scan: in the baseline's frame.
        source: name of the baseline CT, which each carried structure keeps.
        day: of the scan, days from day 0.

    Raises:
        InputError: the field cannot be inverted, or the scan does not hold the tumour.
    """
    seen, geometry = Seen.of(scan).inside, scan.geometry
    back = _transform(field.inverse(geometry.resampled(_FIELD_MM)))
    out = StructureSet(geometry, (), day)
    for one in structures:
        box = _box(geometry, _outermost(one, field))
        mask = np.zeros(geometry.shape, bool)
        if box is not None:
            mask[box] = _pulled(one.mask, back, geometry.crop(box)) > 0.5
        if one.role == "GTV" and (_leaves(mask) or not seen[mask].all()):
            raise InputError(f"the scan does not hold the whole tumour: {one.name} leaves its field of view")
        mask &= seen
        if mask.any():
            out = out.with_mask(
                one.name, one.role, mask, estimated=True, colour=one.colour, carried_from=source
            )
    return out


def _outermost(structure: Structure, field: Field) -> np.ndarray:
    """(n, 3) LPS of points of a structure where they lie on the day, its outermost among them."""
    inside = np.argwhere(structure.mask.array > 0)
    some = inside[:: max(1, len(inside) // 5000)]
    ends = inside[np.concatenate([inside.argmin(axis=0), inside.argmax(axis=0)])]
    return field.on_day(structure.mask.geometry.lps(np.concatenate([some, ends])))


def _box(geometry: Geometry, lps: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The part of a grid around points, or None where there is none."""
    index = geometry.index(lps)
    margin = _MARGIN_MM / np.array(geometry.spacing_mm)
    low = np.maximum(np.floor(index.min(axis=0) - margin).astype(int), 0)
    high = np.minimum(np.ceil(index.max(axis=0) + margin).astype(int) + 1, geometry.shape)
    if (high <= low).any():
        return None
    z, y, x = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return z, y, x


def _pulled(mask: Volume, back: SimpleITK.Transform, here: Geometry) -> np.ndarray:
    """(z, y, x) share of a mask at a grid's voxels, through the transform that leads back to it."""
    image = in_space(mask.array.astype(np.float32), mask.geometry)
    like = in_space(np.zeros(here.shape, np.uint8), here)
    found = SimpleITK.Resample(image, like, back, SimpleITK.sitkLinear, 0.0, SimpleITK.sitkFloat32)
    return SimpleITK.GetArrayFromImage(found)


def in_space(values: np.ndarray, geometry: Geometry) -> SimpleITK.Image:
    """Values on a grid, (z, y, x) or with vectors as (z, y, x, 3), as an image in LPS mm."""
    image = SimpleITK.GetImageFromArray(values, isVector=values.ndim == 4)
    image.SetSpacing(geometry.spacing_mm[::-1])
    image.SetOrigin(geometry.origin_mm)
    image.SetDirection(geometry.direction)
    return image


def _transform(field: Field) -> SimpleITK.Transform:
    """From the side on which a field is known to the other; beyond its grid it stands still."""
    axes = field.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes
    vectors = np.moveaxis(field.mm, 0, -1).astype(np.float64) @ axes
    return SimpleITK.DisplacementFieldTransform(in_space(vectors, field.geometry))


def _leaves(mask: np.ndarray) -> bool:
    """Whether a mask is empty or touches a side of its grid."""
    ends = (mask[0], mask[-1], mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1])
    return not mask.any() or any(end.any() for end in ends)
