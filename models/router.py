"""Which network a slice is for: the nearest of some groups in intensity and texture, without a seam along z."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np

# By how much a slice's neighbours have a say, three on each side; halves of halves, so that a group alone weighs 1.
_SAY = (1 / 16, 2 / 16, 3 / 16, 4 / 16, 3 / 16, 2 / 16, 1 / 16)
_NOTHING = 1e-3  # above a channel's least number something is shown
_LEAST = 1e-6  # of a spread
_SHRUNK = 0.1  # added to the variances within groups, of standardised features


@dataclass(frozen=True, eq=False)
class Router:
    """Centres of groups of slices.

    Args:
        names: (g,) of the groups.
        edges: (e,) of the bins of intensity, as numbers of the channel, rising; the second to last bin is what texture
            is looked at in.
        mean: (f,) of the features that were learned from.
        scale: (f, f) by which features less their mean are multiplied.
        centres: (g, f) of the groups, so scaled.
    """

    names: tuple[str, ...]
    edges: tuple[float, ...]
    mean: np.ndarray
    scale: np.ndarray
    centres: np.ndarray

    @classmethod
    def fitted(
        cls,
        volumes: Sequence[np.ndarray],
        groups: Sequence[np.ndarray],
        names: Sequence[str],
        edges: Sequence[float],
    ) -> Self:
        """Centres that are the means of slices whose groups are known, in units of how these vary within groups (the
        linear discriminant of Fisher, Ann Eugen 1936, for groups of equal weight).

        Args:
            volumes: (z, y, x) numbers of a channel each.
            groups: (z,) place of each slice's group in `names`; -1 where it is not known.
            names, edges: as above.

        Raises:
            ValueError: a group has no slice.
        """
        import numpy as np

        every, of = _features(volumes, edges), np.concatenate(groups)
        lacking = [n for k, n in enumerate(names) if not (of == k).any()]
        if lacking:
            raise ValueError(f"no slice is of the group {lacking[0]!r}")
        mean, spread = every[of >= 0].mean(axis=0), every[of >= 0].std(axis=0) + _LEAST
        x = (every - mean) / spread
        centres = np.stack([x[of == k].mean(axis=0) for k in range(len(names))])
        within = np.cov((x - centres[of])[of >= 0], rowvar=False) + _SHRUNK * np.eye(x.shape[1])
        white = np.linalg.cholesky(np.linalg.inv(within))
        return cls(tuple(names), tuple(edges), mean, white / spread[:, None], centres @ white)

    @classmethod
    def clustered(cls, volumes: Sequence[np.ndarray], count: int, edges: Sequence[float], seed: int) -> Self:
        """Centres found by k-means (Arthur and Vassilvitskii 2007) in standardised features.

        Args:
            volumes: (z, y, x) numbers of a channel each.
            count: how many groups.
            edges: as above.
            seed: of the search.

        Returns:
            Groups named by their rank in the last bin's share.
        """
        import numpy as np
        from scipy.cluster.vq import kmeans2

        every = _features(volumes, edges)
        mean, spread = every.mean(axis=0), every.std(axis=0) + _LEAST
        centres, _ = kmeans2((every - mean) / spread, count, minit="++", rng=np.random.default_rng(seed))
        order = np.argsort(centres[:, len(edges)])
        names = tuple(f"cluster-{k}" for k in range(count))
        return cls(names, tuple(edges), mean, np.diag(1 / spread), centres[order])

    def weights(self, volume: np.ndarray) -> np.ndarray:
        """(z, g) float32 by which the groups' networks make each slice; they sum to 1.

        Args:
            volume: (z, y, x) numbers of the channel.
        """
        import numpy as np

        x = (features(volume, self.edges) - self.mean) @ self.scale
        nearest = ((x[:, None] - self.centres) ** 2).sum(axis=2).argmin(axis=1)
        one = np.eye(len(self.names), dtype=np.float32)[nearest]
        far = np.pad(one, ((len(_SAY) // 2,) * 2, (0, 0)), mode="edge")
        return sum(np.float32(say) * far[k : k + len(one)] for k, say in enumerate(_SAY))  # type: ignore[return-value]

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        import numpy as np

        arrays = {k: np.round(getattr(self, k), 6).tolist() for k in ("mean", "scale", "centres")}
        return {"names": list(self.names), "edges": list(self.edges), **arrays}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` gave.

        Raises:
            ValueError: they do not fit one another.
        """
        import numpy as np

        try:
            names, edges = tuple(facts["names"]), tuple(map(float, facts["edges"]))
            arrays = {k: np.asarray(facts[k], float) for k in ("mean", "scale", "centres")}
        except (KeyError, TypeError, ValueError):
            raise ValueError("a router needs names, edges, mean, scale and centres") from None
        count, f = len(names), len(edges) + 4
        if not count or [a.shape for a in arrays.values()] != [(f,), (f, f), (count, f)]:
            raise ValueError(f"the numbers of the router do not fit its {count} groups and {f} features")
        return cls(names, edges, **arrays)


def features(volume: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """(z, e + 4) of each slice: shares of the bins of intensity in what is shown, the mean step between neighbours in
    plane, the spread within the second to last bin, and in how many pieces the last bin lies.

    Args:
        volume: (z, y, x) numbers of a channel, -1 where nothing is shown; how much of that surrounds it says nothing.
        edges: (e,) between the bins.

    Example:
        >>> import numpy as np
        >>> half = np.full((1, 4, 4), -1.0)
        >>> half[0, :, 2:] = 0.5
        >>> features(half, (0.0, 0.4)).round(2).tolist()
        [[0.0, 0.0, 1.0, 0.0, 0.0, 1.0]]
    """
    import numpy as np
    from scipy.ndimage import label

    found = []
    for plane in np.asarray(volume, np.float32):
        there = plane > -1 + _NOTHING
        values = plane[there]
        bins = np.searchsorted(edges, values)
        shares = np.bincount(bins, minlength=len(edges) + 1) / max(len(values), 1)
        steps = np.concatenate([
            np.abs(np.diff(plane, axis=a))[np.delete(there, 0, a) & np.delete(there, -1, a)] for a in (0, 1)
        ])  # fmt: skip
        inner = values[bins == len(edges) - 1]
        varies = [part.size and function(part) for part, function in ((steps, np.mean), (inner, np.std))]
        found.append([*shares, *varies, label(there & (plane > edges[-1]))[1]])
    return np.array(found)


def _features(volumes: Sequence[np.ndarray], edges: Sequence[float]) -> np.ndarray:
    import numpy as np

    return np.concatenate([features(v, edges) for v in volumes])
