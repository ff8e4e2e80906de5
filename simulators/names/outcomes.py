"""Outcome models by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.outcome import OutcomeModel

OUTCOMES = Registry("outcome model", "outcomes", "simulators.outcome")  # name -> a class without arguments
OUTCOMES_BY_DEFAULT = "calibrated"

_PARTS = ("name", "notes", "control", "local_days", "expected", "complications", "lives")


def outcome_model_named(name: str | OutcomeModel) -> OutcomeModel:
    """The outcome model of a name; a model that is given itself is taken as it is.

    Args:
        name: one of `OUTCOMES`, or a model.

    Raises:
        InputError: the name is unknown, or what was given is no outcome model.
    """
    return OUTCOMES.made(name, _PARTS)
