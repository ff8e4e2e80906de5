"""A CT averaged over blocks of voxels, on which organs are found quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from twin.geometry import Box, Geometry, Shape, Triple
from twin.volume import Volume


@dataclass(frozen=True, eq=False)
class Coarse:
    """Block means of a CT.

    Args:
        full: the grid of the CT.
        factors: voxels a block along (z, y, x).
        hu: (z, y, x) float32 block means; blocks cut by the far edges are left out.
    """

    full: Geometry
    factors: Shape
    hu: np.ndarray

    @classmethod
    def of(cls, ct: Volume, spacing_mm: float) -> Coarse:
        """Block means whose spacing is near to `spacing_mm`, or the CT itself where its voxels are larger."""
        full = ct.geometry
        factors = cast(
            Shape,
            tuple(
                min(n, max(1, round(spacing_mm / s)))
                for n, s in zip(full.shape, full.spacing_mm, strict=True)
            ),
        )
        shape = [n // f for n, f in zip(full.shape, factors, strict=True)]
        z, y, x = (slice(0, n * f) for n, f in zip(shape, factors, strict=True))
        array, total = ct.array[z, y, x], np.zeros(shape, dtype=np.float32)
        for offset in np.ndindex(*factors):
            total += array[tuple(slice(o, None, f) for o, f in zip(offset, factors, strict=True))]
        return cls(full, factors, total / float(np.prod(factors)))

    @cached_property
    def geometry(self) -> Geometry:
        """The grid of the blocks."""
        centre = [(f - 1) / 2.0 for f in self.factors]
        return replace(
            self.full,
            shape=cast(Shape, self.hu.shape),
            spacing_mm=cast(
                Triple, tuple(s * f for s, f in zip(self.full.spacing_mm, self.factors, strict=True))
            ),
            origin_mm=cast(Triple, tuple(float(v) for v in self.full.lps(centre))),
        )

    def voxels(self, mm: float) -> Shape:
        """A length as whole blocks along (z, y, x), at least one."""
        return cast(Shape, tuple(max(1, round(mm / s)) for s in self.geometry.spacing_mm))

    def ball(self, radius_mm: float) -> np.ndarray:
        """A ball as a structuring element of the block grid."""
        half = [int(radius_mm / s) for s in self.geometry.spacing_mm]
        grids = np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij")
        squared = sum((g * s / radius_mm) ** 2 for g, s in zip(grids, self.geometry.spacing_mm, strict=True))
        return np.asarray(squared <= 1.0)

    def enlarged(self, mask: np.ndarray) -> np.ndarray:
        """A mask of blocks as a mask of the CT's voxels; the voxels beyond the last blocks repeat them."""
        for axis, (factor, n) in enumerate(zip(self.factors, self.full.shape, strict=True)):
            index = np.minimum(np.arange(n) // factor, mask.shape[axis] - 1)
            mask = np.take(mask, index, axis=axis) if factor > 1 or n != mask.shape[axis] else mask
        return mask

    def smooth(self, mask: np.ndarray) -> tuple[Box, np.ndarray]:
        """A mask of blocks interpolated to the CT's voxels: the box that holds it, and the mask in the box."""
        from twin.structures import bounding_box

        box = bounding_box(self.enlarged(mask), self.factors)
        part = Volume(self.geometry, mask.astype(np.float32), "MASK", "1")
        return box, part.on(self.full.crop(box)) >= 0.5
