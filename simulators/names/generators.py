"""Generators of follow-up CTs by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.treatment import VirtualTreatment
from twin import InputError

AUTO = "auto"
GENERATORS = Registry("generator", "generators", "simulators.treatment")  # name -> a class without arguments


def generator_named(name: str) -> VirtualTreatment:
    """The generator of a name.

    Args:
        name: `auto` (the shipped learned one inside its domain, else the mechanistic one), one of `GENERATORS`
            (`mechanistic`; `copy`, the last scan again, the yardstick of all others; those of other packages), the name
            of weights, or a folder of weights.

    Raises:
        InputError: the name is unknown, or its libraries are not installed.
    """
    if name in GENERATORS:
        return GENERATORS[name]()
    if name == AUTO:
        from simulators.learned.fallback import automatic  # loads numba

        return automatic()
    from simulators.learned.treatment import learned_treatment

    try:
        return learned_treatment(name)
    except InputError as error:
        others = ", ".join([AUTO, *GENERATORS])
        raise InputError(f"unknown generator {name!r}: {error}; these need no weights: {others}") from None
