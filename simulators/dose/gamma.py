"""Gamma index of one dose distribution against another (Low et al., Med Phys 25:656, 1998)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin import InputError, Volume

_STEPS = (
    10  # points per distance criterion: a linear search finer than a tenth changes gamma by less than 0.01
)


@dataclass(frozen=True, eq=False)
class Gamma:
    """A gamma map.

    Args:
        volume: on the reference's grid; nan where the reference lies below the threshold.
        pass_rate: share of the evaluated points with a gamma of 1 or less.
        mean: mean gamma of these points.
        n: number of points.
    """

    volume: Volume
    pass_rate: float
    mean: float
    n: int


def gamma(
    reference: Volume,
    evaluated: Volume,
    *,
    dose_percent: float = 3.0,
    distance_mm: float = 3.0,
    threshold_percent: float = 10.0,
    local: bool = False,
    normalisation_gy: float | None = None,
    largest: float = 2.0,
    interpolate: bool = True,
) -> Gamma:
    """Gamma of each reference voxel: the least combined distance to the evaluated dose, in space and in dose.

    Args:
        reference: Gy; gamma is computed at its voxels.
        evaluated: Gy on any grid of the frame.
        dose_percent: dose criterion, % of the normalisation dose (global) or of the voxel's own dose (local).
        distance_mm: distance criterion, mm.
        threshold_percent: voxels below this share of the normalisation dose are left out.
        local: local instead of global normalisation.
        normalisation_gy: the reference's maximum where None.
        largest: gammas are searched up to this value.
        interpolate: search between the evaluated dose's voxels too, at a tenth of the distance criterion;
            otherwise in steps of whole voxels, as some older tools do, which overestimates gamma.

    Raises:
        InputError: a criterion that is not positive, or no voxel above the threshold.
    """
    from simulators.dose.gamma_kernel import search

    if min(dose_percent, distance_mm, largest) <= 0 or threshold_percent < 0:
        raise InputError("a gamma index needs a positive dose criterion, distance and limit")
    dose = np.asarray(reference.array, dtype=np.float32)
    whole = float(dose.max()) if normalisation_gy is None else normalisation_gy
    counted = (dose >= whole * threshold_percent / 100.0) & (dose > 0)
    if not counted.any():
        raise InputError("no voxel of the reference dose lies above the gamma threshold")
    points = evaluated.geometry.index(reference.geometry.lps(np.argwhere(counted)))
    tolerance = (dose[counted] if local else np.full(points.shape[0], whole)) * (dose_percent / 100.0)
    offsets, distance2 = _offsets(evaluated, distance_mm, largest, interpolate)
    found = search(
        dose[counted],
        np.ascontiguousarray(points),
        np.asarray(evaluated.array, dtype=np.float32),
        tolerance.astype(np.float64),
        offsets,
        distance2,
        largest**2,
    )
    values = np.full(dose.shape, np.nan, dtype=np.float32)
    values[counted] = found
    volume = Volume(reference.geometry, values, "DOSE", "1")
    return Gamma(volume, float((found <= 1.0).mean()), float(found.mean()), int(found.size))


def _offsets(
    evaluated: Volume, distance_mm: float, largest: float, interpolate: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Steps within the largest distance, (m, 3) grid indices by growing distance, and their gamma squared."""
    spacing = np.asarray(evaluated.geometry.spacing_mm)
    step = np.full(3, distance_mm / _STEPS) if interpolate else spacing
    lines = [
        np.arange(-n, n + 1) * s
        for n, s in zip((largest * distance_mm // step).astype(int), step, strict=True)
    ]
    z, y, x = np.meshgrid(*lines, indexing="ij")
    steps_mm = np.stack([z.ravel(), y.ravel(), x.ravel()], axis=1)
    distance2 = (steps_mm**2).sum(axis=1) / distance_mm**2
    order = np.argsort(distance2, kind="stable")
    order = order[distance2[order] < largest**2]
    return steps_mm[order] / spacing, distance2[order]
