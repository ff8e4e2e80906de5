"""A generator inside its domain, and the mechanistic one outside it, which says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from simulators.core.treatment import FollowUp, TreatmentRequest, VirtualTreatment
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import InputError

DEFAULT = "bridge"


@dataclass(frozen=True, eq=False)
class FallbackTreatment:
    """A `VirtualTreatment` that takes the preferred generator where it can, else the mechanistic one.

    Each follow-up names what made it, and one that fell back carries the reason.

    Args:
        load: gives the generator of choice, or raises InputError where there is none; called when an image is wanted.
        name: of this generator.
    """

    load: Callable[[], VirtualTreatment]
    name: str = "auto"
    _mechanistic: MechanisticTreatment = field(default_factory=MechanisticTreatment)

    def domain(self, request: TreatmentRequest) -> str | None:
        """Outside lies what neither generator can make."""
        return None if self._why_not(request) is None else self._mechanistic.domain(request)

    def generate(self, requests: Sequence[TreatmentRequest]) -> list[FollowUp]:
        """The follow-ups, in order; each depends on its own request only."""
        reasons = [self._why_not(r) for r in requests]
        inside = [r for r, why in zip(requests, reasons, strict=True) if why is None]
        preferred = self._preferred[0] if inside else None
        made = iter(() if preferred is None else preferred.generate(inside))
        return [
            next(made) if why is None else replace(self._mechanistic.generate([request])[0], fallback=why)
            for request, why in zip(requests, reasons, strict=True)
        ]

    @cached_property
    def _preferred(self) -> tuple[VirtualTreatment | None, str]:
        """The generator of choice, or None and why there is none."""
        try:
            return self.load(), ""
        except InputError as error:
            return None, str(error)

    def _why_not(self, request: TreatmentRequest) -> str | None:
        """Why the generator of choice is not taken, or None."""
        preferred, missing = self._preferred
        if preferred is None:
            return missing
        why = preferred.domain(request)
        return None if why is None else f"{preferred.name}: {why}"


def automatic(name: str = DEFAULT) -> FallbackTreatment:
    """The learned generator of a name inside its domain; without torch or weights, the mechanistic one everywhere."""
    from simulators.learned.treatment import learned_treatment

    return FallbackTreatment(lambda: learned_treatment(name))
