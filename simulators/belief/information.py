"""What the twin learned and what it did not, and what it expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulators.belief.prior import prior_belief, prior_of
from simulators.belief.update import SAMPLES, SMALLEST_CM3, update_belief
from simulators.core.chance import Key, Purpose, uniforms
from simulators.core.course import Course
from simulators.core.kinetics import Kinetics
from simulators.tumour.dose_volume import DoseVolumeKinetics, trajectory
from twin import Belief, Observation, PatientTwin
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Samples, Seed

NOT_INFORMED = 0.95
_MOVED = 0.1  # of the interval: far beyond the Monte Carlo error of 10,000 samples


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

    Args:
        prior: the samples before.
        posterior: the samples after.

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


Interval = tuple[float, float, float]


def what_was_moved(before: Belief, after: Belief) -> tuple[tuple[str, Interval, Interval], ...]:
    """Parameters whose median or width one more observation moved by a tenth of the 80 % interval, most moved first.

    Radiosensitivity is always among them: control hangs on it.

    Args:
        before: the belief without it.
        after: the belief with it.

    Returns:
        (name, low, median and high before, the same after).

    Example:
        >>> one = Belief({"x_d": np.linspace(0, 2, 999), "y_d": np.linspace(0, 1, 999)})
        >>> two = Belief({"x_d": np.linspace(0, 2, 999) + 0.5, "y_d": np.linspace(0, 1, 999)})
        >>> [(name, round(a[1], 2), round(b[1], 2)) for name, a, b in what_was_moved(one, two)]
        [('x_d', 1.0, 1.5)]
    """
    rows = []
    for name, values in before.samples.items():
        old, new = _interval(values), _interval(after.samples[name])
        width = old[2] - old[0]
        moved = max(abs(new[1] - old[1]), abs(new[2] - new[0] - width))
        if width > 0 and (moved >= _MOVED * width or name == "alpha_per_gy"):
            rows.append((moved / width, name, old, new))
    return tuple(row[1:] for row in sorted(rows, key=lambda row: -row[0]))


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
    kinetics: Kinetics | None = None,
) -> np.ndarray:
    """Tumour volumes that a belief expects under a course.

    Args:
        twin: the patient.
        belief: prior or posterior, equally weighted.
        course: the whole course from day 0.
        days: (n,) ascending times, days.
        as_drawn: add each sample's contour error, to forecast what will be measured.
        seed: of the contour errors.
        kinetics: the tumour in bins of dose; a lumped one at the prescribed dose where None.

    Returns:
        (samples, n) volumes, cm3.
    """
    tumour = kinetics or DoseVolumeKinetics(twin.gtv_cm3)
    samples = dict(belief.samples)
    volumes, _ = trajectory(tumour, twin, samples, [course], np.asarray(days, dtype=np.float64))
    return drawn_cm3(twin, volumes, samples["contour_error"], seed) if as_drawn else volumes


def drawn_cm3(twin: PatientTwin, gtv_cm3: np.ndarray, contour_error: np.ndarray, seed: int) -> np.ndarray:
    """Volumes as an observer would draw them: with the contour error that the likelihood assumes.

    Args:
        twin: the patient; its id is part of the key.
        gtv_cm3: (*plans, samples, times) true volumes, cm3; all plans share their chance.
        contour_error: (samples,) relative SD.
        seed: of the contour errors.
    """
    from scipy.special import ndtri

    n, times = gtv_cm3.shape[-2:]
    key = Key(seed, twin.id, Purpose.BELIEF, ordinal=2**32)  # far from the updates' own ordinals
    chance = ndtri(uniforms(key, np.arange(n), times))
    drawn = (gtv_cm3 + SMALLEST_CM3) * np.exp(contour_error[:, None] * chance) - SMALLEST_CM3
    return np.maximum(drawn, 0.0)


Beliefs = Sequence[tuple[Observation | None, Belief]]


@bounded
def beliefs_along(twin: PatientTwin, *, samples: Samples = SAMPLES, seed: Seed = 0) -> Beliefs:
    """The prior, and the belief after each observation past day 0 in the order they came.

    Args:
        twin: the patient; of his own belief only the prior is used.
        samples: size of the belief.
        seed: the run's seed.
    """
    current = twin.fork(observations=(), belief=prior_belief(twin, samples, seed, prior_of(twin)))
    rows: list[tuple[Observation | None, Belief]] = []
    for end, observation in enumerate((None, *twin.observations)):
        current = current.fork(observations=twin.observations[:end])
        if observation is not None and observation.time_days <= 0:
            continue
        if observation is not None:
            current = update_belief(current, samples=samples, seed=seed)
        assert current.belief is not None
        rows.append((observation, current.belief))
    return rows


@dataclass(frozen=True)
class Moved:
    """A forecast after one more observation.

    Args:
        observation: the one that came in, or None for the prior's forecast.
        true_cm3: the true volume's 80 % interval and median: low, median, high, cm3.
        drawn_cm3: the same of the volume as it would be drawn, cm3.
        ess: effective number of samples after the update.
    """

    observation: Observation | None
    true_cm3: tuple[float, float, float]
    drawn_cm3: tuple[float, float, float]
    ess: float


def what_moved_the_forecast(
    twin: PatientTwin,
    beliefs: Beliefs,
    course: Course,
    day: float,
    *,
    seed: int = 0,
    kinetics: Kinetics | None = None,
) -> tuple[Moved, ...]:
    """The forecast for one day before any observation and after each.

    Args:
        twin: the patient.
        beliefs: as `beliefs_along` gives them.
        course: the whole course from day 0.
        day: of the forecast, days.
        seed: the run's seed.
        kinetics: as in `forecast`.
    """
    rows = []
    for observation, belief in beliefs:
        true = forecast(twin, belief, course, [day], kinetics=kinetics)
        drawn = drawn_cm3(twin, true, belief.samples["contour_error"], seed)
        ess = float(belief.n if belief.ess is None else belief.ess)
        rows.append(Moved(observation, _interval(true), _interval(drawn), ess))
    return tuple(rows)


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    low, median, high = np.quantile(values, [0.1, 0.5, 0.9])
    return float(low), float(median), float(high)
