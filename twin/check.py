"""One item of what an import looks at before its numbers are trusted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One item that was checked.

    Args:
        name: what was looked at.
        passed: it is as it should be.
        words: what was found; where it failed, also what to check.
    """

    name: str
    passed: bool
    words: str
