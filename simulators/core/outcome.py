"""Outcome models: what a treated tumour and irradiated organs mean for the patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from simulators.core.course import Course
from simulators.core.kinetics import Params
from twin import PatientTwin

HOT = 60.0 / 65.0  # of the prescription: V60 of patients who had 65 Gy
HOTTEST = 0.05  # share of an organ: some 2 cm3 of an oesophagus of 40


@dataclass(frozen=True, eq=False)
class Treated:
    """One plan's effect on the tumour, in every sample of a patient.

    Args:
        twin: the patient.
        samples: parameter -> (n,) of the belief.
        courses: (n,) what was done, one for each sample.
        survivors: (n,) clonogens that survive the course; nan where there was none.
        seed: root of all chance.
        relative: dose grid -> (bins,) dose over prescription in the tumour; the prescription everywhere without it.
        bin_fraction: (bins,) share of the tumour in each bin.
    """

    twin: PatientTwin
    samples: Params
    courses: Sequence[Course]
    survivors: np.ndarray
    seed: int
    relative: Mapping[str, np.ndarray] = field(default_factory=dict)
    bin_fraction: np.ndarray | float = 1.0

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
        metric: the number that the probability takes: mean_gy, hot (share of the organ that gets `HOT` of the
            prescription or more), or geud_gy with `volume_effect`.
        probability: metric -> probability.
        source: who published it.
        volume_effect: n of the generalised mean dose.
        missing: what has to be known of the patient before there is a probability; empty where all is.
        alpha_beta_gy: of the EQD2 that the metric is made from, Gy.
        by_dose, by_time: course -> what its dose adds to the log odds where the organ gets the whole dose; and its
            time, with the SD between trials; None where they do not count, or in the metric.
        alone: what is added to the log odds without concurrent drugs.
        unsure: metric and (n, 2) standard normal draws of the fit's coefficients -> what they add to the log odds; None
            where the source does not say how sure it was.
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
    alpha_beta_gy: float = 3.0  # tissue that reacts late
    by_dose: Callable[[Course], float] | None = None
    by_time: Callable[[Course], tuple[float, float]] | None = None
    alone: float = 0.0
    unsure: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None

    def risk(
        self,
        metric: np.ndarray,
        reach: np.ndarray,
        courses: Sequence[Course],
        *,
        hurry: np.ndarray | float = 0.0,
        concurrent: bool = True,
        coefficients: np.ndarray | None = None,
    ) -> np.ndarray:
        """The probability after a course.

        Args:
            metric: (..., n) of the organ's EQD2.
            reach: (..., n) dose of the organ's hottest part (`HOTTEST` of it) over that prescribed, at most 1.
            courses: (n,) what was given, or (1,).
            hurry: (n,) standard normal draws of what the time adds, or 0 for its mean.
            concurrent: with concurrent drugs.
            coefficients: (n, 2) draws for `unsure`, or None for the coefficients as they were printed.
        """
        log_odds = np.array(0.0 if concurrent else self.alone)
        each = {id(course): course for course in courses}  # samples of an open loop share one
        if self.by_dose is not None:
            of_dose = {key: self.by_dose(course) for key, course in each.items()}
            log_odds = log_odds + reach * np.array([of_dose[id(course)] for course in courses])
        if self.by_time is not None:
            of_time = {key: self.by_time(course) for key, course in each.items()}
            mean, sd = np.array([of_time[id(course)] for course in courses]).T
            log_odds = log_odds + reach * (mean + hurry * sd)
        if self.unsure is not None and coefficients is not None:
            log_odds = log_odds + self.unsure(metric, coefficients)
        return shifted(self.probability(metric), log_odds)


def shifted(probability: np.ndarray, log_odds: np.ndarray | float) -> np.ndarray:
    """Probabilities with something added to their log odds; untouched where that is 0.

    Args:
        probability: 0 to 1.
        log_odds: what is added; broadcasts.

    Example:
        >>> round(float(shifted(np.array(0.18), np.log(0.04 / 0.96 / (0.18 / 0.82)))), 4)
        0.04
    """
    from scipy.special import expit, logit

    return np.where(np.asarray(log_odds) == 0.0, probability, expit(logit(probability) + log_odds))


@dataclass(frozen=True, eq=False)
class LifeTimes:
    """Days from day 0 of what happens to each sample; infinite where it never does.

    Args:
        local: local failure.
        distant: distant failure.
        death: death of any cause.
        cause: index into `CAUSES` of that death.
        regional: failure in nodes or elsewhere in the chest; None where the model does not tell it from distant ones.
    """

    local: np.ndarray
    distant: np.ndarray
    death: np.ndarray
    cause: np.ndarray
    regional: np.ndarray | None = None

    CAUSES = ("cancer", "treatment", "other")

    @property
    def places(self) -> Mapping[str, np.ndarray]:
        """Place -> day of failure there, whatever else happens; only places that the model tells apart."""
        elsewhere = {} if self.regional is None else {"regional": self.regional}
        return {"local": self.local, **elsewhere, "distant": self.distant}

    @property
    def progression(self) -> np.ndarray:
        """First failure or death."""
        return np.minimum.reduce([*self.places.values(), self.death])

    def alive(self, day: float | np.ndarray) -> np.ndarray:
        """Whether alive at a day.

        Args:
            day: from day 0; broadcasts to the samples.
        """
        return self.death > day

    def failed(self, place: str, day: float | np.ndarray) -> np.ndarray:
        """Whether a failure was seen by a day, before death.

        Args:
            place: of `places`.
            day: from day 0; broadcasts to the samples.
        """
        there = self.places[place]
        return (there <= day) & (there <= self.death)


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
