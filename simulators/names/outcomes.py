"""Outcome models by name."""

from __future__ import annotations

from models.registry import Registry
from simulators.core.outcome import OutcomeModel

OUTCOMES = Registry("outcome model", "outcomes", "simulators.outcome")  # name -> a class without arguments
OUTCOMES_BY_DEFAULT = "calibrated"


def outcome_model_named(name: str) -> OutcomeModel:
    """The outcome model of a name.

    Args:
        name: one of `OUTCOMES`.

    Raises:
        InputError: the name is unknown.
    """
    return OUTCOMES[name]()
