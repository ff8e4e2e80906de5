"""Virtual scanners: an image of a modality that nobody acquired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from simulators.core.chance import Key
from simulators.core.treatment import FollowUp
from twin import Volume


class VirtualScanner(Protocol):
    """Makes scans of one modality from follow-ups."""

    @property
    def name(self) -> Literal["pet"]:
        """The kind of its images in a run."""
        ...

    def scan(self, followups: Sequence[FollowUp], keys: Sequence[Key]) -> list[Volume]:
        """One volume for each follow-up, in order."""
        ...
