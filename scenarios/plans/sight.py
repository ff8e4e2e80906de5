"""What a policy may look at beside measurements: the images and doses of the day, made when it asks for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from twin import Volume


@dataclass(frozen=True, eq=False)
class SeenDose:
    """A dose, and where the tissue of each structure lies in it.

    A structure is one of the plan, by its name, "Lungs-GTV", or "target": the CTV, else the ITV, else the GTVs, as it
    was drawn on day 0 and carried along by the tissue.

    Args:
        volume: Gy, of the whole course.
        prescription_gy: of the plan, Gy.
        tissue: structure -> (n, 3) LPS mm of even points of it.
    """

    volume: Volume
    prescription_gy: float
    tissue: Callable[[str], np.ndarray]

    def at(self, structure: str) -> np.ndarray:
        """(n,) dose at even points of a structure, Gy.

        Args:
            structure: its name.

        Raises:
            InputError: there is none of that name.
        """
        from simulators.dose.accumulation import dose_at  # loads numba

        return dose_at(self.volume, self.tissue(structure))

    def d(self, structure: str, percent: float) -> float:
        """The least dose in the hottest part of a structure, Gy: D95 is `d("target", 95)`.

        Args:
            structure: its name.
            percent: of its volume.
        """
        return float(np.percentile(self.at(structure), 100.0 - percent))

    def mean_gy(self, structure: str) -> float:
        """The mean dose of a structure, Gy.

        Args:
            structure: its name.
        """
        return float(self.at(structure).mean())


class Images(Protocol):
    """The images and doses of one day of one patient."""

    @property
    def scan(self) -> Volume:
        """The region of the CT that changed, without a scanner."""
        ...

    @property
    def gtv(self) -> Volume:
        """The tumour drawn on it."""
        ...

    @property
    def ct(self) -> Volume:
        """The CT of the day, acquired or made of a cone-beam CT."""
        ...

    @property
    def dose_of_day(self) -> SeenDose:
        """The plan in use on that CT."""
        ...

    @property
    def accumulated(self) -> SeenDose:
        """What was given so far, on the anatomy of day 0."""
        ...
