"""What the twin learned and what it did not, and what it expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.belief_update import SAMPLES, update_belief
from simulators.chance import Key, Purpose, uniforms
from simulators.course import Course
from simulators.dose_volume import DoseVolumeKinetics
from simulators.prior import prior_belief
from twin import Belief, Observation, PatientTwin

NOT_INFORMED = 0.95


@dataclass(frozen=True)
class Learned:
    """How much narrower one parameter's belief has become.

    Args:
        parameter: its name.
        ratio: central 68 % interval of the posterior over that of the prior.
    """

    parameter: str
    ratio: float

    @property
    def informed(self) -> bool:
        """Whether the observations told anything about it: a ratio of 0.95 or less."""
        return self.ratio <= NOT_INFORMED

    @property
    def note(self) -> str:
        """The sentence for page and report."""
        return "" if self.informed else "not informed by these scans"


def what_was_learned(prior: Belief, posterior: Belief) -> tuple[Learned, ...]:
    """Posterior over prior spread for every parameter that the prior leaves open.

    The two need samples enough for the ratio's own error: with 10,000 each it is about 0.015.

    Example:
        >>> wide = Belief({"x_d": np.linspace(-1, 1, 999), "k": np.ones(999)})
        >>> narrow = Belief({"x_d": np.linspace(-0.5, 0.5, 999), "k": np.ones(999)}, kind="posterior")
        >>> [(row.parameter, round(row.ratio, 2), row.informed) for row in what_was_learned(wide, narrow)]
        [('x_d', 0.5, True)]
    """
    rows = []
    for name, values in prior.samples.items():
        before = _spread(values)
        if before > 0 and name in posterior.samples:
            rows.append(Learned(name, _spread(posterior.samples[name]) / before))
    return tuple(rows)


def _spread(values: np.ndarray) -> float:
    low, high = np.quantile(values, [0.16, 0.84])
    return float(high - low)


def forecast(
    twin: PatientTwin,
    belief: Belief,
    course: Course,
    days: Sequence[float] | np.ndarray,
    *,
    as_drawn: bool = False,
    seed: int = 0,
) -> np.ndarray:
    """Tumour volumes that a belief expects under a course.

    Args:
        twin: the patient.
        belief: prior or posterior, equally weighted.
        course: the whole course from day 0.
        days: (n,) ascending times, days.
        as_drawn: add each sample's contour error, to forecast what will be measured.
        seed: of the contour errors.

    Returns:
        (samples, n) volumes, cm3.
    """
    kinetics = DoseVolumeKinetics(twin.gtv_cm3)
    samples = dict(belief.samples)
    volumes, _ = kinetics.follow(
        kinetics.start(twin, samples), samples, [course], np.asarray(days, dtype=np.float64)
    )
    if not as_drawn:
        return volumes
    from scipy.special import ndtri

    key = Key(seed, twin.id, Purpose.BELIEF, ordinal=2**32)  # far from the updates' own ordinals
    chance = ndtri(uniforms(key, np.arange(belief.n), volumes.shape[1]))
    return volumes * np.exp(samples["contour_error"][:, None] * chance)


@dataclass(frozen=True)
class Moved:
    """A forecast after one more observation.

    Args:
        observation: the one that came in, or None for the prior's forecast.
        low_cm3, median_cm3, high_cm3: the forecast's 80 % interval and median.
        ess: effective number of samples after the update.
    """

    observation: Observation | None
    low_cm3: float
    median_cm3: float
    high_cm3: float
    ess: float


def what_moved_the_forecast(
    twin: PatientTwin, course: Course, day: float, *, samples: int = SAMPLES, seed: int = 0
) -> tuple[Moved, ...]:
    """The forecast for one day before any observation and after each, in the order they came.

    Args:
        twin: the patient; his belief is not used.
        course: the whole course from day 0.
        day: of the forecast, days.
        samples: size of the belief.
        seed: the run's seed.
    """
    current = twin.fork(observations=(), belief=prior_belief(twin, samples, seed))
    rows = [_moved(current, None, course, day)]
    for i, observation in enumerate(twin.observations):
        current = current.fork(observations=twin.observations[: i + 1])
        if observation.time_days > 0:
            current = update_belief(current, samples=samples, seed=seed)
            rows.append(_moved(current, observation, course, day))
    return tuple(rows)


def _moved(twin: PatientTwin, observation: Observation | None, course: Course, day: float) -> Moved:
    assert twin.belief is not None
    low, median, high = np.quantile(forecast(twin, twin.belief, course, [day])[:, 0], [0.1, 0.5, 0.9])
    ess = float(twin.belief.n if twin.belief.ess is None else twin.belief.ess)
    return Moved(observation, float(low), float(median), float(high), ess)
