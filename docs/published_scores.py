"""Fills the tables of docs/published_simulator.md: `python docs/published_scores.py [test patients] [training]`."""

import re
import sys
from pathlib import Path

import numpy as np

from simulators.published.baselines import BayesFilter, LinearBaseline, Task, scores
from simulators.published.forecast import TwinForecaster
from simulators.published.simulator import Benchmark

PAGE = Path(__file__).parent / "published_simulator.md"
HORIZON = 5
CHUNK = 10_000
TWINS, TWIN_DAY = 40, 20  # the belief update takes a part of a second for each patient


def tasks(benchmark: Benchmark, patients: int) -> dict[str, Task]:
    """One-step and sliding forecasts of a test set, by name."""
    made = {}
    for name, data, horizon in (
        ("one step", benchmark.one_step(patients), 1),
        (f"{HORIZON} days, sliding", benchmark.sequences(patients, HORIZON), HORIZON),
    ):
        made[name] = Task.of(data, horizon, data["patient_current_t"].astype(np.int64) + (horizon > 1))
    return made


def cells(model: LinearBaseline | BayesFilter | TwinForecaster, task: Task) -> list[str]:
    """RMSE, CRPS and coverage of the last day's forecast."""
    parts = [slice(k, k + CHUNK) for k in range(0, len(task.now), CHUNK)]
    last = np.concatenate([model.forecast(task.part(p), seed=p.start)[:, -1] for p in parts])
    result = scores(last, task.outcome_cm3[:, -1])
    return [
        f"{result['rmse_percent']:.2f}",
        f"{result['crps_percent']:.3f}",
        f"{100 * result['coverage']:.0f} %",
    ]


def fill(name: str, lines: list[str]) -> None:
    """Put a table between its marks."""
    table = f"<!-- {name} -->\n" + "\n".join(lines) + "\n<!-- end -->"
    PAGE.write_text(re.sub(rf"<!-- {name} -->.*?<!-- end -->", table, PAGE.read_text(), flags=re.DOTALL))


def heading(models: list[str]) -> list[str]:
    """The first two lines of a table."""
    columns = " | ".join(f"{m}: RMSE | CRPS | coverage" for m in models)
    return [f"| gamma | forecast | {columns} |", "|---|---|" + "---|" * (3 * len(models))]


def main() -> None:
    """Score the forecasters for every gamma and write the tables."""
    tests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    trained = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    unit = (
        "60 days, linear kill. RMSE and CRPS in percent of 1150 cm3; coverage of the central 80 % interval."
    )
    everything = [f"{trained:,} training and {tests:,} test patients, {unit}", ""]
    everything += heading(["linear", "Bayesian filter"])
    own = [f"Forecasts of {TWINS} patients on day {TWIN_DAY}, {unit}", ""]
    own += heading(["linear", "Bayesian filter", "the engine's twin"])
    for gamma in range(5):
        training = Benchmark(gamma=gamma, seed=1).factual(trained)
        for name, task in tasks(Benchmark(gamma=gamma, seed=2), tests).items():
            models = (LinearBaseline(training, task.plan_chemo.shape[1]), BayesFilter())
            row = [cell for model in models for cell in cells(model, task)]
            everything.append(f"| {gamma} | {name} | " + " | ".join(row) + " |")
            chosen = np.isin(task.history, np.unique(task.history[task.now == TWIN_DAY])[:TWINS])
            some = task.part(chosen)
            row = [cell for model in (*models, TwinForecaster()) for cell in cells(model, some)]
            own.append(f"| {gamma} | {name} | " + " | ".join(row) + " |")
            print(everything[-1], own[-1], sep="\n", flush=True)
    fill("scores", everything)
    fill("twin", own)


if __name__ == "__main__":
    main()
