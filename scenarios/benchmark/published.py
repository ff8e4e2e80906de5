"""Forecasters scored on the published simulator: a regression, the simulator's own equation, and this engine's twin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.published.baselines import BayesFilter, LinearBaseline, Task, scores
from simulators.published.forecast import TwinForecaster
from simulators.published.simulator import Benchmark
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Confounding, LearnedFrom, TestPatients

HORIZON = 5
TWINS, TWIN_DAY = 40, 20  # the belief update takes a part of a second for each patient
_CHUNK = 10_000  # forecasts at once
_TRAINING_SEED, _TEST_SEED = 1, 2
Forecaster = LinearBaseline | BayesFilter | TwinForecaster


@dataclass(frozen=True)
class PublishedScore:
    """How well one forecaster does at one confounding.

    Args:
        gamma: confounding of treatment by the tumour's size.
        forecast: which days are forecast.
        patients: of whom: "all", or "day 20", the few on one day that the twin can follow.
        forecaster: who.
        rmse_percent: error of the mean forecast, percent of 1150 cm3.
        crps_percent: continuous ranked probability score, percent of 1150 cm3.
        coverage: share of the outcomes inside the central 80 % interval.
    """

    gamma: float
    forecast: str
    patients: str
    forecaster: str
    rmse_percent: float
    crps_percent: float
    coverage: float


@bounded
def published_scores(
    patients: TestPatients = 200,
    training: LearnedFrom = 2000,
    gammas: Sequence[Confounding] = (0, 1, 2, 3, 4),
) -> Iterator[PublishedScore]:
    """Scores of the last forecast day, as they are made.

    Args:
        patients: of the test sets.
        training: patients that the regression learns from.
        gammas: confoundings.

    Raises:
        InputError: too few patients to learn from or to be scored on.
    """
    for gamma in gammas:
        data = Benchmark(gamma=gamma, seed=_TRAINING_SEED).factual(training)
        for forecast, task in _tasks(Benchmark(gamma=gamma, seed=_TEST_SEED), patients).items():
            models: dict[str, Forecaster] = {
                "linear": LinearBaseline(data, task.plan_chemo.shape[1]),
                "Bayesian filter": BayesFilter(),
            }
            for name, model in models.items():
                yield PublishedScore(gamma, forecast, "all", name, **_scored(model, task))
            few = task.part(np.isin(task.history, np.unique(task.history[task.now == TWIN_DAY])[:TWINS]))
            if not len(few.now):
                continue
            for name, model in (*models.items(), ("the engine's twin", TwinForecaster())):
                yield PublishedScore(gamma, forecast, f"day {TWIN_DAY}", name, **_scored(model, few))


def _tasks(benchmark: Benchmark, patients: int) -> dict[str, Task]:
    """One-step and sliding forecasts of a test set, by name."""
    made = {}
    for name, data, horizon in (
        ("one step", benchmark.one_step(patients), 1),
        (f"{HORIZON} days, sliding", benchmark.sequences(patients, HORIZON), HORIZON),
    ):
        made[name] = Task.of(data, horizon, data["patient_current_t"].astype(np.int64) + (horizon > 1))
    return made


def _scored(model: Forecaster, task: Task) -> dict[str, float]:
    parts = [slice(k, k + _CHUNK) for k in range(0, len(task.now), _CHUNK)]
    last = np.concatenate([model.forecast(task.part(p), seed=p.start)[:, -1] for p in parts])
    return scores(last, task.outcome_cm3[:, -1])
