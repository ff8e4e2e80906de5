"""How the numbers of a condition come to mean 0 and variance 1."""

import numpy as np
import pytest

from models import Condition
from models.condition import fitted


def normalised(condition, values):
    logged = np.log(values + condition.log_offset) if condition.log_offset > 0 else values
    return (logged - condition.mean) / condition.spread


@pytest.mark.parametrize("skewed", [True, False])
def test_a_logarithm_is_taken_where_it_is_the_less_skewed(skewed):
    normal = np.random.default_rng(0).normal(size=4000)
    values = np.exp(normal) if skewed else 70 + 10 * normal
    condition = Condition(name="c").fitted(values)
    assert (condition.log_offset > 0) == skewed
    made = normalised(condition, values)
    assert made.mean() == pytest.approx(0, abs=1e-9) and made.std() == pytest.approx(1)


def test_what_is_missing_does_not_count_and_what_is_always_missing_changes_nothing():
    usual = Condition(name="c", group="dose", telling=True)
    values = np.array([1.0, np.nan, 2.0, 4.0])
    assert usual.fitted(values) == usual.fitted(values[np.isfinite(values)])
    assert usual.fitted(values).group == "dose" and usual.fitted(values).telling
    assert usual.fitted(np.full(3, np.nan)) == usual


def test_each_condition_is_fitted_to_its_own_column():
    vectors = np.array([[-1.0, 10.0], [1.0, 12.0]])
    one, other = fitted((Condition(name="a"), Condition(name="b")), vectors)
    assert (one.mean, one.spread) == (0.0, 1.0)
    assert other == Condition(name="b").fitted(vectors[:, 1])


def test_a_condition_that_is_always_the_same_has_a_spread():
    assert Condition(name="c").fitted(np.full(5, -3.0)).spread == 1e-3
