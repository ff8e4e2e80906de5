"""What outcomes, intervals and plans are called wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from scenarios.plans.plan import sentence
from scenarios.plans.scenario import Scenario
from scenarios.records.schema import OUTCOMES
from scenarios.study.parts import Study
from twin.errors import InputError


def interval_name(level: float, samples: int) -> str:
    """How the interval of a volume over time is named.

    Args:
        level: share of the samples within, 0 to 1.
        samples: how many there are.

    Example:
        >>> interval_name(0.8, 200)
        '80 % predictive interval, n = 200'
    """
    return f"{100 * level:g} % predictive interval, n = {samples}"


def readable(outcome: str) -> str:
    """An outcome's name for people.

    Args:
        outcome: its name in the tables.

    Example:
        >>> readable("mean_heart_dose"), readable("new_risk_2y")
        ('Mean heart dose', 'New risk at 2 years')
    """
    words = outcome.replace("_", " ").replace(" 2y", " at 2 years")
    return OUTCOMES.get(outcome, words[0].upper() + words[1:])


def plan_labels(study: Study) -> dict[str, str]:
    """Slug -> label of a study's plans.

    Args:
        study: the study.

    Raises:
        InputError: its record holds scenarios that cannot be.
    """
    try:
        scenarios = [Scenario.model_validate(raw) for raw in study.record.scenarios]
    except ValidationError as error:
        raise InputError(f"study.json is broken: a scenario in it cannot be: {sentence(error)}") from None
    return {s.slug: s.label for s in scenarios}


def in_words(names: Sequence[str]) -> str:
    """A list as a sentence has it.

    Args:
        names: one or more.

    Example:
        >>> in_words(["60/30", "55/20", "none"])
        '60/30, 55/20 and none'
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
