"""Fills the table of docs/published_simulator.md: `python docs/published_scores.py [test patients] [training]`."""

import re
import sys
from pathlib import Path

import numpy as np

from simulators.published import Benchmark
from simulators.published_baselines import BayesFilter, LinearBaseline, Task, scores

PAGE = Path(__file__).parent / "published_simulator.md"
HORIZON = 5
CHUNK = 10_000


def main() -> None:
    """Score both baselines for every gamma and write the table."""
    tests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    trained = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    lines = [
        f"{trained:,} training and {tests:,} test patients, 60 days, linear kill. RMSE and CRPS in percent of "
        "1150 cm3; coverage of the central 80 % interval.",
        "",
        "| gamma | forecast | linear: RMSE | CRPS | coverage | Bayesian filter: RMSE | CRPS | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for gamma in range(5):
        training = Benchmark(gamma=gamma, seed=1).factual(trained)
        test = Benchmark(gamma=gamma, seed=2)
        for name, data, horizon in (
            ("one step", test.one_step(tests), 1),
            (f"{HORIZON} days, sliding", test.sequences(tests, HORIZON), HORIZON),
        ):
            now = data["patient_current_t"].astype(np.int64) + (horizon > 1)
            task = Task.of(data, horizon, now)
            cells = []
            for model in (LinearBaseline(training, horizon), BayesFilter()):
                parts = [slice(k, k + CHUNK) for k in range(0, len(now), CHUNK)]
                last = np.concatenate([model.forecast(task.part(p), seed=p.start)[:, -1] for p in parts])
                result = scores(last, task.outcome_cm3[:, -1])
                cells += [
                    f"{result['rmse_percent']:.2f}",
                    f"{result['crps_percent']:.3f}",
                    f"{100 * result['coverage']:.0f} %",
                ]
            lines.append(f"| {gamma} | {name} | " + " | ".join(cells) + " |")
            print(lines[-1], flush=True)
    table = "<!-- scores -->\n" + "\n".join(lines) + "\n<!-- end -->"
    PAGE.write_text(re.sub(r"<!-- scores -->.*<!-- end -->", table, PAGE.read_text(), flags=re.DOTALL))


if __name__ == "__main__":
    main()
