"""All paired scores in one call."""

import numpy as np
import pytest

from models.metrics import LESS_IS_BETTER, paired_scores

RNG = np.random.default_rng(0)
TRUTH = np.cumsum(RNG.normal(0, 20, (96, 96)), axis=0)
WHERE = np.zeros(TRUTH.shape, bool)
WHERE[8:88, 8:88] = True


def test_more_noise_is_worse_by_every_score():
    noise = RNG.normal(0, 1, TRUTH.shape)
    few, many = (paired_scores(TRUTH + sd * noise, TRUTH, WHERE, -500, 500) for sd in (20, 80))
    for name, value in few.items():
        assert value < many[name] if name in LESS_IS_BETTER else value > many[name], name


def test_errors_are_those_of_the_part_within_the_range():
    made = TRUTH + np.where(WHERE, 30.0, 1e6)
    far = paired_scores(np.where(WHERE, made, -1e6), np.where(WHERE, TRUTH, 0), WHERE, -5000, 5000)
    assert far["mae"] == pytest.approx(30) and far["rmse"] == pytest.approx(30)
    assert far["psnr_db"] == pytest.approx(20 * np.log10(10_000 / 30))
    assert paired_scores(TRUTH + 30, TRUTH, WHERE, 1e6, 2e6)["mae"] == 0  # both lie below


def test_an_empty_part_has_no_score():
    assert all(np.isnan(v) for v in paired_scores(TRUTH, TRUTH, WHERE & False, -500, 500).values())
