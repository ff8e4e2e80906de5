"""What a study asks for."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scenarios.comparison.outcomes import LANDMARKS
from scenarios.records.assumptions import Assumed, told
from simulators.belief.prior import CLINICAL, PriorSet
from simulators.core.kinetics import TumourModel
from simulators.core.outcome import OutcomeModel
from simulators.kinetics.standard import StandardTumour
from simulators.outcome.calibrated import CalibratedOutcomes
from twin.inputs.bounds import check_fields
from twin.inputs.quantities import Horizon, Samples, Seed, SomeSamples


@dataclass(frozen=True)
class Settings:
    """What a study asks for of each patient.

    Args:
        days: how far to look, days from day 0.
        samples: samples of each patient's belief.
        seed: root of all chance.
        level: of the central intervals.
        image_samples: samples of each twin that get follow-up images.
        generator: of these images.
        prior: of the tumour; the truth of a patient without images is drawn from it too.
        kinetics: tumour model; patients without images have the standard one, with any parameters.
        outcomes: outcome model; patients without images have the calibrated one, with any parameters.

    Raises:
        InputError: a number that cannot be.
    """

    days: Horizon
    samples: Samples
    seed: Seed
    level: float = 0.8
    image_samples: SomeSamples = 0
    generator: str = "auto"
    prior: PriorSet = CLINICAL
    kinetics: TumourModel = field(default_factory=StandardTumour)
    outcomes: OutcomeModel = field(default_factory=CalibratedOutcomes)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def assumptions(self) -> Assumed:
        """What is not usual in prior and models."""
        return told(self.prior, self.kinetics, self.outcomes)

    @property
    def said(self) -> str:
        """All of it in words that are the same for the same settings."""
        usual = (self.days, self.samples, self.seed, self.level, self.image_samples, self.generator)
        return f"{usual} {self.assumptions}"

    @property
    def weekly(self) -> np.ndarray:
        """Days of the weekly bands: every seventh, and the last."""
        return np.unique(np.append(np.arange(0.0, self.days + 1e-9, 7.0), np.floor(self.days)))

    @property
    def daily(self) -> np.ndarray:
        """Every day."""
        return np.arange(0.0, np.floor(self.days) + 1)

    @property
    def curve_days(self) -> np.ndarray:
        """Days on which every sample's volume is wanted: those of the weekly bands, and the landmarks."""
        return np.unique(np.concatenate([self.weekly, list(LANDMARKS.values())]))
