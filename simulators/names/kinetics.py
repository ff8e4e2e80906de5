"""Tumour models by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.kinetics import TumourModel

KINETICS = Registry("kinetics", "kinetics", "simulators.kinetics")  # name -> a class without arguments

_PARTS = ("name", "believed", "dose_bins", "field")


def kinetics_named(name: str | TumourModel) -> TumourModel:
    """The tumour model of a name; a model that is given itself is taken as it is.

    Args:
        name: one of `KINETICS`, or a model.

    Raises:
        InputError: the name is unknown, or what was given is no tumour model.
    """
    return KINETICS.made(name, _PARTS)
