"""One comparison of the engine with what is known."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

NOT_COMPARABLE = "not comparable"
_Z = 1.96


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        name: what is compared.
        source: who published it, or the formula.
        kind: "exact" (arithmetic) or "clinical".
        published: the published number.
        low, high: its interval; for a predictive band the note says so.
        ours: this engine's number.
        held_out: False where the engine was calibrated on it.
        note: what was learned, or "not comparable" with the reason.
    """

    name: str
    source: str
    kind: Literal["exact", "clinical"]
    published: float
    low: float
    high: float
    ours: float
    held_out: bool = True
    note: str = ""

    @property
    def inside(self) -> bool | None:
        """Whether ours lies in the interval; None where the two are not comparable."""
        if self.note.startswith(NOT_COMPARABLE):
            return None
        slack = 1e-9 * max(1.0, abs(self.published))
        return bool(self.low - slack <= self.ours <= self.high + slack)

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, as `rt-twin validate --json` prints it."""
        return {**asdict(self), "inside": self.inside}


def share_row(name: str, source: str, published: float, n: int, ours: float, **more) -> Row:
    """A percentage with the binomial interval of its n patients.

    Args:
        name: what is compared.
        source: who published it.
        published: the percentage.
        n: patients behind it.
        ours: this engine's percentage.
        **more: further fields of the row.
    """
    half = 100 * _Z * np.sqrt(published / 100 * (1 - published / 100) / n)
    return Row(
        name, source, "clinical", published, max(0.0, published - half), published + half, ours, **more
    )


def median_row(name: str, source: str, published: float, n: int, ours: float, **more) -> Row:
    """A median survival in months; the interval is that of an exponential with n deaths.

    Args:
        name: what is compared.
        source: who published it.
        published: the median, months.
        n: deaths behind it.
        ours: this engine's median, months.
        **more: further fields of the row.
    """
    factor = float(np.exp(_Z / np.sqrt(n)))
    return Row(name, source, "clinical", published, published / factor, published * factor, ours, **more)
