"""A CT averaged over blocks of voxels, on which organs are found quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from twin.geometry import Box, Geometry, Shape, Triple
from twin.structures import bounding_box
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
        return cls(ct.geometry, (1, 1, 1), ct.array).coarser(spacing_mm)

    def coarser(self, spacing_mm: float) -> Coarse:
        """Means over whole numbers of these blocks, whose spacing is near to `spacing_mm`."""
        own = [s * f for s, f in zip(self.full.spacing_mm, self.factors, strict=True)]
        steps = [min(n, max(1, round(spacing_mm / s))) for n, s in zip(self.hu.shape, own, strict=True)]
        shape = [n // f for n, f in zip(self.hu.shape, steps, strict=True)]
        total = np.zeros(shape, dtype=np.float32)
        for offset in np.ndindex(*steps):
            part = (slice(o, n * f, f) for o, n, f in zip(offset, shape, steps, strict=True))
            total += self.hu[tuple(part)]
        factors = cast(Shape, tuple(f * s for f, s in zip(self.factors, steps, strict=True)))
        return Coarse(self.full, factors, total / float(np.prod(steps)))

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
        """A ball as a structuring element of the block grid, no wider than the grid needs."""
        half = [
            min(int(radius_mm / s), n) for s, n in zip(self.geometry.spacing_mm, self.hu.shape, strict=True)
        ]
        grids = np.meshgrid(*(np.arange(-h, h + 1) for h in half), indexing="ij")
        squared = sum((g * s / radius_mm) ** 2 for g, s in zip(grids, self.geometry.spacing_mm, strict=True))
        return np.asarray(squared <= 1.0)

    def box(self, mask: np.ndarray) -> Box:
        """The CT's voxels around a mask of blocks.

        Raises:
            InputError: the mask is empty.
        """
        blocks = bounding_box(mask)
        sides = zip(blocks, mask.shape, self.factors, self.full.shape, strict=True)
        z, y, x = (slice(b.start * f, n if b.stop == last else b.stop * f) for b, last, f, n in sides)
        return z, y, x

    def enlarged(self, mask: np.ndarray, box: Box | None = None) -> np.ndarray:
        """A mask of blocks as a mask of the CT's voxels; the voxels beyond the last blocks repeat them.

        Args:
            mask: (z, y, x) bool on the block grid.
            box: the part of the CT that is wanted, or all of it.
        """
        sides = zip(box or (slice(0, n) for n in self.full.shape), mask.shape, self.factors, strict=True)
        z, y, x = (np.minimum(np.arange(b.start, b.stop) // f, n - 1) for b, n, f in sides)
        return mask[z][:, y][:, :, x]

    def sampled(self, mask: np.ndarray, grid: Coarse) -> np.ndarray:
        """A mask of these blocks at the centres of another grid's blocks of the same CT."""
        sides = zip(grid.hu.shape, grid.factors, mask.shape, self.factors, strict=True)
        z, y, x = (np.minimum((np.arange(m) * g + g // 2) // f, n - 1) for m, g, n, f in sides)
        return mask[z][:, y][:, :, x]

    def smooth(self, mask: np.ndarray) -> tuple[Box, np.ndarray]:
        """A mask of blocks interpolated to the CT's voxels: the box that holds it, and the mask in the box.

        What reaches the last block goes on to the edge of the CT.
        """
        from scipy.ndimage import binary_dilation

        box = self.box(binary_dilation(mask))
        wider = replace(
            self.geometry,
            shape=cast(Shape, tuple(n + 2 for n in mask.shape)),
            origin_mm=cast(Triple, tuple(float(v) for v in self.geometry.lps((-1, -1, -1)))),
        )
        part = Volume(wider, np.pad(mask, 1, mode="edge").astype(np.float32), "MASK", "1")
        return box, part.on(self.full.crop(box)) >= 0.5
