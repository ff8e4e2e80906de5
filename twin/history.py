"""What was changed in a twin after it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from twin.observation import Observation


@dataclass(frozen=True)
class Change:
    """One change, and what is needed to take it back.

    Args:
        kind: what was done.
        words: the same for a person; old values stand in it.
        now_days: where the patient stood before, days from day 0.
        fractions: how many fractions were added.
        doses: names of the dose grids that were added.
        observation: what was observed.
        scan: name of the simulated scan that was added.
        organ: which was rejected or replaced.
        set_aside: an estimate of it was there before.
        undone: it was taken back later.
    """

    kind: Literal["deliver", "observe", "edit", "scan", "organ", "undo"]
    words: str
    now_days: float = 0.0
    fractions: int = 0
    doses: tuple[str, ...] = ()
    observation: Observation | None = None
    scan: str | None = None
    undone: bool = False
    organ: str | None = None
    set_aside: bool = False
