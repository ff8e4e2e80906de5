"""Deformable registration of two CTs or of a cone-beam CT with a CT: diffeomorphic demons, from coarse to fine.

Vercauteren et al., NeuroImage 45(1 Suppl):S61 (2009), as SimpleITK has it. Around it stand three things that a clinic's
scans need: tissue beyond the field of view exerts no force and follows what is seen; the smooth differences of density
of a cone-beam CT are taken off; and where tissue would all but fold, the field is smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import SimpleITK
from scipy.ndimage import binary_dilation, gaussian_filter

from twin import Field, Geometry, InputError, Volume
from twin.anatomy.coarse import Coarse

LEVELS = ((8.0, 3, 20), (4.0, 2, 8))  # voxel mm, rounds, steps a round
_SMOOTH_MM = 8.0  # of the displacement, after each step
_FLUID_MM = 4.0  # of each step's own
_STEP_VOXELS = 2.0
_GREY_MM = 20.0  # over which soft tissue's density is compared
_SOFT_HU = (-250.0, 250.0)
_WINDOW_HU = (-1000.0, 400.0)
_AIR_HU = -999
SEEN = 0.95  # share of a voxel
_INVERSIONS = 10
_LEAST_JACOBIAN = 0.15
_MENDS = 30


@dataclass(frozen=True, eq=False)
class Seen:
    """A scan with what lies in its field of view.

    Args:
        volume: HU.
        inside: (z, y, x) bool.
    """

    volume: Volume
    inside: np.ndarray

    @classmethod
    def of(cls, volume: Volume) -> Seen:
        """A scan whose filling beyond its field of view is the value of its first corner, if that is air: columns and
        slices that hold nothing else."""
        filled = volume.array == min(volume.array[0, 0, 0], _AIR_HU)
        outside = filled.all(axis=0) | filled.all(axis=(1, 2))[:, None, None]
        return cls(volume, ~outside)

    def on(self, grid: Geometry) -> tuple[np.ndarray, np.ndarray]:
        """HU and the share that is seen, block means at another grid's voxels, both (z, y, x) float32."""
        spacing = min(grid.spacing_mm)
        parts = []
        for values, fill in ((self.volume.array, _WINDOW_HU[0]), (self.inside, 0.0)):
            whole = Volume(self.volume.geometry, values, self.volume.modality, self.volume.unit)
            coarse = Coarse.of(whole, spacing)
            parts.append(_padded(coarse.geometry, coarse.hu).on(grid, fill=fill))
        return np.clip(parts[0], *_WINDOW_HU), parts[1]


def demons(moving: Volume, fixed: Volume) -> Field:
    """Where tissue of a fixed CT lies in another scan that is rigidly aligned with it.

    Args:
        moving: CT or cone-beam CT in HU.
        fixed: CT in HU.

    Returns:
        The field from the fixed image to the moving one ("day"), on a grid of 4 mm over the fixed image.

    Raises:
        InputError: tissue would fold.
    """
    there, here = Seen.of(moving), Seen.of(fixed)
    field: np.ndarray | None = None
    grid = fixed.geometry
    for spacing, rounds, steps in LEVELS:
        coarser, grid = grid, fixed.geometry.resampled(spacing)
        image, own = here.on(grid)
        other, seen = there.on(grid)
        if moving.modality == "CBCT":
            other = _matched(other, seen > SEEN, image, own > SEEN, grid)
        field = _zero(grid) if field is None else _resampled(field, coarser, grid)
        for _ in range(rounds):
            field = _round(image, own, other, seen, field, grid, steps)
    assert field is not None
    return Field(grid, _unfolded(field, grid), "day")


def _round(
    image: np.ndarray,
    own: np.ndarray,
    other: np.ndarray,
    seen: np.ndarray,
    field: np.ndarray,
    grid: Geometry,
    steps: int,
) -> np.ndarray:
    """The field after some more steps. What one scan alone shows is given to the other as the field has it, so that it
    exerts no force."""
    here, there = own > SEEN, seen > SEEN
    moved = warped(other, field, grid, _WINDOW_HU[0])
    if not there.all():
        back = SimpleITK.InvertDisplacementField(_vectors(field, grid), _INVERSIONS)
        other = np.where(there, other, warped(image, _components(back), grid, _WINDOW_HU[0]))
    method = SimpleITK.DiffeomorphicDemonsRegistrationFilter()
    method.SetNumberOfIterations(steps)
    method.SetMaximumRMSError(0.0)  # so that all steps are made
    method.SetMaximumUpdateStepLength(_STEP_VOXELS)
    method.SetSmoothUpdateField(True)
    method.SetUpdateFieldStandardDeviations([_FLUID_MM / s for s in grid.spacing_mm[::-1]])
    method.SetStandardDeviations([_SMOOTH_MM / s for s in grid.spacing_mm[::-1]])
    image = np.where(here, image, moved)
    found = method.Execute(_image(image, grid), _image(other, grid), _vectors(field, grid))
    return _components(found)


def _matched(
    other: np.ndarray, there: np.ndarray, image: np.ndarray, here: np.ndarray, grid: Geometry
) -> np.ndarray:
    """(z, y, x) HU of an image whose attenuation was scaled so that its soft tissue is as dense as another's, place by
    place: each image has its own mean, so that it does not matter whether they lie on one another."""
    means = []
    width = [_GREY_MM / s for s in grid.spacing_mm]
    for values, seen in ((image, here), (other, there)):
        soft = (seen & (values > _SOFT_HU[0]) & (values < _SOFT_HU[1])).astype(np.float32)
        weight = gaussian_filter(soft, width, truncate=2.0)
        total = gaussian_filter(soft * (values + 1000.0), width, truncate=2.0)
        means.append((total + 0.02 * 1000.0) / (weight + 0.02))
    return (other + 1000.0) * (means[0] / means[1]) - 1000.0


def _zero(grid: Geometry) -> np.ndarray:
    return np.zeros((3, *grid.shape), np.float32)


def _resampled(field: np.ndarray, coarser: Geometry, grid: Geometry) -> np.ndarray:
    parts = [_padded(coarser, part).on(grid) for part in field]
    return np.stack(parts)


def _padded(grid: Geometry, values: np.ndarray) -> Volume:
    """Values that go on by a voxel beyond their grid."""
    z, y, x = grid.shape
    left, front, foot = (float(v) for v in grid.lps((-1, -1, -1)))
    wider = replace(grid, shape=(z + 2, y + 2, x + 2), origin_mm=(left, front, foot))
    return Volume(wider, np.pad(values, 1, mode="edge"), "CT", "HU")


def _image(values: np.ndarray, grid: Geometry) -> SimpleITK.Image:
    """An image whose axes are those of the grid, in mm: displacements are along them."""
    image = SimpleITK.GetImageFromArray(np.asarray(values, dtype=np.float32))
    image.SetSpacing(grid.spacing_mm[::-1])
    return image


def _vectors(field: np.ndarray, grid: Geometry) -> SimpleITK.Image:
    vectors = np.moveaxis(field, 0, -1)[..., ::-1].astype(np.float64)
    image = SimpleITK.GetImageFromArray(vectors, isVector=True)
    image.SetSpacing(grid.spacing_mm[::-1])
    return image


def _components(vectors: SimpleITK.Image) -> np.ndarray:
    found = SimpleITK.GetArrayFromImage(vectors)[..., ::-1]
    return np.ascontiguousarray(np.moveaxis(found, -1, 0), dtype=np.float32)


def warped(values: np.ndarray, field: np.ndarray, grid: Geometry, fill: float) -> np.ndarray:
    """(z, y, x) float32 values where a field takes each voxel.

    Args:
        values: (z, y, x).
        field: (3, z, y, x) along the grid's (z, y, x) axes, mm.
        grid: of both.
        fill: beyond the grid.
    """
    image, moves = _image(values, grid), SimpleITK.DisplacementFieldTransform(_vectors(field, grid))
    return SimpleITK.GetArrayFromImage(SimpleITK.Resample(image, image, moves, SimpleITK.sitkLinear, fill))


def _unfolded(field: np.ndarray, grid: Geometry) -> np.ndarray:
    """The field, smoothed where it squeezes tissue to less than `_LEAST_JACOBIAN` of its volume.

    Raises:
        InputError: smoothing does not help.
    """
    for _ in range(_MENDS):
        bad = Field(grid, field, "day").jacobian < _LEAST_JACOBIAN
        if not bad.any():
            return field
        near = gaussian_filter(binary_dilation(bad, iterations=3).astype(np.float32), 1.0)
        field = np.stack([part + near * (gaussian_filter(part, 1.5) - part) for part in field])
    raise InputError("the scan cannot be registered with the baseline CT: its tissue would fold over itself")
