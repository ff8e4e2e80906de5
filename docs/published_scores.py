"""Fills the tables of docs/published_simulator.md: `python docs/published_scores.py [test patients] [training]`."""

import re
import sys
from itertools import groupby
from pathlib import Path

from scenarios.benchmark.published import TWIN_DAY, TWINS, PublishedScore, published_scores

PAGE = Path(__file__).parent / "published_simulator.md"
UNIT = "60 days, linear kill. RMSE and CRPS in percent of 1150 cm3; coverage of the central 80 % interval."


def table(rows: list[PublishedScore]) -> list[str]:
    """Lines of a table: a row for each gamma and forecast, three columns for each forecaster."""
    models = list(dict.fromkeys(r.forecaster for r in rows))
    columns = " | ".join(f"{m}: RMSE | CRPS | coverage" for m in models)
    lines = [f"| gamma | forecast | {columns} |", "|---|---|" + "---|" * (3 * len(models))]
    for (gamma, forecast), some in groupby(rows, key=lambda r: (r.gamma, r.forecast)):
        cells = [f"{r.rmse_percent:.2f} | {r.crps_percent:.3f} | {100 * r.coverage:.0f} %" for r in some]
        lines.append(f"| {gamma} | {forecast} | " + " | ".join(cells) + " |")
    return lines


def fill(name: str, lines: list[str]) -> None:
    """Put a table between its marks."""
    between = f"<!-- {name} -->\n" + "\n".join(lines) + "\n<!-- end -->"
    PAGE.write_text(re.sub(rf"<!-- {name} -->.*?<!-- end -->", between, PAGE.read_text(), flags=re.DOTALL))


def main() -> None:
    """Score the forecasters for every gamma and write the tables."""
    tests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    trained = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    rows = list(published_scores(tests, trained))
    everyone = f"{trained:,} training and {tests:,} test patients, {UNIT}"
    fill("scores", [everyone, "", *table([r for r in rows if r.patients == "all"])])
    few = f"Forecasts of {TWINS} patients on day {TWIN_DAY}, {UNIT}"
    fill("twin", [few, "", *table([r for r in rows if r.patients != "all"])])


if __name__ == "__main__":
    main()
