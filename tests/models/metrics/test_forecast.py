"""Scores of forecasts."""

import numpy as np
import pytest

from models.metrics.forecast import energy_score, fair_crps, share_between


def test_fair_crps_is_unbiased_in_the_number_of_draws():
    rng = np.random.default_rng(0)
    few = np.mean([fair_crps(rng.standard_normal(5), x) for x in rng.standard_normal(4000)])
    # The CRPS of a standard normal forecast of a standard normal is 1 / sqrt(pi).
    assert few == pytest.approx(1 / np.sqrt(np.pi), rel=0.04)


def test_of_one_value_the_energy_score_is_the_crps():
    rng = np.random.default_rng(1)
    for draws, truth in ((rng.standard_normal(6), 0.3), (rng.uniform(size=2), 5.0)):
        assert energy_score(draws[:, None], np.array([truth])) == pytest.approx(fair_crps(draws, truth))


def test_a_calibrated_forecast_has_the_least_energy_and_covers_what_is_due():
    rng = np.random.default_rng(2)
    truth = rng.standard_normal(20_000)
    scores = {s: energy_score(s * rng.standard_normal((8, truth.size)), truth) for s in (0.01, 1.0, 3.0)}
    assert scores[1.0] < scores[0.01] and scores[1.0] < scores[3.0]
    assert share_between(rng.standard_normal((8, truth.size)), truth) == pytest.approx(7 / 9, abs=0.01)
