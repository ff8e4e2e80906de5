"""How far something is from what was learned: an autoencoder of numbers, whose code is held to the range learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np

_KEPT = 0.95  # of the variance
_FOLDS = 10
_QUANTILE = 0.95
_LEAST = 1e-6  # of the limit, where all are alike
_CUT = 20.0  # standard deviations beyond which one number says no more


@dataclass(frozen=True, eq=False)
class Guard:
    """A linear autoencoder with its limit.

    What it cannot say with a code of the range that was learned is left over; the distance is what is left, over the
    95th percentile of what is left of patients that it had not seen (by cross-fitting, so that nobody is lost).

    Args:
        mean, spread: (f,) of the numbers.
        basis: (k, f) of the code.
        low, high: (k,) range of the code.
        limit: the percentile.
    """

    mean: np.ndarray
    spread: np.ndarray
    basis: np.ndarray
    low: np.ndarray
    high: np.ndarray
    limit: float

    @classmethod
    def fitted(cls, values: np.ndarray, patients: Sequence[str]) -> Self:
        """Of the numbers of some scans.

        Args:
            values: (n, f), nan where missing.
            patients: (n,) whose each is.
        """
        import numpy as np

        names = sorted(set(patients))
        fold = np.array([names.index(p) % _FOLDS for p in patients])
        left = np.zeros(len(values))
        for k in np.unique(fold):
            unseen = fold == k
            if unseen.all():
                continue
            left[unseen] = cls._of(values[~unseen])._left(values[unseen])
        return cls._of(values, max(float(np.quantile(left, _QUANTILE)), _LEAST))

    @classmethod
    def _of(cls, values: np.ndarray, limit: float = 1.0) -> Self:
        import numpy as np

        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)  # a number that is missing everywhere says nothing
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(axis=0) / count)
        spread = np.maximum(spread, 1e-3 * (1 + np.abs(mean)))
        x = np.nan_to_num((values - mean) / spread)
        _, sizes, basis = np.linalg.svd(x, full_matrices=False)
        share = np.cumsum(sizes**2) / max(float((sizes**2).sum()), 1e-12)
        basis = basis[: int(np.searchsorted(share, _KEPT)) + 1]
        codes = x @ basis.T
        return cls(mean, spread, basis, codes.min(axis=0), codes.max(axis=0), limit)

    def distance(self, values: np.ndarray) -> np.ndarray:
        """(n,) in multiples of the 95th percentile of unseen patients of the same kind.

        Args:
            values: (n, f), nan where missing.
        """
        return self._left(values) / self.limit

    def _left(self, values: np.ndarray) -> np.ndarray:
        import numpy as np

        x = np.clip(np.nan_to_num((values - self.mean) / self.spread), -_CUT, _CUT)
        code = np.clip(x @ self.basis.T, self.low, self.high)
        return np.sqrt(((x - code @ self.basis) ** 2).mean(axis=1))

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        import numpy as np

        arrays = {k: v for k, v in vars(self).items() if k != "limit"}
        return {k: np.round(v, 5).tolist() for k, v in arrays.items()} | {"limit": self.limit}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` gave."""
        import numpy as np

        arrays = {k: np.asarray(v, float) for k, v in facts.items() if k != "limit"}
        return cls(**arrays, limit=float(facts["limit"]))
