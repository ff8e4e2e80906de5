"""The twin learns: the posterior of the tumour's parameters from what was measured.

Sequential Monte Carlo in the prior's standard normal space: likelihood tempering keeps the effective sample size,
and after each resampling every sample moves by Metropolis-Hastings steps that are preconditioned by the population
(Del Moral 2006; Neal 1999 for the autoregressive proposal). One more observation starts from the posterior before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulators.belief.prior import PriorSet, control_quantiles, parameters, points, prior_of, prior_points
from simulators.core.chance import Key, Purpose
from simulators.core.course import Course, Event
from simulators.core.kinetics import TumourState
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import Belief, Observation, PatientTwin
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Samples, Seed

Measured = tuple[float, str, float]
SAMPLES = 10_000
STEP_DAYS = 7.0  # together with the fractions; within 1e-4 of the half-day steps, far below any contour error
SMALLEST_CM3 = (
    0.1  # what a contour on CT resolves; added to volumes, so that a vanished tumour has a logarithm
)
SUVS = ("suv_max", "suv_peak")
SUV_ERROR = 0.2  # relative SD of an SUV over its baseline: test-retest and inflammation [quoted from memory]
SMALLEST_SUV = 0.1  # nothing is darker in an image
AVIDITY_HALF_TIME_D = 28.0  # of doomed cells that are still there; with clearance 15 d in all
COURSE_OVER_DAYS = 21.0  # without a fraction for so long, the course is over and its survivors are drawn
KEEP_ESS = 0.5  # of the samples, at every temperature
ENOUGH_MOVES = 0.7  # accepted moves a sample, on average, where half of the effective size was lost
MOST_ROUNDS = 8
LOW_ESS = 0.5  # of the samples: below it the update goes on moving its samples, and the report says so
MORE_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Evidence:
    """What was measured after day 0, ready for the likelihood.

    Args:
        course: what was delivered.
        observations: by time; an SUV only where there is one of its kind from before treatment.
        known: (observations,) bool, what an earlier posterior has learned from.
        baseline_suv: kind of SUV -> its value before treatment.
    """

    course: Course
    observations: tuple[Observation, ...]
    known: np.ndarray
    baseline_suv: Mapping[str, float]

    @classmethod
    def of(cls, twin: PatientTwin, known: set[Measured]) -> Evidence:
        """A twin's evidence, of which some is known already.

        Args:
            twin: the patient.
            known: what a belief has learned from already.
        """
        start = twin.fractions[0].time_days if twin.fractions else np.inf
        before: dict[str, float] = {
            o.kind: o.value
            for o in twin.observations
            if o.kind in SUVS and o.time_days <= start and o.value > 0
        }
        used = tuple(
            o
            for o in twin.observations
            if o.time_days > 0 and (o.kind == "gtv_cm3" or (o.kind in before and o.time_days > start))
        )
        return cls(
            delivered(twin),
            used,
            np.array([measured(o) in known for o in used], dtype=bool),
            before,
        )

    def log_likelihoods(
        self, samples: dict[str, np.ndarray], twin: PatientTwin
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n,) log-likelihoods of samples: of what was known, and of all.

        A drawn volume is log-normal about the true one with the sample's contour error (and, of a contour that was
        carried over, the registration's), an SUV about its value
        before treatment times the avid share of the tumour.

        Args:
            samples: parameter -> (n,).
            twin: the patient.
        """
        kinetics = DoseVolumeKinetics(twin.gtv_cm3, step_days=STEP_DAYS)
        state = kinetics.start(twin, samples)
        terms = np.zeros((len(self.observations), len(state.viable)))
        begin = 0
        for end, observation in enumerate(self.observations):
            # One kernel call up to each SUV, which needs the state, and one for the volumes after the last.
            if observation.kind == "gtv_cm3" and end + 1 < len(self.observations):
                continue
            part = self.observations[begin : end + 1]
            days = np.array([o.time_days for o in part])
            volumes, state = kinetics.follow(state, samples, [self.course], days)
            for i, o in enumerate(part):
                if o.kind == "gtv_cm3":
                    expected = volumes[:, i] + SMALLEST_CM3
                    error = np.hypot(samples["contour_error"], o.error)
                    terms[begin + i] = _log_normal(o.value + SMALLEST_CM3, expected, error)
                else:
                    terms[begin + i] = _log_normal(
                        max(o.value, SMALLEST_SUV),
                        self.baseline_suv[o.kind] * self._avid_share(state, samples),
                        SUV_ERROR,
                    )
            begin = end + 1
        terms = np.where(np.isfinite(terms), terms, -1e300)
        return terms[self.known].sum(axis=0), terms.sum(axis=0)

    def _avid_share(self, state: TumourState, samples: dict[str, np.ndarray]) -> np.ndarray:
        """The avid share of the tumour over that before treatment."""
        age = state.t_days - self.course.time_days[0]
        avid = state.viable + state.doomed * 2.0 ** (-age / AVIDITY_HALF_TIME_D)
        there = state.viable + state.doomed + state.remnant
        untreated = np.maximum(1.0 - samples["remnant_fraction"], 0.05)
        return np.maximum(avid / there / untreated, 0.02)


def measured(observation: Observation) -> Measured:
    """What identifies an observation in a belief's `learned_from`.

    Args:
        observation: of a twin.
    """
    return (observation.time_days, observation.kind, observation.value)


def _log_normal(seen: float, expected: np.ndarray, error: np.ndarray | float) -> np.ndarray:
    z = np.log(seen / expected) / error
    return -0.5 * z**2 - np.log(error)


def delivered(twin: PatientTwin) -> Course:
    """The fractions a twin has received, as a course; it ends when none was given for three weeks.

    Args:
        twin: the patient.
    """
    times = np.array([f.time_days for f in twin.fractions], dtype=np.float64)
    doses = np.array([f.dose_gy for f in twin.fractions], dtype=np.float64)
    kinds = np.full(len(times), Event.FRACTION, dtype=np.int8)
    if len(times) and twin.now_days >= times[-1] + COURSE_OVER_DAYS:
        times, doses = np.append(times, times[-1]), np.append(doses, 0.0)
        kinds = np.append(kinds, np.int8(Event.COURSE_END))
    n = len(times)
    return Course(times, kinds, doses, np.full(n, -1, dtype=np.int16), np.zeros(n))


@bounded
def update_belief(
    twin: PatientTwin, *, samples: Samples = SAMPLES, seed: Seed = 0, constants: PriorSet | None = None
) -> PatientTwin:
    """A twin whose belief has learned from all its observations.

    Volumes and SUVs after day 0 count; the volume on day 0 defines the tumour. A posterior that has learned
    from the first observations goes on with the new ones; anything else starts from the prior.

    Args:
        twin: the patient, with what was delivered and measured.
        samples: size of the belief.
        seed: the run's seed.
        constants: the prior's; those that the twin's belief is of where None. A belief of another is learned anew.

    Returns:
        The twin with an equally weighted belief: the prior where nothing was measured.
    """
    seen = tuple(measured(o) for o in twin.observations if o.time_days > 0)
    belief = twin.belief
    constants = constants or prior_of(twin)
    known: set[Measured] = set()
    if (
        belief is not None
        and belief.kind == "posterior"
        and belief.n == samples
        and prior_of(twin) == constants
    ):
        known = set(belief.learned_from) if set(belief.learned_from) <= set(seen) else set()
    if known and belief is not None:
        if known == set(seen):
            return twin
        z = _points_and_draw(belief, twin, constants)
    else:
        from scipy.special import ndtri

        z = np.column_stack(
            [prior_points(twin, samples, seed), ndtri(control_quantiles(twin, samples, seed))]
        )
    evidence = Evidence.of(twin, known)
    if not evidence.observations:
        return twin.fork(belief=Belief(_samples(z, twin, constants), prior=constants.changes()))
    rng = Key(seed, twin.id, Purpose.BELIEF, ordinal=len(known)).generator()
    z, ess = _Sampler(twin, evidence, constants, rng).run(z)
    learned = Belief(_samples(z, twin, constants), None, "posterior", seen, ess, constants.changes())
    return twin.fork(belief=learned)


def _points_and_draw(belief: Belief, twin: PatientTwin, constants: PriorSet) -> np.ndarray:
    from scipy.special import ndtri

    draw = ndtri(np.clip(belief.samples["control_quantile"], 1e-15, 1 - 1e-15))
    z = np.column_stack([points(belief.samples, twin, constants), draw])
    if belief.weights is None:
        return z
    return z[_systematic(belief.weights, 0.5)]


def _samples(z: np.ndarray, twin: PatientTwin, constants: PriorSet) -> dict[str, np.ndarray]:
    from scipy.special import ndtr

    return {**parameters(z[:, :-1], twin, constants), "control_quantile": ndtr(z[:, -1])}


class _Sampler:
    """Takes a population from one body of evidence to a larger one."""

    def __init__(
        self,
        twin: PatientTwin,
        evidence: Evidence,
        constants: PriorSet,
        rng: np.random.Generator,
    ):
        self.twin, self.evidence, self.constants, self.rng = twin, evidence, constants, rng

    def run(self, z: np.ndarray) -> tuple[np.ndarray, float]:
        """Move the population; returns it and its effective size."""
        old, new = self._likelihoods(z)
        heat, own = 0.0, 1.0  # share of samples that have a place of their own
        while heat < 1.0:
            step = _next_step(new - old, heat, KEEP_ESS * len(z))
            weights = _normalised(step * (new - old))
            heat = min(1.0, heat + step)
            proposal = _Proposal.fit(z, weights)
            chosen = _systematic(weights, self.rng.random())
            own *= 1.0 / float(len(z) * (weights**2).sum())
            z, old, new, accepted = self._moves(
                z[chosen],
                old[chosen],
                new[chosen],
                heat,
                proposal,
                ENOUGH_MOVES * min(1.0, 2.0 * (1.0 - own)),
            )
            # A sample that never moved shares its ancestor's place; one accepted move sets it free.
            own = 1.0 - (1.0 - own) * float(np.exp(-accepted))
        for _ in range(MORE_ROUNDS):
            if own >= LOW_ESS:
                break
            even = np.full(len(z), 1.0 / len(z))
            z, old, new, accepted = self._moves(z, old, new, 1.0, _Proposal.fit(z, even), ENOUGH_MOVES)
            own = 1.0 - (1.0 - own) * float(np.exp(-accepted))
        return z, own * len(z)

    def _likelihoods(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.evidence.log_likelihoods(_samples(z, self.twin, self.constants), self.twin)

    def _moves(
        self, z: np.ndarray, old: np.ndarray, new: np.ndarray, heat: float, proposal: _Proposal, enough: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Metropolis-Hastings steps of every sample at a temperature until `enough` a sample were accepted."""
        white, accepted = proposal.white(z), 0.0
        for turn in range(MOST_ROUNDS):
            noise = self.rng.standard_normal(z.shape)
            size = (1.0, 0.5)[turn % 2]
            trial_white = np.sqrt(1.0 - size**2) * white + size * noise
            trial = proposal.point(trial_white)
            trial_old, trial_new = self._likelihoods(trial)
            # The target is prior x L_old^(1 - heat) x L_new^heat; the proposal is reversible for its own Gaussian.
            gain = (1.0 - heat) * (trial_old - old) + heat * (trial_new - new)
            gain += 0.5 * (_squares(z) - _squares(trial) + _squares(trial_white) - _squares(white))
            better = np.log(self.rng.random(len(z))) < gain
            keep = better[:, None]
            z, white = np.where(keep, trial, z), np.where(keep, trial_white, white)
            old, new = np.where(better, trial_old, old), np.where(better, trial_new, new)
            accepted += float(better.mean())
            if accepted >= enough:
                break
        return z, old, new, accepted


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Autoregressive steps about a Gaussian fitted to the population, made where that Gaussian is standard.

    Products go through einsum: tall and thin as they are, BLAS threads take longer to wake than to work.
    """

    mean: np.ndarray
    root: np.ndarray
    inverse: np.ndarray

    @classmethod
    def fit(cls, z: np.ndarray, weights: np.ndarray) -> _Proposal:
        mean = np.einsum("n,nd->d", weights, z)
        centred = z - mean
        # A little wider than the population, so that the tails of the target stay within reach.
        covariance = 1.1 * np.einsum("n,nd,nk->dk", weights, centred, centred) + 1e-6 * np.eye(z.shape[1])
        root = np.linalg.cholesky(covariance)
        return cls(mean, root, np.linalg.inv(root))

    def white(self, z: np.ndarray) -> np.ndarray:
        return np.einsum("nd,kd->nk", z - self.mean, self.inverse)

    def point(self, white: np.ndarray) -> np.ndarray:
        return self.mean + np.einsum("nd,kd->nk", white, self.root)


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.einsum("nd,nd->n", rows, rows)


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def _effective(log_weights: np.ndarray) -> float:
    """Kong's effective sample size."""
    return 1.0 / float((_normalised(log_weights) ** 2).sum())


def _next_step(log_ratio: np.ndarray, heat: float, least: float) -> float:
    """The largest step of temperature that leaves the wanted effective sample size."""
    if _effective((1.0 - heat) * log_ratio) >= least:
        return 1.0 - heat
    low, high = 0.0, 1.0 - heat
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _effective(middle * log_ratio) >= least else (low, middle)
    return max(low, 1e-6)


def _systematic(weights: np.ndarray, start: float) -> np.ndarray:
    """Indices of systematic resampling (Kitagawa 1996)."""
    ticks = (start + np.arange(len(weights))) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), ticks), len(weights) - 1)
