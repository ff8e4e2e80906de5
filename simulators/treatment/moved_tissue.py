"""Tissue that moves: what of an image goes along, and what must stay so that it looks like lung."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simulators.anatomy.lung_texture import texture
from simulators.anatomy.tumour_site import smoothstep
from simulators.anatomy.warp_kernels import stretched, warp_cubic
from simulators.core.threads import in_threads
from twin.geometry import Box

_KEPT, _COMBED = 1.1, 1.6  # times its length: further stretched, lung begins to be, and is, streaks alone
_ALL: Box = (slice(None), slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Move:
    """A displacement of a site.

    Args:
        shift_mm: (3, z, y, x) float32 in (z, y, x) mm: point after it + shift = point before; None where all is still.
        spacing_mm: (z, y, x).
    """

    shift_mm: np.ndarray | None
    spacing_mm: tuple[float, float, float]

    def of(self, values: np.ndarray, part: Box = _ALL) -> np.ndarray:
        """(z, y, x) float32 values of a part of the site after it, cubic between voxels.

        Args:
            values: (z, y, x) on the part.
            part: of the site.
        """
        out = np.array(values, dtype=np.float32)
        if self.shift_mm is not None:
            in_threads(
                warp_cubic, len(out), np.ascontiguousarray(values, dtype=np.float32), self.voxels(part), out
            )
        return out

    def voxels(self, part: Box = _ALL) -> np.ndarray:
        """(3, z, y, x) float32 displacement of a part of the site, in voxels.

        Args:
            part: of the site.
        """
        assert self.shift_mm is not None
        spacing = np.asarray(self.spacing_mm, dtype=np.float32)[:, None, None, None]
        return np.ascontiguousarray(self.shift_mm[(slice(None), *part)]) / spacing

    @cached_property
    def combed(self) -> np.ndarray:
        """(z, y, x) float32: 0 where tissue keeps its shape, 1 where it is stretched into streaks."""
        assert self.shift_mm is not None
        times = np.empty(self.shift_mm.shape[1:], dtype=np.float32)
        in_threads(stretched, len(times), self.shift_mm, np.asarray(self.spacing_mm, dtype=np.float32), times)
        return smoothstep((times - _KEPT) / (_COMBED - _KEPT)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Tissue:
    """An image of a site: what moves, and its texture, which stays as the scanner drew it.

    Where tissue is stretched so far that streaks are all that is left of it, lung as it was shows through.
    """

    structure: np.ndarray
    texture: np.ndarray

    @classmethod
    def of(cls, hu: np.ndarray, most_hu: float, spacing_mm) -> Tissue:
        """Of an image.

        Args:
            hu: (z, y, x).
            most_hu: how far noise goes (`most_texture_hu`).
            spacing_mm: (z, y, x).
        """
        fine = texture(hu, most_hu, spacing_mm)
        return cls(hu - fine, fine)

    def moved(self, move: Move, part: Box = _ALL) -> np.ndarray:
        """(z, y, x) float32 HU of a part of the site after a displacement.

        Args:
            move: of the site.
            part: of it.
        """
        still = self.structure[part]
        hu = move.of(still, part)
        if move.shift_mm is not None:
            hu += move.combed[part] * (still - hu)
        return hu + self.texture[part]
