"""A read-only 3-D array on a grid, with what it measures and in which unit, loaded when first read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from twin.errors import InputError
from twin.geometry import IDENTITY, Box, Geometry

if TYPE_CHECKING:
    import SimpleITK
    from nibabel.nifti1 import Nifti1Image

Modality = Literal["CT", "CBCT", "PT", "MR", "DX", "DOSE", "MASK", "DISTANCE"]
Unit = Literal["HU", "SUV", "Gy", "1", "a.u.", "mm"]


@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image, dose or mask.

    Args:
        geometry: the grid.
        source: the (z, y, x) array, or a function that loads it when `array` is first read.
        modality: CT, CBCT, PT, MR, DX (a radiograph), DOSE or MASK.
        unit: HU, SUV, Gy, 1 (masks, fractions) or a.u.

    Raises:
        InputError: the array's shape is not the grid's.
    """

    geometry: Geometry
    source: np.ndarray | Callable[[], np.ndarray]
    modality: Modality
    unit: Unit

    def __post_init__(self) -> None:
        if isinstance(self.source, np.ndarray):
            _ = self.array

    def __repr__(self) -> str:
        voxels = " x ".join(map(str, self.geometry.shape))
        spacing = " x ".join(f"{mm:.3g}" for mm in self.geometry.spacing_mm)
        return f"<Volume {self.modality}, {self.unit}: {voxels} voxels of {spacing} mm (z, y, x)>"

    @cached_property
    def array(self) -> np.ndarray:
        """The (z, y, x) voxels; writing to them raises."""
        values = self.source if isinstance(self.source, np.ndarray) else self.source()
        if values.shape != self.geometry.shape:
            raise InputError(
                f"the {self.modality} array is {values.shape}, its grid {self.geometry.shape} (z, y, x)"
            )
        view = values.view()
        view.flags.writeable = False
        return view

    def crop(self, box: Box) -> Volume:
        """The part of the volume inside a (z, y, x) box of slices, sharing memory."""
        return Volume(self.geometry.crop(box), self.array[box], self.modality, self.unit)

    def upright(self) -> Volume:
        """The same voxels with axes turned to Superior, Posterior, Left; itself where they already are."""
        return self.turned(IDENTITY)

    def turned(self, direction: tuple[float, ...]) -> Volume:
        """The same voxels with axes exchanged and flipped; itself where they lie so already.

        Args:
            direction: along which they are to run as near as can be, as of a `Geometry`.
        """
        geometry, order, flipped = self.geometry.turned(direction)
        if order == (0, 1, 2) and not flipped:
            return self
        turned = np.ascontiguousarray(np.flip(self.array.transpose(order), flipped))
        return Volume(geometry, turned, self.modality, self.unit)

    def sitk(self) -> SimpleITK.Image:
        """A copy as an image of SimpleITK, in place: its axes are (x, y, z), and bool becomes 0 and 1."""
        import SimpleITK

        array = self.array.astype(np.uint8) if self.array.dtype == bool else self.array
        image = SimpleITK.GetImageFromArray(array)
        image.SetOrigin(self.geometry.origin_mm)
        image.SetSpacing(self.geometry.spacing_mm[::-1])
        image.SetDirection(self.geometry.rotation.ravel().tolist())
        return image

    def nibabel(self) -> Nifti1Image:
        """A copy as an image of nibabel, in place: axes (x, y, z), an affine to RAS, and 0 and 1 for bool."""
        from nibabel.nifti1 import Nifti1Image

        array = self.array.astype(np.uint8) if self.array.dtype == bool else np.array(self.array)
        return Nifti1Image(array.T, self.geometry.affine_ras)

    def on(self, geometry: Geometry, *, order: int = 1, fill: float = 0.0) -> np.ndarray:
        """The values at another grid's voxel centres.

        Args:
            geometry: where to sample; any spacing and orientation.
            order: 0 nearest, 1 linear, 3 cubic.
            fill: the value outside this volume.

        Returns:
            Float32 array of `geometry.shape`, always a copy; on this volume's own grid its very values.
        """
        if self.geometry.same_grid(geometry):
            return self.array.astype(np.float32)
        to_mm, from_mm = geometry.affine_lps, np.linalg.inv(self.geometry.affine_lps)
        xyz = from_mm @ to_mm
        matrix, offset = xyz[:3, :3][::-1, ::-1], xyz[:3, 3][::-1]
        diagonal, values = np.diag(matrix), np.asarray(self.array, dtype=np.float32)
        alike = np.allclose(matrix, np.diag(diagonal), atol=1e-9)
        if alike and order == 1:
            from twin.sampling.linear import linear  # loads numba

            return linear(values, diagonal, offset, geometry.shape, fill)
        from scipy.ndimage import affine_transform

        return affine_transform(
            values,
            diagonal if alike else matrix,
            offset=offset,
            output_shape=geometry.shape,
            order=order,
            mode="constant" if order else "grid-constant",
            cval=fill,
        )
