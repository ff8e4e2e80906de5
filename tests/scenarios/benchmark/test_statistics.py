"""Ranks and adjusted p values, against scipy and what is worked by hand."""

import numpy as np
import pytest
from scipy.stats import friedmanchisquare

from scenarios.benchmark.statistics import friedman_ranks, holm


def test_ranks_are_means_over_patients_and_p_is_friedmans():
    table = np.array([[1.0, 2.0, 3.0], [1.5, 2.5, 2.0], [0.1, 0.2, 0.3], [5.0, 7.0, 6.0]])
    ranks, p = friedman_ranks(table)
    np.testing.assert_allclose(ranks, [1.0, 2.5, 2.5])
    assert p == pytest.approx(friedmanchisquare(*table.T).pvalue)
    assert np.isnan(friedman_ranks(table[:, :2])[1]) and np.isnan(friedman_ranks(table[:1])[1])


def test_what_was_not_tested_does_not_count_in_holm():
    found = holm([0.02, float("nan"), 0.01])
    assert found[0] == pytest.approx(0.02) and np.isnan(found[1]) and found[2] == pytest.approx(0.02)
