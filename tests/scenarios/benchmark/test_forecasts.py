"""Forecasts of the next scan are made before it, and scored against what was drawn on it."""

import runpy
from pathlib import Path

import polars as pl
import pytest

from scenarios.benchmark.forecasts import BELIEF, LAST, PRIOR, BeliefJudge, run_belief_evaluation
from twin import Fraction, InputError, Observation

CASES = runpy.run_path(str(Path(__file__).resolve().parents[3] / "benchmarks" / "belief.py"))
pytestmark = pytest.mark.long  # learns from some thirty scans
JUDGE = BeliefJudge(samples=400)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Six patients drawn from the prior, observed on three days of 60/30."""
    out = tmp_path_factory.mktemp("set")
    for number in range(6):
        CASES["case"](number, days=(14.3, 40.0, 80.0)).twin.save(out / f"{number}.twin")
    return out


def scores(twin, folder, name=BELIEF):
    twin.save(folder / "one.twin")
    return JUDGE.scores(folder, {"id": "one", "path": str(folder / "one.twin")}, name).drop("patient")


def test_no_forecast_knows_its_scan_or_what_was_given_after_it(tmp_path):
    twin = CASES["case"](3, days=(14.3, 40.0)).twin
    found = scores(twin, tmp_path / "a")
    assert found["day"].to_list() == [14.3, 40.0] and found["seen"].to_list() == [0, 1]
    first, last = twin.observations
    other = twin.fork(
        observations=(first, Observation(40.0, "gtv_cm3", 3 * last.value)),
        fractions=(*twin.fractions, Fraction(41.0, 20.0)),
    )
    forecast = found.drop("drawn_cm3", "crps_cm3", "rank")
    changed = scores(other, tmp_path / "b")
    assert changed.drop("drawn_cm3", "crps_cm3", "rank").equals(forecast)
    assert changed["crps_cm3"][1] != found["crps_cm3"][1]
    doubtful = twin.fork(observations=(Observation(14.3, "gtv_cm3", first.value, error=0.4), last))
    third = scores(doubtful, tmp_path / "c")  # learned from with its error, and not forecast
    assert third["day"].to_list() == [40.0] and third["median_cm3"][0] != found["median_cm3"][1]


def test_the_belief_learns_where_the_prior_does_not(folder, tmp_path):
    text = run_belief_evaluation(folder, tmp_path / "e", workers=1)
    rows = pl.read_parquet(tmp_path / "e" / "scores.parquet")
    assert rows.group_by("forecast").len().sort("forecast")["len"].to_list() == [18, 18, 18]
    later = (
        rows.filter(pl.col("seen") > 0)
        .group_by("forecast")
        .agg((pl.col("crps_cm3") / pl.col("gtv0_cm3")).mean())
    )
    crps = dict(later.iter_rows())
    assert crps[BELIEF] < crps[PRIOR] and crps[BELIEF] < crps[LAST]
    inside = rows.filter(pl.col("forecast") == BELIEF)
    assert inside["drawn_cm3"].is_between(inside["low95_cm3"], inside["high95_cm3"]).sum() >= 15  # of 18
    assert rows.filter(pl.col("forecast") == LAST)["rank"].null_count() == 18
    assert "| further scans | belief | 12 | 6 |" in text
    with pytest.raises(InputError, match="judges no weights"):
        run_belief_evaluation(folder, tmp_path / "f", ["bridge"], workers=1)
