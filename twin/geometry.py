"""A voxel grid in patient space, and the only place where LPS meets RAS.

DICOM and SimpleITK speak LPS (x to the Left, y to the Posterior, z to the Superior, in mm); NIfTI speaks RAS.
Arrays are indexed (z, y, x) everywhere in this project.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TYPE_CHECKING, cast

import numpy as np

from twin.errors import InputError

if TYPE_CHECKING:
    import SimpleITK
    from numpy.typing import ArrayLike

Triple = tuple[float, float, float]
Shape = tuple[int, int, int]
Box = tuple[slice, slice, slice]
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_GRID_TOLERANCE_MM = 1e-2
_WIDEST_MM = 100.0
_FARTHEST_MM = 2e4  # beyond it a NIfTI's 32-bit affine would lose the tolerance


@dataclass(frozen=True)
class Geometry:
    """The grid of a volume.

    Args:
        shape: voxels along (z, y, x).
        spacing_mm: distance between voxel centres along (z, y, x), mm.
        origin_mm: centre of voxel (0, 0, 0) in LPS (x, y, z), mm.
        direction: 3 x 3 cosines, row-major; its columns are the LPS directions of the x, y and z index axes.

    Raises:
        InputError: a size or spacing that is not positive, or a direction that is not orthonormal.

    Example:
        >>> g = Geometry((4, 5, 6), (3.0, 1.0, 1.0), (10.0, 20.0, 30.0))
        >>> g.lps((1, 0, 2)).tolist()
        [12.0, 20.0, 33.0]
        >>> g.index((12.0, 20.0, 33.0)).tolist()
        [1.0, 0.0, 2.0]
    """

    shape: Shape
    spacing_mm: Triple
    origin_mm: Triple = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = IDENTITY

    def __post_init__(self) -> None:
        if min(self.shape) < 1:
            raise InputError(f"a volume needs at least one voxel along each axis, not {self.shape}")
        if not all(0 < s <= _WIDEST_MM for s in self.spacing_mm):
            raise InputError(
                f"voxel spacing must be positive and below {_WIDEST_MM:g} mm, not {self.spacing_mm}"
            )
        if not all(abs(v) <= _FARTHEST_MM for v in self.origin_mm):
            raise InputError(
                f"the grid's origin must lie within {_FARTHEST_MM:g} mm, not at {self.origin_mm}"
            )
        matrix = self.rotation
        if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-3):
            raise InputError("the image's direction cosines are not orthonormal")

    @property
    def rotation(self) -> np.ndarray:
        """Direction cosines as a (3, 3) array."""
        return np.asarray(self.direction, dtype=np.float64).reshape(3, 3)

    @property
    def voxel_cm3(self) -> float:
        """Volume of one voxel, cm3."""
        return float(np.prod(self.spacing_mm)) / 1000.0

    @property
    def extent_mm(self) -> Triple:
        """Size of the grid along (z, y, x), mm, voxel edges included."""
        return cast(Triple, tuple(n * s for n, s in zip(self.shape, self.spacing_mm, strict=True)))

    @property
    def affine_lps(self) -> np.ndarray:
        """(4, 4) matrix from index (x, y, z) to LPS mm."""
        affine = np.eye(4)
        affine[:3, :3] = self.rotation * np.asarray(self.spacing_mm[::-1])
        affine[:3, 3] = self.origin_mm
        return affine

    @property
    def affine_ras(self) -> np.ndarray:
        """(4, 4) matrix from index (x, y, z) to RAS mm, as NIfTI stores it."""
        return _LPS_TO_RAS @ self.affine_lps

    @classmethod
    def from_affine_ras(cls, affine: np.ndarray, shape: Shape) -> Geometry:
        """The grid of a NIfTI file.

        Args:
            affine: (4, 4) from index (x, y, z) to RAS mm.
            shape: (z, y, x).
        """
        lps = _LPS_TO_RAS @ np.asarray(affine, dtype=np.float64)
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        if not np.isfinite(lps).all() or (spacing <= 0).any():
            raise InputError("the image's affine is not a valid transform")
        return cls(
            shape=shape,
            spacing_mm=cast(Triple, tuple(float(s) for s in spacing[::-1])),
            origin_mm=cast(Triple, tuple(float(v) for v in lps[:3, 3])),
            direction=tuple(float(v) for v in (lps[:3, :3] / spacing).ravel()),
        )

    @classmethod
    def from_sitk(cls, image: SimpleITK.Image) -> Geometry:
        """The grid of a SimpleITK image."""
        return cls(
            shape=cast(Shape, tuple(image.GetSize()[::-1])),
            spacing_mm=cast(Triple, tuple(image.GetSpacing()[::-1])),
            origin_mm=cast(Triple, tuple(image.GetOrigin())),
            direction=tuple(image.GetDirection()),
        )

    def lps(self, index: ArrayLike | Sequence[object]) -> np.ndarray:
        """LPS positions (..., 3) as (x, y, z) mm of indices (..., 3) as (z, y, x), which may be fractional."""
        points = np.asarray(index, dtype=np.float64)[..., ::-1]
        return points @ self.affine_lps[:3, :3].T + self.affine_lps[:3, 3]

    def index(self, lps: ArrayLike | Sequence[object]) -> np.ndarray:
        """Fractional indices (..., 3) as (z, y, x) of LPS positions (..., 3) as (x, y, z) mm."""
        inverse = np.linalg.inv(self.affine_lps)
        return (np.asarray(lps, dtype=np.float64) @ inverse[:3, :3].T + inverse[:3, 3])[..., ::-1]

    def crop(self, box: Box) -> Geometry:
        """The grid of `array[box]` for a (z, y, x) box of plain slices."""
        bounds = [s.indices(n)[:2] for s, n in zip(box, self.shape, strict=True)]
        start = [lo for lo, _ in bounds]
        return replace(
            self,
            shape=cast(Shape, tuple(hi - lo for lo, hi in bounds)),
            origin_mm=cast(Triple, tuple(float(v) for v in self.lps(start))),
        )

    def covering(self, grid: Geometry, margin: int = 0) -> Box | None:
        """The box of whole voxels within another grid's outermost voxel centres; None where they are apart.

        Args:
            grid: what is to be covered, of any orientation.
            margin: voxels added on all sides.
        """
        ends = [(0, n - 1) for n in grid.shape]
        corners = self.index(grid.lps(np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, 3)))
        low = np.floor(corners.min(axis=0) + 1e-6) - margin
        high = np.ceil(corners.max(axis=0) - 1e-6) + 1 + margin
        low, high = np.maximum(low, 0).astype(int), np.minimum(high, self.shape).astype(int)
        if (high <= low).any():
            return None
        return cast(Box, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)))

    def box_of(self, part: Geometry) -> Box:
        """Where a crop of this grid lies in it.

        Raises:
            InputError: `part` is not a whole-voxel crop of this grid.
        """
        start = self.index(part.origin_mm)
        whole = np.rint(start).astype(int)
        same_axes = np.allclose(part.spacing_mm, self.spacing_mm, rtol=1e-4) and np.allclose(
            part.direction, self.direction, atol=1e-4
        )
        inside = (whole >= 0).all() and (whole + part.shape <= np.asarray(self.shape)).all()
        shift_mm = np.abs(start - whole) * self.spacing_mm
        if not (same_axes and inside and (shift_mm < _GRID_TOLERANCE_MM).all()):
            raise InputError("the volume lies on another grid and is not a whole-voxel crop of this one")
        return cast(Box, tuple(slice(int(a), int(a) + n) for a, n in zip(whole, part.shape, strict=True)))

    def moved(self, matrix: np.ndarray) -> Geometry:
        """The grid after a rigid motion of patient space, (4, 4) on LPS mm; its voxels stay what they are."""
        return replace(
            self,
            origin_mm=cast(Triple, tuple(float(v) for v in matrix[:3, :3] @ self.origin_mm + matrix[:3, 3])),
            direction=tuple(float(v) for v in (matrix[:3, :3] @ self.rotation).ravel()),
        )

    def turned(self, direction: tuple[float, ...] = IDENTITY) -> tuple[Geometry, Shape, tuple[int, ...]]:
        """The same voxels with axes exchanged and flipped so as to run as near as can be along some directions.

        Args:
            direction: as of a `Geometry`; the default turns array axes to Superior, Posterior, Left.

        Returns:
            The turned grid, the order in which to transpose the (z, y, x) array, and the axes to flip after it.

        Example:
            >>> sagittal = Geometry((4, 5, 6), (3.0, 1.0, 1.0), direction=(0, 0, -1, 1, 0, 0, 0, -1, 0))
            >>> turned, order, flipped = sagittal.turned()
            >>> turned.shape, order, flipped
            ((5, 6, 4), (1, 2, 0), (0, 2))
        """
        wanted = np.asarray(direction, dtype=np.float64).reshape(3, 3)
        along = wanted.T @ self.rotation  # row: a wanted axis; column: one of this grid's
        axis_of = max(permutations(range(3)), key=lambda p: sum(abs(along[k, p[k]]) for k in range(3)))
        order = cast(Shape, tuple(2 - axis_of[k] for k in (2, 1, 0)))
        flipped = tuple(a for a, k in enumerate((2, 1, 0)) if along[k, axis_of[k]] < 0)
        first = np.zeros(3)
        for axis in flipped:
            first[order[axis]] = self.shape[order[axis]] - 1
        signs = [-1.0 if 2 - k in flipped else 1.0 for k in range(3)]
        turned = replace(
            self,
            shape=cast(Shape, tuple(self.shape[a] for a in order)),
            spacing_mm=cast(Triple, tuple(self.spacing_mm[a] for a in order)),
            origin_mm=cast(Triple, tuple(float(v) for v in self.lps(first))),
            direction=tuple(float(v) for v in (self.rotation[:, list(axis_of)] * signs + 0.0).ravel()),
        )
        return turned, order, flipped

    def same_grid(self, other: Geometry) -> bool:
        """Whether both grids have the same voxels in the same places, to 0.01 mm at the far corner."""
        if self.shape != other.shape:
            return False
        corners = [(0, 0, 0), np.subtract(self.shape, 1)]
        return bool(np.abs(self.lps(corners) - other.lps(corners)).max() < _GRID_TOLERANCE_MM)

    def resampled(self, spacing_mm: float | Triple) -> Geometry:
        """The grid that covers the same extent with another voxel size (mm, one number or (z, y, x))."""
        new = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), 3)
        shape = np.maximum(1, np.ceil(np.asarray(self.extent_mm) / new - 1e-6)).astype(int)
        first = (new / np.asarray(self.spacing_mm) - 1.0) / 2.0
        return replace(
            self,
            shape=cast(Shape, tuple(int(n) for n in shape)),
            spacing_mm=cast(Triple, tuple(float(s) for s in new)),
            origin_mm=cast(Triple, tuple(float(v) for v in self.lps(first))),
        )
