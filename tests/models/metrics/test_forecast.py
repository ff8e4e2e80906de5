"""Scores of forecasts."""

import numpy as np
import pytest

from models.metrics.forecast import fair_crps


def test_fair_crps_is_unbiased_in_the_number_of_draws():
    rng = np.random.default_rng(0)
    few = np.mean([fair_crps(rng.standard_normal(5), x) for x in rng.standard_normal(4000)])
    # The CRPS of a standard normal forecast of a standard normal is 1 / sqrt(pi).
    assert few == pytest.approx(1 / np.sqrt(np.pi), rel=0.04)
