"""Against statsmodels and scipy, and values by hand."""

import numpy as np
import pytest

from scenarios.readers.statistics import fleiss_kappa, roc, wilson


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (7, 10), (131, 263)])
def test_wilson_is_that_of_statsmodels(right, n):
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(right, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-12)


def test_kappa_is_that_of_statsmodels_and_of_fleiss_own_table():
    from statsmodels.stats.inter_rater import fleiss_kappa as theirs

    counts = np.random.default_rng(0).multinomial(7, [0.3, 0.7], 25)
    assert fleiss_kappa(counts) == pytest.approx(theirs(counts), abs=1e-12)
    assert fleiss_kappa(np.array([[3, 0], [0, 3]])) == 1.0
    assert fleiss_kappa(np.array([[1, 1], [1, 1]])) == -1.0  # two readers who never agree
    assert np.isnan(fleiss_kappa(np.array([[3, 0], [3, 0]])))


def test_the_area_is_the_rank_sum_and_its_curve_goes_through_hand_values():
    from scipy.stats import mannwhitneyu

    chance = np.random.default_rng(1)
    simulated = chance.random(60) < 0.4
    rating = chance.integers(-5, 6, 60) + simulated
    found = roc(rating, simulated)
    n = simulated.sum() * (~simulated).sum()
    assert found.area == pytest.approx(mannwhitneyu(rating[simulated], rating[~simulated]).statistic / n)
    small = roc(np.array([3, 1, 2, -1]), np.array([True, True, False, False]))
    assert small.false_positive.tolist() == [0, 0, 0.5, 0.5, 1]
    assert small.true_positive.tolist() == [0, 0.5, 0.5, 1, 1]
    assert small.area == 0.75
    assert roc(np.array([1, 2]), np.array([True, True])) is None


def test_the_interval_of_the_area_is_that_of_hanley_and_mcneil():
    """Their example: an area of 0.8932 in 51 and 58 persons has a standard error of 0.0321 (their table II)."""
    simulated = np.repeat([True, False], [51, 58])
    rating = np.concatenate(
        [np.repeat([5, 4, 3, 2, 1], [33, 11, 2, 2, 3]), np.repeat([5, 4, 3, 2, 1], [2, 11, 6, 6, 33])]
    )
    found = roc(rating, simulated)
    assert found.area == pytest.approx(0.893, abs=5e-4)
    assert (found.high - found.area) / 1.96 == pytest.approx(0.0321, abs=5e-4)
