"""Tumour models by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.kinetics import TumourModel

KINETICS = Registry("kinetics", "kinetics", "simulators.kinetics")  # name -> a class without arguments


def kinetics_named(name: str) -> TumourModel:
    """The tumour model of a name.

    Args:
        name: one of `KINETICS`.

    Raises:
        InputError: the name is unknown.
    """
    return KINETICS[name]()
