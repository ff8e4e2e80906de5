"""A scan of another day on the baseline CT: a rigid motion, then a displacement field, and how well they fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.registration.demons import SEEN, Seen, demons, warped
from twin import Field, Geometry, InputError, Registration, Volume
from twin.anatomy.coarse import Coarse
from twin.anatomy.lungs import find_body
from twin.anatomy.registration import POOR_SIMILARITY, mutual_information
from twin.anatomy.registration import register as register_rigidly

POOR_LUNG_MM, POOR_BODY_MM = (
    5.0,
    8.0,
)  # mean distance of surfaces: beyond, the scan does not show this patient
_HOPELESS = 1.05  # mutual information after the rigid motion, for which tissue need not be moved
_LUNG_HU = -400.0
_LEAST_SHARE = 0.02  # of the baseline that the scan must show
_LEAST_SURFACE = 200  # voxels of a surface, for a distance of it


@dataclass(frozen=True, eq=False)
class Registered:
    """A scan on the baseline CT.

    Args:
        volume: its own voxels, on a grid that was moved rigidly into the baseline's frame.
        matrix: (4, 4) of that motion, on LPS mm.
        field: where the baseline's tissue lies in it.
        registration: how well it fits.
    """

    volume: Volume
    matrix: np.ndarray
    field: Field
    registration: Registration


def register(scan: Volume, baseline: Volume) -> Registered:
    """Lay a CT or a cone-beam CT of another day on the baseline CT.

    Args:
        scan: HU, on any grid and in any frame of reference.
        baseline: the CT of day 0, HU.

    Returns:
        The scan in the baseline's frame, the displacement field between the two, and how well it fits.

    Raises:
        InputError: another modality, no common body, or a scan that cannot be laid on the baseline.
    """
    for one in (scan, baseline):
        if one.modality not in ("CT", "CBCT"):
            raise InputError(f"a {one.modality} cannot be registered deformably; give a CT or a cone-beam CT")
    baseline = baseline.upright()
    rigid = register_rigidly(scan.upright(), baseline)
    own = Volume(scan.geometry.moved(rigid.matrix), scan.array, scan.modality, scan.unit)
    placed = own.upright()
    _check_overlap(placed, baseline)
    if rigid.similarity < _HOPELESS:
        raise _unlike([_information(rigid.similarity)])
    field = demons(placed, baseline)
    similarity, surfaces, jacobian = _fit(placed, baseline, field)
    worst = {"lungs": POOR_LUNG_MM, "body": POOR_BODY_MM}
    poor = [f"its {name} lie {mm:.1f} mm off" for name, mm in surfaces.items() if mm > worst[name]]
    if similarity < POOR_SIMILARITY:
        poor.append(_information(similarity))
    if poor:
        raise _unlike(poor)
    found = Registration(similarity, rigid.shift_mm, rigid.turn_deg, False, jacobian, surfaces)
    return Registered(own, rigid.matrix, field, found)


def _information(similarity: float) -> str:
    return f"mutual information {similarity:.2f} of 1 to 2"


def _unlike(why: list[str]) -> InputError:
    return InputError(
        f"the scan cannot be registered with the baseline CT ({', '.join(why)}): is it of this patient, and does it "
        f"show the same part of the body?"
    )


def _check_overlap(scan: Volume, baseline: Volume) -> None:
    grid = baseline.geometry.resampled(8.0)
    image, own = Seen.of(baseline).on(grid)
    _, seen = Seen.of(scan).on(grid)
    body = (image > -300) & (own > 0.5)
    if (body & (seen > 0.5)).sum() < _LEAST_SHARE * max(body.sum(), 1):
        raise InputError(
            "the scan shows next to nothing of what the baseline CT shows; is it of this patient?"
        )


def _fit(scan: Volume, baseline: Volume, field: Field) -> tuple[float, dict[str, float], tuple[float, float]]:
    """Normalised mutual information, mean distance of surfaces (mm), and the range of the field's Jacobian."""
    grid = field.geometry
    image, own = Seen.of(baseline).on(grid)
    other, seen = Seen.of(scan).on(grid)
    moved = warped(other, field.mm, grid, -1000.0)
    valid = (warped(seen, field.mm, grid, 0.0) > SEEN) & (own > SEEN)
    body = find_body(Coarse(grid, (1, 1, 1), image))
    pairs = {"body": (body, find_body(Coarse(grid, (1, 1, 1), np.where(valid, moved, image))))}
    pairs["lungs"] = (body & (image < _LUNG_HU), pairs["body"][1] & (moved < _LUNG_HU) & valid)
    surfaces = {n: _distance_mm(*both, valid, grid) for n, both in pairs.items()}
    shown = field.jacobian[body & valid]
    range_ = (float(shown.min(initial=1.0)), float(shown.max(initial=1.0)))
    known = {n: mm for n, mm in surfaces.items() if mm is not None}
    return mutual_information(image[valid], moved[valid]), known, range_


def _distance_mm(first: np.ndarray, second: np.ndarray, valid: np.ndarray, grid: Geometry) -> float | None:
    """Mean distance of two masks' surfaces within what is seen, to and fro; None where there is next to none."""
    from scipy.ndimage import binary_erosion, distance_transform_edt

    inner = binary_erosion(valid, iterations=2)
    surfaces = [m & ~binary_erosion(m, border_value=1) & valid for m in (first, second)]
    if min(int((s & inner).sum()) for s in surfaces) < _LEAST_SURFACE:
        return None
    away = [distance_transform_edt(~s, sampling=grid.spacing_mm) for s in surfaces]
    return float(np.mean([away[1 - k][surfaces[k] & inner].mean() for k in (0, 1)]))
