"""Dose volumes, and the fractions that delivered them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from twin.inputs.quantities import DatedTime, DeliveredGray
from twin.volume import Volume

# How a dose was calculated: by a planning system and imported; as a plan optimised here, by superposition; or by the
# quick approximation from a prescription.
Method = Literal["planning system", "fluence plan", "approximate"]
_SAID = "RT-Twin: "  # begins what exported files say of a dose's method


def method_words(method: str) -> str:
    """What an exported dose says of its method, at most 64 characters.

    Args:
        method: of a dose; several joined by "and".
    """
    return f"{_SAID}{method}"[:64]


def least_method(words: Iterable[str]) -> Method:
    """The method that knows least of those that files name; files of others come from a planning system.

    Args:
        words: of each file; other programs' may hold anything.

    Example:
        >>> least_method([method_words("planning system and fluence plan")]), least_method(["approximate"])
        ('fluence plan', 'planning system')
    """
    own = [text for text in words if text.startswith(_SAID)]
    for method in ("approximate", "fluence plan"):
        if any(method in text for text in own):
            return method
    return "planning system"


@dataclass(frozen=True, eq=False)
class DoseGrid:
    """A dose distribution in Gy for a whole prescription.

    Args:
        name: how fractions refer to it, e.g. "60/30".
        volume: Gy on any grid of the patient's frame.
        prescription_gy: the dose that the target was prescribed in this grid, Gy.
        method: how it was calculated.
        fractions: of that prescription; None where no plan states one prescription for one target, so that it is not
            known what the dose is of.
    """

    name: str
    volume: Volume
    prescription_gy: float
    method: Method = "planning system"
    fractions: int | None = None

    @property
    def approximate(self) -> bool:
        """Computed by this software from the prescription, not by a planning system."""
        return self.method != "planning system"

    @property
    def fraction_gy(self) -> float | None:
        """Dose of one fraction to the target, Gy; None where the fractions are not known."""
        return self.prescription_gy / self.fractions if self.fractions else None


@dataclass(frozen=True)
class Fraction:
    """One delivered fraction.

    Args:
        time_days: when, in days from day 0 at 00:00 (09:00 on day 0 is 0.375).
        dose_gy: dose prescribed to the target in this fraction, Gy.
        grid: name of the `DoseGrid` that it delivered, or None where only the prescription is known.
        scale: this fraction's share of that grid.
    """

    time_days: DatedTime
    dose_gy: DeliveredGray
    grid: str | None = None
    scale: float = 0.0
