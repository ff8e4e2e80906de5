"""The fine CT image that coarse bodies are painted on, with partial volume."""

from __future__ import annotations

import numpy as np

from simulators.core.threads import in_threads
from simulators.insilico.thorax import canvas_kernels as kernels
from simulators.insilico.thorax.body import PIXELS, Frame

AIR_HU = -1000.0


class Canvas:
    """A CT image in the making.

    Args:
        frame: its grid.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.soft_mm = 1.2 * PIXELS / frame.pixels  # in-plane width of a surface before the point spread
        self.hu = np.full(frame.geometry.shape, AIR_HU, dtype=np.float32)

    def paint(self, distance: np.ndarray, hu: float) -> None:
        """Fill the inside of a coarse signed distance (mm).

        Args:
            distance: mm, negative inside.
            hu: of the inside.
        """
        depth = np.ascontiguousarray(distance, dtype=np.float32)
        in_threads(kernels.paint, len(self.hu), self.hu, depth, hu, self.soft_mm)

    def mask(self, distance: np.ndarray) -> np.ndarray:
        """The fine bool mask of a coarse signed distance's inside.

        Args:
            distance: mm, negative inside.
        """
        out = np.empty(self.hu.shape, dtype=np.bool_)
        in_threads(kernels.inside, len(out), np.ascontiguousarray(distance, dtype=np.float32), out)
        return out

    def paint_box(self, box: tuple[slice, slice, slice], distance: np.ndarray, hu) -> None:
        """Fill the inside of a signed distance (mm) that is given on the fine grid's box.

        Args:
            box: of the fine grid.
            distance: mm on the box, negative inside.
            hu: of the inside, one number or one for each voxel.
        """
        part = self.hu[box]
        share = np.clip(0.5 - distance / np.float32(self.soft_mm + 0.4), 0, 1)
        part += share * (hu - part)

    def tubes(self, start, end, start_r, end_r, hu, keep: np.ndarray, below: float = 0.0) -> None:
        """Paint capsules between anatomical points (n, 3) with radii (n,) mm where `keep` < `below`.

        Args:
            start: (n, 3) anatomical (x, y, z) mm.
            end: (n, 3) anatomical (x, y, z) mm.
            start_r: (n,) radius at the start, mm.
            end_r: (n,) radius at the end, mm.
            hu: of the inside.
            keep: a coarse field that says where painting is allowed.
            below: the bound on it.
        """
        self.capsules(self.frame.voxels(start), self.frame.voxels(end), start_r, end_r, hu, keep, below)

    def capsules(self, start, end, start_r, end_r, hu, keep: np.ndarray, below: float = 0.0) -> None:
        """The same between voxel coordinates (n, 3) as (z, y, x)."""
        in_threads(
            kernels.paint_tubes,
            len(self.hu),
            self.hu,
            np.ascontiguousarray(start, dtype=np.float64),
            np.ascontiguousarray(end, dtype=np.float64),
            np.asarray(start_r, dtype=np.float64),
            np.asarray(end_r, dtype=np.float64),
            float(hu),
            np.asarray(self.frame.geometry.spacing_mm),
            np.ascontiguousarray(keep, dtype=np.float32),
            float(below),
        )

    def weave(self, distance: np.ndarray, coarse: np.ndarray, tile: np.ndarray, amount: float) -> None:
        """Add texture (HU) inside a coarse signed distance: a coarse field and `amount` times a periodic tile.

        Args:
            distance: mm, negative inside.
            coarse: HU, on the coarse grid.
            tile: fine and periodic.
            amount: HU of the tile.
        """
        in_threads(
            kernels.weave,
            len(self.hu),
            self.hu,
            np.ascontiguousarray(distance, dtype=np.float32),
            np.ascontiguousarray(coarse, dtype=np.float32),
            tile,
            amount,
        )
