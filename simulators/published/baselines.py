"""Two simple forecasters for the published simulator, to compare anything cleverer with.

`LinearBaseline` is a least-squares regression on a training set. `BayesFilter` knows the simulator's equation and the
distributions of its parameters, and learns each patient's parameters from the volumes so far: with linear kill the
relative change of a day is linear in (rho, alpha, beta_c) with normal noise, so the posterior is a normal one, cut
where a parameter would be negative. Nobody who has to learn the equation from data can do better than it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulators.published.constants import CAPACITY_CM3, CHEMO_DOSE, DEATH_CM3, NOISE_SD, RADIO_GY
from simulators.published.simulator import ALPHA_PER_GY, BETA_C, CORRELATION, RHO_PER_D, TYPE_GAIN
from twin.inputs.quantities import MOST_SEQUENCE_DAYS

_LEAST_CM3 = 1e-300  # keeps logarithms finite


@dataclass(frozen=True, eq=False)
class Task:
    """Forecasts to be made: what was seen, what will be done, and what came of it.

    Args:
        volume_cm3: (n, history) volumes up to now, the last at index `now`; 0 after it.
        chemo, radio: (n, history) applications before now.
        plan_chemo, plan_radio: (n, horizon) applications from now on.
        now: (n,) index of the last volume seen.
        kind: (n,) patient type.
        outcome_cm3: (n, horizon) volumes after each planned day.
        history: (n,) number of the history: rows with one number have seen the same.
    """

    volume_cm3: np.ndarray
    chemo: np.ndarray
    radio: np.ndarray
    plan_chemo: np.ndarray
    plan_radio: np.ndarray
    now: np.ndarray
    kind: np.ndarray
    outcome_cm3: np.ndarray
    history: np.ndarray

    @classmethod
    def of(cls, data: dict[str, np.ndarray], horizon: int, now: np.ndarray) -> Task:
        """Forecasts from rows of a data set, of which the days from `now` (n,) on are the plan.

        Args:
            data: a data set of the published simulator, `Benchmark`.
            horizon: days that are forecast.
            now: (n,) index of the last volume seen.
        """
        rows = np.arange(len(now))[:, None]
        ahead = now[:, None] + np.arange(horizon)
        past = np.arange(data["cancer_volume"].shape[1]) < now[:, None]
        seen = np.arange(data["cancer_volume"].shape[1]) <= now[:, None]
        return cls(
            np.where(seen, data["cancer_volume"], 0.0),
            np.where(past, data["chemo_application"], 0.0),
            np.where(past, data["radio_application"], 0.0),
            data["chemo_application"][rows, ahead],
            data["radio_application"][rows, ahead],
            now,
            data["patient_types"].astype(np.int64),
            data["cancer_volume"][rows, ahead + 1],
            data.get("patient_ids_all_trajectories", np.arange(len(now))).astype(np.int64)
            * MOST_SEQUENCE_DAYS
            + now,
        )

    def part(self, rows: np.ndarray | slice) -> Task:
        """Some of the forecasts.

        Args:
            rows: which.
        """
        return Task(**{name: values[rows] for name, values in vars(self).items()})

    @classmethod
    def training(cls, data: dict[str, np.ndarray], horizon: int) -> Task:
        """All forecasts of that horizon that a factual data set has outcomes for.

        Args:
            data: a factual data set.
            horizon: days that are forecast.
        """
        length = data["sequence_lengths"].astype(np.int64)
        who = np.repeat(np.arange(len(length)), np.maximum(length - horizon, 0))
        now = np.concatenate([np.arange(n - horizon) for n in length if n > horizon])
        return cls.of({k: v[who] for k, v in data.items()}, horizon, now)

    @property
    def concentration(self) -> np.ndarray:
        """(n, history) chemotherapy in the blood on each day before now."""
        level = np.zeros_like(self.chemo)
        level[:, 0] = CHEMO_DOSE * self.chemo[:, 0]
        for t in range(1, level.shape[1]):
            level[:, t] = 0.5 * level[:, t - 1] + CHEMO_DOSE * self.chemo[:, t]
        return level

    def last(self, values: np.ndarray, back: int = 0) -> np.ndarray:
        """(n,) values (n, history) so many days before now; the first day's where that is before it.

        Args:
            values: (n, history).
            back: days.
        """
        return values[np.arange(len(self.now)), np.maximum(self.now - back, 0)]


class LinearBaseline:
    """Volumes as a linear function of the last two volumes, the drug's level, the patient's type and what is done.

    One regression for each day of the horizon; its error is normal, with an SD proportional to the volume now.
    """

    def __init__(self, data: dict[str, np.ndarray], horizon: int = 1):
        task = Task.training(data, horizon)
        features = self._features(task)
        self.weights = np.linalg.lstsq(features, task.outcome_cm3, rcond=None)[0]
        error = (task.outcome_cm3 - features @ self.weights) / self._scale(task)
        self.relative_sd = np.sqrt((error**2).mean(axis=0))

    def forecast(self, task: Task, samples: int = 100, seed: int = 0) -> np.ndarray:
        """(n, horizon, samples) volumes, cm3.

        Args:
            task: what is to be forecast.
            samples: of each forecast.
            seed: of its noise.
        """
        noise = np.random.default_rng(seed).standard_normal((*task.outcome_cm3.shape, samples))
        mean = self._features(task) @ self.weights
        return mean[:, :, None] + (self.relative_sd * self._scale(task))[:, :, None] * noise

    @staticmethod
    def _scale(task: Task) -> np.ndarray:
        return np.maximum(task.last(task.volume_cm3), 0.01 * DEATH_CM3)[:, None]

    @staticmethod
    def _features(task: Task) -> np.ndarray:
        now = task.last(task.volume_cm3)[:, None]
        before = task.last(task.volume_cm3, 1)[:, None]
        level = np.where(task.now > 0, task.last(task.concentration, 1), 0.0)[:, None]
        kinds = task.kind[:, None] == np.array([1, 3])
        done = np.hstack([task.plan_chemo, task.plan_radio])
        return np.hstack([np.ones_like(now), now, before, now * level, now * kinds, now * done])


class BayesFilter:
    """The simulator's own equation with linear kill, its parameters learned from each patient's volumes so far."""

    def __init__(self, sweeps: int = 20):
        self.sweeps = sweeps

    def forecast(self, task: Task, samples: int = 100, seed: int = 0) -> np.ndarray:
        """(n, horizon, samples) volumes, cm3.

        Args:
            task: what is to be forecast.
            samples: of each forecast.
            seed: of its draws.
        """
        rng = np.random.default_rng(seed)
        _, first, which = np.unique(task.history, return_index=True, return_inverse=True)
        theta = self._parameters(task.part(first), samples, rng)[which]
        rho, alpha, beta_c = theta[:, 0], theta[:, 1], theta[:, 2]
        level = np.where(task.now > 0, task.last(task.concentration, 1), 0.0)
        v = np.repeat(task.last(task.volume_cm3)[:, None], samples, axis=1)
        days = []
        for j in range(task.plan_chemo.shape[1]):
            level = 0.5 * level + CHEMO_DOSE * task.plan_chemo[:, j]
            gy = RADIO_GY * task.plan_radio[:, j]
            v = np.maximum(v, _LEAST_CM3)  # the simulator keeps no row that falls below nothing on the way
            growth = rho * np.log(CAPACITY_CM3 / v)
            kill = beta_c * level[:, None] + alpha * (gy + gy**2 / 10)[:, None]
            v = v * (1 + growth - kill + NOISE_SD * rng.standard_normal(v.shape))
            days.append(v)
        return np.stack(days, axis=1)

    def _parameters(self, task: Task, samples: int, rng: np.random.Generator) -> np.ndarray:
        """(n, 3, samples) of (rho, alpha, beta_c) from the posterior.

        Draws from the normal that is not cut; where it reaches below a bound, Gibbs sampling goes on from there:
        each parameter given the others is a normal, cut.
        """
        precision, shift = self._posterior(task)
        least = np.zeros((len(task.now), 3))
        least[:, 1] = np.where(task.kind == 1, TYPE_GAIN * ALPHA_PER_GY[0], 0.0)
        covariance = np.linalg.inv(precision)
        mean = np.einsum("nij,nj->ni", covariance, shift)
        noise = rng.standard_normal((len(task.now), 3, samples))
        theta = mean[:, :, None] + np.linalg.cholesky(covariance) @ noise
        cut = (mean - least < 6 * np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))).any(axis=1)
        theta[cut] = self._gibbs(theta[cut], precision[cut], shift[cut], least[cut], rng)
        return theta

    def _gibbs(
        self,
        theta: np.ndarray,
        precision: np.ndarray,
        shift: np.ndarray,
        least: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        theta = np.maximum(theta, least[:, :, None])
        for _ in range(self.sweeps):
            for k in range(3):
                others = [j for j in range(3) if j != k]
                sd = 1 / np.sqrt(precision[:, k, k])[:, None]
                pull = shift[:, k, None] - np.einsum("nj,njs->ns", precision[:, k, others], theta[:, others])
                theta[:, k] = _cut_normal(pull * sd**2, sd, least[:, k, None], rng)
        return theta

    @staticmethod
    def _posterior(task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Precision (n, 3, 3) of (rho, alpha, beta_c), and precision times mean (n, 3), before the cut."""
        prior = np.diag([RHO_PER_D[1] ** 2, ALPHA_PER_GY[1] ** 2, BETA_C[1] ** 2])
        prior[0, 1] = prior[1, 0] = CORRELATION * RHO_PER_D[1] * ALPHA_PER_GY[1]
        mean = np.repeat([[RHO_PER_D[0], ALPHA_PER_GY[0], BETA_C[0]]], len(task.now), axis=0)
        mean[:, 1] += np.where(task.kind == 1, TYPE_GAIN * ALPHA_PER_GY[0], 0.0)
        mean[:, 2] += np.where(task.kind == 3, TYPE_GAIN * BETA_C[0], 0.0)
        root = np.linalg.inv(prior)
        now, after = task.volume_cm3[:, :-1], task.volume_cm3[:, 1:]
        seen = (np.arange(now.shape[1]) < task.now[:, None]) & (now > 0)
        safe = np.where(seen, now, 1.0)
        gy = RADIO_GY * task.radio[:, :-1]
        x = np.stack([np.log(CAPACITY_CM3 / safe), -(gy + gy**2 / 10), -task.concentration[:, :-1]], axis=2)
        x *= seen[:, :, None] / NOISE_SD
        y = np.where(seen, after / safe - 1, 0.0) / NOISE_SD
        return root + np.einsum("nti,ntj->nij", x, x), mean @ root + np.einsum("nti,nt->ni", x, y)


def _cut_normal(mean: np.ndarray, sd: np.ndarray, least: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers above a bound, by the inverse of the upper tail, which stays exact far out."""
    from scipy.special import ndtr, ndtri

    bound = (mean - least) / sd  # how far the mean lies above the bound
    share = ndtr(np.maximum(bound, -30.0))
    return np.maximum(mean - sd * ndtri(rng.random(mean.shape) * share), least)


def scores(samples: np.ndarray, outcome_cm3: np.ndarray, level: float = 0.8) -> dict[str, float]:
    """How good forecasts are.

    Args:
        samples: (n, samples) forecast volumes, cm3.
        outcome_cm3: (n,) what came.
        level: of the central interval whose coverage is counted.

    Returns:
        rmse_percent of the mean forecast and crps_percent, both in percent of 1150 cm3 as published, and coverage.
    """
    ordered = np.sort(samples, axis=1)
    n = ordered.shape[1]
    spread = (ordered * (2 * np.arange(1, n + 1) - n - 1)).sum(axis=1) / (n * (n - 1))  # unbiased
    crps = np.abs(ordered - outcome_cm3[:, None]).mean(axis=1) - spread
    # Weibull's plotting position: between these quantiles of n samples lies the level itself, not a little less.
    low, high = np.quantile(ordered, [(1 - level) / 2, (1 + level) / 2], axis=1, method="weibull")
    error = ordered.mean(axis=1) - outcome_cm3
    return {
        "rmse_percent": 100 * float(np.sqrt((error**2).mean())) / DEATH_CM3,
        "crps_percent": 100 * float(crps.mean()) / DEATH_CM3,
        "coverage": float(((low <= outcome_cm3) & (outcome_cm3 <= high)).mean()),
    }
