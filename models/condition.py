"""A condition: one number that a translation is told, and that may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np

_LOG_OFFSET = 0.05  # of the mean, added before a logarithm


class Condition(BaseModel):
    """One number of a vector, nan where it is missing, and how it comes to mean 0 and variance 1.

    Args:
        name: by which it is known.
        mean, spread: over the examples, of its logarithm where one is taken.
        log_offset: is added before the logarithm; negative where none is taken.
        telling: that it is missing means something, so that a training never takes it away alone.
        group: of conditions that are hidden together, or "".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    mean: float = 0.0
    spread: float = 1.0
    log_offset: float = -1.0
    telling: bool = False
    group: str = ""

    def fitted(self, values: np.ndarray) -> Self:
        """The condition as some examples have it, with a logarithm where that is the less skewed.

        Args:
            values: (n,), nan where missing.

        Example:
            >>> import numpy as np
            >>> Condition(name="dose").fitted(np.array([1.0, 10.0, 100.0, np.nan])).log_offset
            1.85
        """
        import numpy as np

        known = np.asarray(values, dtype=np.float64)
        known = known[np.isfinite(known)]
        if not known.size:
            return self
        offset = -1.0
        if known.min() >= 0 and known.max() > 0:
            candidate = _LOG_OFFSET * float(known.mean())
            if abs(_skewness(np.log(known + candidate))) < abs(_skewness(known)):
                offset = candidate
        used = np.log(known + offset) if offset > 0 else known
        change = {
            "mean": float(used.mean()),
            "spread": max(float(used.std()), 1e-3),
            "log_offset": round(offset, 9),
        }
        return self.model_copy(update=change)

    def standing(self, value: float) -> float:
        """How many spreads a value lies from the mean of what was learned.

        Args:
            value: of the condition.
        """
        import numpy as np

        used = np.log(value + self.log_offset) if self.log_offset > 0 else value
        return float((used - self.mean) / self.spread)


def fitted(conditions: Sequence[Condition], vectors: np.ndarray) -> tuple[Condition, ...]:
    """Conditions as some examples have them.

    Args:
        conditions: f of them.
        vectors: (n, f), nan where missing.
    """
    return tuple(c.fitted(column) for c, column in zip(conditions, vectors.T, strict=True))


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 1e-9 else 0.0
