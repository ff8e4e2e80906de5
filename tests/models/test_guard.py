"""The guard: near what was learned, far from what was not, in multiples of its own percentile."""

import json

import numpy as np
import pytest

from models.guard import Guard


def scans(n, seed, hidden=3, numbers=12):
    """Numbers that three causes make, with a little noise."""
    rng = np.random.default_rng(seed)
    causes = rng.uniform(-1, 1, (n, hidden))
    return causes @ np.random.default_rng(0).normal(size=(hidden, numbers)) + 0.1 * rng.normal(
        size=(n, numbers)
    )


@pytest.fixture(scope="module")
def guard():
    return Guard.fitted(scans(120, 1), [f"p{i // 2}" for i in range(120)])


def test_one_in_twenty_unseen_patients_of_the_same_kind_alarms(guard):
    share = (guard.distance(scans(2000, 2)) > 1).mean()
    assert 0.01 < share < 0.12


def test_a_cause_beyond_its_range_and_numbers_that_break_the_pattern_are_far(guard):
    far = 3 * np.random.default_rng(0).normal(size=(3, 12))[0]
    assert guard.distance(far[None])[0] > 2
    odd = scans(50, 3)
    odd[:, 4] += 3.0
    assert (guard.distance(odd) > 1).mean() > 0.9


def test_what_is_missing_says_nothing_and_json_keeps_it(guard):
    some = scans(20, 4)
    some[:, 7] = np.nan
    again = Guard.from_facts(json.loads(json.dumps(guard.facts())))
    assert np.isfinite(guard.distance(some)).all()
    np.testing.assert_allclose(again.distance(some), guard.distance(some), rtol=1e-3)
