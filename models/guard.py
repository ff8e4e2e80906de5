"""How far something is from what was learned: an autoencoder of numbers, and what they tell of how it was taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np

_KEPT = 0.95  # of the variance
_FOLDS = 10
_QUANTILE = 0.95
_LEAST = 1e-6  # of a limit, where all are alike
_CUT = 20.0  # standard deviations beyond which one number says no more
_RIDGE = 1.0  # of readings, in scans
_CLEAR = 0.7  # correlation with the truth that a reading has in unseen patients: the square is a half
PATTERN = "pattern"  # the numbers break it, or go beyond what was learned of it


@dataclass(frozen=True, eq=False)
class Guard:
    """A linear autoencoder, and linear readings of how a scan was taken; each part with its limit.

    What the autoencoder cannot say with a code of the range that was learned is left over; but one sum over all numbers
    hides what shows in a few. So each reading (ridge regression on the numbers: of motion by blur, of the kernel by
    grain) is told from the middle of the range that was learned; one that reads unseen patients badly is left out,
    since it would only spend alarms. Each part is taken in multiples of its own 95th percentile over patients that it
    had not seen (by cross-fitting, so that nobody is lost); the distance is the largest part, over the 95th percentile
    of the largest.

    Args:
        mean, spread: (f,) of the numbers.
        basis: (k, f) of the code.
        low, high: (k,) range of the code.
        readings: what is read.
        weights: (r, f) of the readings, on numbers in units of their spread.
        offset: (r,) what is read where all numbers are as on average, from the middle of the range.
        limits: (1 + r,) the percentiles: of what is left, and of the readings.
    """

    mean: np.ndarray
    spread: np.ndarray
    basis: np.ndarray
    low: np.ndarray
    high: np.ndarray
    readings: tuple[str, ...]
    weights: np.ndarray
    offset: np.ndarray
    limits: np.ndarray

    @classmethod
    def fitted(
        cls, values: np.ndarray, patients: Sequence[str], taken: Mapping[str, np.ndarray] | None = None
    ) -> Self:
        """Of the numbers of some scans.

        Args:
            values: (n, f), nan where missing.
            patients: (n,) whose each is.
            taken: what is known of how each was taken, by what it is called: (n,).
        """
        import numpy as np

        known = {k: np.asarray(v, float) for k, v in (taken or {}).items()}
        names = sorted(set(patients))
        fold = np.array([names.index(p) % _FOLDS for p in patients])
        parts, read = np.zeros((len(values), 1 + len(known))), np.zeros((len(values), len(known)))
        for k in np.unique(fold):
            unseen = fold == k
            if unseen.all():
                continue
            seen = cls._of(values[~unseen], {name: v[~unseen] for name, v in known.items()})
            parts[unseen], read[unseen] = seen.parts(values[unseen]), seen.read(values[unseen])
        clear = [name for name, told in zip(known, read.T, strict=True) if _alike(told, known[name]) > _CLEAR]
        parts = parts[:, [0, *(1 + list(known).index(name) for name in clear)]]
        limits = np.maximum(np.quantile(parts, _QUANTILE, axis=0), _LEAST)
        largest = float(np.quantile((parts / limits).max(axis=1), _QUANTILE))
        guard = cls._of(values, {name: known[name] for name in clear})
        return replace(guard, limits=limits * max(largest, 1.0))

    @classmethod
    def _of(cls, values: np.ndarray, taken: Mapping[str, np.ndarray]) -> Self:
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
        y = np.stack(list(taken.values()), axis=1) if taken else np.zeros((len(x), 0))
        average = y.mean(axis=0)
        weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ (y - average)).T
        offset = average - (y.min(axis=0) + y.max(axis=0)) / 2
        return cls(
            mean, spread, basis, codes.min(axis=0), codes.max(axis=0),
            tuple(taken), weights, offset, np.ones(1 + len(taken)),
        )  # fmt: skip

    def distance(self, values: np.ndarray) -> np.ndarray:
        """(n,) in multiples of the 95th percentile of unseen patients of the same kind.

        Args:
            values: (n, f), nan where missing.
        """
        return self.parts(values).max(axis=1)

    def furthest(self, values: np.ndarray) -> list[str]:
        """By what each is furthest: the name of a reading, or `PATTERN`.

        Args:
            values: (n, f), nan where missing.
        """
        names = (PATTERN, *self.readings)
        return [names[k] for k in self.parts(values).argmax(axis=1)]

    def parts(self, values: np.ndarray) -> np.ndarray:
        """(n, 1 + r) what is left, and how far each reading lies from the middle; over their limits.

        Args:
            values: (n, f), nan where missing.
        """
        import numpy as np

        x = self._scaled(values)
        code = np.clip(x @ self.basis.T, self.low, self.high)
        left = np.sqrt(((x - code @ self.basis) ** 2).mean(axis=1))
        return np.column_stack([left / self.limits[0], np.abs(self.read(values))])

    def read(self, values: np.ndarray) -> np.ndarray:
        """(n, r) the readings, from the middle of the range that was learned, over their limits.

        Args:
            values: (n, f), nan where missing.
        """
        return (self._scaled(values) @ self.weights.T + self.offset) / self.limits[1:]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.clip(np.nan_to_num((values - self.mean) / self.spread), -_CUT, _CUT)

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        import numpy as np

        return {k: np.round(v, 6).tolist() for k, v in vars(self).items() if k != "readings"} | {
            "readings": list(self.readings)
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """What `facts` gave; a guard of an earlier version has one limit and no readings."""
        import numpy as np

        if "limit" in facts:
            none: dict[str, Any] = {"readings": [], "weights": [], "offset": []}
            kept = {k: v for k, v in facts.items() if k != "limit"}
            facts = kept | none | {"limits": [facts["limit"]]}
        arrays = {k: np.asarray(v, float) for k, v in facts.items() if k != "readings"}
        arrays["weights"] = arrays["weights"].reshape(-1, arrays["mean"].size)
        return cls(**arrays, readings=tuple(facts["readings"]))


def _alike(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation, 0 where one is all alike."""
    import numpy as np

    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-12))
