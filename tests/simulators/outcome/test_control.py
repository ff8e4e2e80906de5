"""Failure comes when the regrowth of surviving clonogens shows."""

import numpy as np
import pytest

from simulators.outcome.control import (
    expected_survivors,
    failure_days,
    local_control,
    regrowth_days,
    tumour_control_probability,
)

PARAMS = {
    "growth_per_d": np.array(0.0017),
    "regrowth_factor": np.array(1.0),
    "capacity_cm3": np.array(1150.0),
    "clonogen_density_per_cm3": np.array(1e7),
}
MONTH = 365.25 / 12


@pytest.mark.parametrize(("cells", "months"), [(1e6, 13), (1, 27)])
def test_regrowth_to_one_cubic_centimetre(cells, months):
    assert round(float(regrowth_days(np.array(cells), PARAMS)) / MONTH) == months


def test_regrowth_is_the_gompertz_curve():
    days = regrowth_days(np.array(5000.0), PARAMS)
    volume = 1150 * (5000e-9 / 1150) ** np.exp(-0.0017 * days)
    assert volume == pytest.approx(1.0, rel=1e-9)


def test_the_cured_never_fail_and_the_untreated_never_were_controlled():
    days = failure_days(np.array([0.0, 1.0, 1e12, np.nan]), PARAMS, 60.0, 40.0)
    assert days[0] == np.inf and days[3] == 0.0
    assert 40.0 == days[2] < days[1] < 40 + 28 * MONTH
    assert local_control(np.array([0.0, 1.0, 1e7]), PARAMS, 60.0, 40.0, 730.5).tolist() == [True, True, False]


def test_local_control_falls_to_tumour_control_and_not_below():
    rng = np.random.default_rng(2)
    survivors = rng.poisson(1.0, 40_000).astype(float)
    at = (40.0, 365.0, 730.0, 3650.0)
    falling = [local_control(survivors, PARAMS, 60.0, 40.0, day).mean() for day in at]
    assert (np.diff(falling) <= 0).all()
    assert falling[-1] == pytest.approx(float(tumour_control_probability(1.0)), abs=0.01)


def test_expected_survivors_add_up_over_bins():
    logs = np.log([[1e-9, 1e-7], [1e-8, 1e-8]])
    expected = expected_survivors(logs, PARAMS, 50.0, np.array([0.9, 0.1]))
    np.testing.assert_allclose(expected, 5e8 * np.array([0.9e-9 + 0.1e-7, 1e-8]))
    assert expected_survivors(np.log(1e-8), PARAMS, 50.0) == pytest.approx(5.0)
