"""The guard: near what was learned, far from what was not, in multiples of its own percentile."""

import json

import numpy as np
import pytest

from models.guard import PATTERN, Guard


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


def test_a_setting_beyond_its_range_is_read_though_it_is_small_among_many_numbers():
    numbers, dose = seen(300, 5, (-1.0, 1.0))
    patients = [f"p{i // 2}" for i in range(300)]
    nothing = np.random.default_rng(8).uniform(size=300)
    reading = Guard.fitted(numbers, patients, {"dose": dose, "of no consequence": nothing})
    assert reading.readings == ("dose",)
    usual, low = seen(1000, 6, (-1.0, 1.0))[0], seen(1000, 7, (-2.0, -2.0))[0]
    assert 0.01 < (reading.distance(usual) > 1).mean() < 0.12
    assert (
        (reading.distance(low) > 1).mean() > 0.9 > (Guard.fitted(numbers, patients).distance(low) > 1).mean()
    )
    assert np.mean([by == "dose" for by in reading.furthest(low)]) > 0.9
    odd = usual.copy()
    odd[:, 4] += 20.0
    assert np.mean([by == PATTERN for by in reading.furthest(odd)]) > 0.9
    again = Guard.from_facts(json.loads(json.dumps(reading.facts())))
    np.testing.assert_allclose(again.distance(low), reading.distance(low), rtol=1e-3)


def test_a_guard_of_before_there_were_readings_is_still_read(guard):
    former = {k: v for k, v in guard.facts().items() if k not in ("readings", "weights", "offset", "limits")}
    former["limit"] = float(guard.limits[0])
    some = scans(20, 4)
    np.testing.assert_allclose(Guard.from_facts(former).distance(some), guard.distance(some), rtol=1e-3)


def seen(n, seed, settings):
    """Numbers of scans of which a setting moves two a little, and patients all."""
    setting = np.random.default_rng(seed).uniform(*settings, n)
    numbers = scans(n, seed, hidden=6, numbers=30) + 0.6 * np.random.default_rng(100 + seed).normal(
        size=(n, 30)
    )
    for k in range(6):
        numbers[:, k] += 0.8 * setting
    return numbers, setting
