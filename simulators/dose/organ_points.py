"""A structure as a few weighted points, so that its dose can be followed through hundreds of set-ups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.dose.accumulation import dose_at
from simulators.dose.dvh import Dvh, from_samples, region
from twin import StructureSet, Volume

POINTS = 800
_FINEST_MM = 1.0  # so that the hottest voxels together hold more than a near-maximum dose asks for
PARTS = 1000
_RANKED = 100_000  # voxels at most whose doses are ranked for equal parts


@dataclass(frozen=True, eq=False)
class OrganPoints:
    """Points that stand for a structure.

    Args:
        name: the structure.
        lps_mm: (n, 3) LPS mm.
        cm3: (n,) the volume that each stands for, cm3.
        estimated: whether the structure was estimated.
    """

    name: str
    lps_mm: np.ndarray
    cm3: np.ndarray
    estimated: bool

    @classmethod
    def of(cls, structures: StructureSet, name: str, dose: Volume, n: int = POINTS) -> OrganPoints:
        """The hottest voxels one by one, as near-maximum doses need them, and an even share of all others.

        Args:
            structures: the structure set.
            name: a structure's name, or one that `simulators.dose.dvh.region` makes.
            dose: by which voxels are ranked, Gy.
            n: how many points at most.

        Raises:
            InputError: no such structure, or it is empty.
        """
        mask, estimated = region(structures, name, finest_mm=_FINEST_MM)
        inside = np.argwhere(mask.array > 0)
        share = np.asarray(mask.array)[tuple(inside.T)].astype(np.float64) * mask.geometry.voxel_cm3
        if len(inside) > n:
            local = dose_at(dose, mask.geometry.lps(inside))
            order = np.argsort(-local, kind="stable")
            hot, rest = order[: n // 2], order[n // 2 :]
            # Evenly spaced by rank of dose: a stratified sample of the rest of the histogram.
            groups = np.array_split(rest, n - n // 2)
            chosen = np.concatenate([hot, [g[len(g) // 2] for g in groups]])
            share = np.concatenate([share[hot], [share[g].sum() for g in groups]])
            inside = inside[chosen]
        return cls(name, mask.geometry.lps(inside), share, estimated)

    @classmethod
    def even(cls, structures: StructureSet, name: str, dose: Volume, n: int = PARTS) -> OrganPoints:
        """One voxel for each of n equal parts of the structure, from the coldest part to the hottest.

        Args:
            structures, name, dose: as in `of`.
            n: how many parts.

        Raises:
            InputError: no such structure, or it is empty.
        """
        mask, estimated = region(structures, name, finest_mm=_FINEST_MM)
        inside = np.argwhere(mask.array > 0)
        lps = mask.geometry.lps(inside[:: max(1, len(inside) // _RANKED)])
        order = np.argsort(dose_at(dose, lps), kind="stable")
        chosen = order[((np.arange(n) + 0.5) / n * len(order)).astype(np.intp)]
        volume = float(np.sum(mask.array, dtype=np.float64)) * mask.geometry.voxel_cm3
        return cls(name, lps[chosen], np.full(n, volume / n), estimated)

    def dvh(self, dose_gy: np.ndarray) -> Dvh:
        """The histogram of (n,) doses at the points, Gy.

        Args:
            dose_gy: (n,) at the points, Gy.
        """
        return from_samples(self.name, dose_gy, self.cm3, float(self.cm3.sum()), estimated=self.estimated)
