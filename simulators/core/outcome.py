"""Outcome models: what a treated tumour and irradiated organs mean for the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulators.core.course import Course
from simulators.core.kinetics import Params
from twin import PatientTwin


@dataclass(frozen=True, eq=False)
class Treated:
    """One plan's effect on the tumour, in every sample of a patient.

    Args:
        twin: the patient.
        samples: parameter -> (n,) of the belief.
        courses: (n,) what was done, one for each sample.
        survivors: (n,) clonogens that survive the course; nan where there was none.
        seed: root of all chance.
    """

    twin: PatientTwin
    samples: Params
    courses: Sequence[Course]
    survivors: np.ndarray
    seed: int

    @property
    def end_days(self) -> np.ndarray:
        """(n,) time of the last fraction, days."""
        return np.array([course.end_days for course in self.courses])


@dataclass(frozen=True)
class Complication:
    """One dose-effect relation.

    Args:
        name: key of the outcome.
        endpoint: what is counted.
        grade: and from which grade on; "symptomatic" where the source has no number.
        window: when, after what.
        organ: DVH it is read from.
        metric: the number that the probability takes: mean_gy, v60 (fraction), or geud_gy with `volume_effect`.
        probability: metric -> probability.
        source: who published it.
        volume_effect: n of the generalised mean dose.
        missing: what has to be known of the patient before there is a probability; empty where all is.
    """

    name: str
    endpoint: str
    grade: str
    window: str
    organ: str
    metric: str
    probability: Callable[[np.ndarray], np.ndarray]
    source: str
    volume_effect: float = 1.0
    missing: str = ""


@dataclass(frozen=True, eq=False)
class LifeTimes:
    """Days from day 0 of what happens to each sample; infinite where it never does.

    Args:
        local: local failure.
        distant: distant failure.
        death: death of any cause.
        cause: index into `CAUSES` of that death.
    """

    local: np.ndarray
    distant: np.ndarray
    death: np.ndarray
    cause: np.ndarray

    CAUSES = ("cancer", "treatment", "other")

    @property
    def progression(self) -> np.ndarray:
        """First failure or death."""
        return np.minimum(np.minimum(self.local, self.distant), self.death)

    def alive(self, day: float | np.ndarray) -> np.ndarray:
        """Whether alive at a day.

        Args:
            day: from day 0; broadcasts to the samples.
        """
        return self.death > day

    def failed_locally(self, day: float | np.ndarray) -> np.ndarray:
        """Whether a local failure was seen by a day, before death.

        Args:
            day: from day 0; broadcasts to the samples.
        """
        return (self.local <= day) & (self.local <= self.death)


class OutcomeModel(Protocol):
    """What a comparison can be asked to judge its plans by."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def notes(self) -> Mapping[str, str]:
        """What `control`, `local_control` and `survival` rest on, a few words each, for the reader of a table."""
        ...

    def control(self, treated: Treated) -> np.ndarray:
        """(n,) probability that the tumour never comes back.

        Args:
            treated: what the plan left of the tumour.
        """
        ...

    def local_days(self, treated: Treated) -> np.ndarray:
        """(n,) day of local failure whatever else happens, counted from day 0; infinite where there is none.

        Args:
            treated: what the plan left of the tumour.
        """
        ...

    def expected(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Outcome -> (n,) probabilities, an expected value in each draw of the population; empty where there is none.

        They take the place of the shares of samples, and their spread is what the model does not know.

        Args:
            treated: what the plan left of the tumour.
            harm: as for `lives`.
        """
        ...

    def complications(self, twin: PatientTwin) -> Sequence[Complication]:
        """The dose-effect relations that hold for a patient.

        Args:
            twin: the patient.
        """
        ...

    def lives(self, treated: Treated, harm: Mapping[str, np.ndarray]) -> LifeTimes:
        """Failure and death in each sample.

        Args:
            treated: what the plan left of the tumour.
            harm: outcome -> (n,) what is known of the plan's dose to organs and of its complications.

        Raises:
            InputError: the clinical record lacks what survival needs.
        """
        ...
