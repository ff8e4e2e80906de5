"""From a coarse grid of nodes to voxels by cubic B-splines: smooth, and positive weights, so that maps do not fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.anatomy.warp_kernels import spread_nodes
from simulators.core.threads import in_threads
from twin import Geometry
from twin.geometry import Box


@dataclass(frozen=True, eq=False)
class SplineBasis:
    """Along z, y and x: the first of four nodes that reach each voxel, and their (n, 4) float32 weights."""

    first: tuple[np.ndarray, np.ndarray, np.ndarray]
    weight: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def between(cls, fine: Geometry, coarse: Geometry) -> SplineBasis:
        """The basis from a coarse grid to a fine one with the same axes, both of at least four nodes a side.

        Beyond the outer nodes the weights of what is missing go to those that are there.

        Args:
            fine: of the values.
            coarse: of the nodes.
        """
        first, weight = [], []
        start = coarse.index(fine.origin_mm)
        for axis in range(3):
            n = coarse.shape[axis]
            at = start[axis] + np.arange(fine.shape[axis]) * fine.spacing_mm[axis] / coarse.spacing_mm[axis]
            lowest = np.clip(np.floor(at).astype(np.int64) - 1, 0, max(0, n - 4))
            nodes = lowest[:, None] + np.arange(4)
            r = np.abs(at[:, None] - nodes)
            w = np.where(r < 1, 2 / 3 - r**2 + r**3 / 2, np.where(r < 2, (2 - r) ** 3 / 6, 0.0)) * (nodes < n)
            first.append(lowest)
            weight.append((w / np.maximum(w.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32))
        return cls((first[0], first[1], first[2]), (weight[0], weight[1], weight[2]))

    def of(self, part: Box) -> SplineBasis:
        """The basis to a part of the fine grid, or to voxels of it some steps apart.

        Args:
            part: of the fine grid.
        """
        (fz, fy, fx), (wz, wy, wx) = (
            [np.ascontiguousarray(of_axis[kept]) for of_axis, kept in zip(of, part, strict=True)]
            for of in (self.first, self.weight)
        )
        return SplineBasis((fz, fy, fx), (wz, wy, wx))

    def spread(self, nodes: np.ndarray) -> np.ndarray:
        """(Z, Y, X) float32 values on the fine grid of (z, y, x) nodes.

        Args:
            nodes: (z, y, x) on the coarse grid.
        """
        pad = [(0, max(0, 4 - n)) for n in nodes.shape]
        out = np.empty([len(f) for f in self.first], dtype=np.float32)
        in_threads(
            spread_nodes, len(out), np.pad(nodes, pad).astype(np.float32), *self.first, *self.weight, out
        )
        return out
