"""What an attack came to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Found:
    """What the calls came to."""

    refused: int = 0
    taken: int = 0
    peak_mb: float = 0.0
    longest_s: float = 0.0
    wrong: list[str] = field(default_factory=list)
    kinds: Counter = field(default_factory=Counter)

    def words(self) -> str:
        """One line for a person."""
        return (
            f"{self.refused + self.taken + len(self.wrong)} calls: {self.refused} refused with a sentence, "
            f"{self.taken} taken, {len(self.wrong)} wrong; peak {self.peak_mb:.0f} MB, longest {self.longest_s:.1f} s; "
            + ", ".join(f"{kind} {n}" for kind, n in sorted(self.kinds.items()))
        )
