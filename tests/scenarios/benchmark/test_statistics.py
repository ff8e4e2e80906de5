"""Ranks and adjusted p values, against scipy and what is worked by hand."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from scenarios.benchmark.statistics import agreement, friedman_ranks, holm


def test_ranks_are_means_over_patients_and_p_is_friedmans():
    table = np.array([[1.0, 2.0, 3.0], [1.5, 2.5, 2.0], [0.1, 0.2, 0.3], [5.0, 7.0, 6.0]])
    ranks, p = friedman_ranks(table)
    np.testing.assert_allclose(ranks, [1.0, 2.5, 2.5])
    assert p == pytest.approx(friedmanchisquare(*table.T).pvalue)
    assert np.isnan(friedman_ranks(table[:, :2])[1]) and np.isnan(friedman_ranks(table[:1])[1])


def test_what_was_not_tested_does_not_count_in_holm():
    found = holm([0.02, float("nan"), 0.01])
    assert found[0] == pytest.approx(0.02) and np.isnan(found[1]) and found[2] == pytest.approx(0.02)


def test_agreement_is_that_of_shrout_and_fleiss():
    """Their table 2: six targets by four judges; ICC(2,1) is 0.29."""
    table = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
    )
    assert agreement(table) == pytest.approx(0.2898, abs=5e-5)
    assert agreement(np.repeat(table[:, :1], 3, axis=1)) == pytest.approx(1)
    assert np.isnan(agreement(np.ones((3, 2))))
