"""One comparison of the engine with what is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

NOT_COMPARABLE = "not comparable"
NO_EVIDENCE = "no evidence"
GROUPS = ("exact", "fitted", "tested, independent", NOT_COMPARABLE, NO_EVIDENCE)
_CERTAIN = 2.0  # a verdict stands where ours is so many standard errors away from the interval's ends
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
        evidence: False where the interval is this project's own estimate, or anything would lie in it.
        error: standard error of ours from the simulated patients' chance.
        seeds: how many of them ours is the mean over.
        of: what is judged, as `scenarios.validation.credibility.subject` calls outcomes; empty for what is none.
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
    evidence: bool = True
    error: float = 0.0
    seeds: int = 1
    of: str = ""

    @property
    def group(self) -> str:
        """One of `GROUPS`: what the row can say."""
        if self.kind == "exact":
            return "exact"
        if self.note.startswith(NOT_COMPARABLE):
            return NOT_COMPARABLE
        if not self.evidence:
            return NO_EVIDENCE
        return "tested, independent" if self.held_out else "fitted"

    @property
    def inside(self) -> bool | None:
        """Whether ours lies in the interval; None where they are not comparable, or chance could turn the verdict."""
        if self.group == NOT_COMPARABLE:
            return None
        slack = 1e-9 * max(1.0, abs(self.published))
        if min(abs(self.ours - self.low), abs(self.ours - self.high)) < _CERTAIN * self.error:
            return None
        return bool(self.low - slack <= self.ours <= self.high + slack)

    def as_dict(self) -> dict[str, Any]:
        """The row as plain values, as `rt-twin validate --json` prints it."""
        return {**asdict(self), "group": self.group, "inside": self.inside}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Row:
        """A row from what `as_dict` gives.

        Args:
            stored: plain values; what follows from the others is left out.
        """
        return cls(**{f.name: stored[f.name] for f in fields(cls)})


def joined(rows: Sequence[Row]) -> Row:
    """One row of the same row from several seeds: their mean, and its standard error.

    Args:
        rows: one a seed; the first one's words and interval are kept.
    """
    ours = np.array([row.ours for row in rows])
    error = float(ours.std(ddof=1) / np.sqrt(len(ours))) if len(ours) > 1 else 0.0
    return replace(rows[0], ours=float(ours.mean()), error=error, seeds=len(rows))


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
