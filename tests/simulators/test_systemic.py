"""Drugs: hazards change by their ratio, from their start on, for those who have not failed, under common chance."""

import numpy as np
import pytest

from simulators.course import Course, Event
from simulators.multistate import TRIAL, draws, life_times
from simulators.systemic import DRUGS_DISTANT_RATIO, IMMUNE_PROGRESSION_RATIO, Systemic

N = 60_000
U = draws("systemic-test", 0, np.arange(N))
BEGINS = 67.0


def distant(systemic):
    median, sd = TRIAL.relapse_months
    return systemic.distant(U[:, :2], np.full(N, 0.55), median * 30.4375, sd)


def hazard(days, begin, end):
    """Occurrences over time at risk."""
    at_risk = np.clip(days, begin, end) - begin
    return ((days > begin) & (days <= end)).sum() / at_risk.sum()


def test_immunotherapy_scales_the_hazard_of_metastases_after_its_start_and_nothing_before():
    without = distant(Systemic())
    with_it = distant(Systemic(immune_from_days=np.array(BEGINS), immune_ratio=np.array(0.55)))
    before = without <= BEGINS
    np.testing.assert_array_equal(with_it[before], without[before])
    assert (with_it >= without - 1e-9).all()
    for begin, end in ((BEGINS, 250), (250, 500), (500, 1000)):
        assert hazard(with_it, begin, end) / hazard(without, begin, end) == pytest.approx(0.55, abs=0.05)


def test_local_failure_is_spared_by_the_ratio_after_the_start_only():
    local = np.where(np.arange(N) % 2, 50.0, 400.0)
    spared = Systemic(immune_from_days=np.array(BEGINS), immune_ratio=np.array(0.55)).local(local, U[:, -1])
    assert np.isfinite(spared[1::2]).all()
    assert np.isfinite(spared[::2]).mean() == pytest.approx(0.55, abs=0.01)


def test_a_ratio_of_one_changes_nothing():
    without, with_it = (distant(s) for s in (Systemic(), Systemic(immune_from_days=np.array(BEGINS))))
    np.testing.assert_allclose(with_it, without, rtol=1e-6)


def test_courses_say_which_drugs_they_hold():
    def course(*events):
        times, kinds, scales = (np.array(column) for column in zip(*events, strict=True))
        return Course(
            times.astype(float), kinds.astype(np.int8), 0.0 * times, np.full(len(times), -1), scales
        )

    plain = course((0.375, Event.FRACTION, 0.0))
    treated = course(
        (0.3, Event.CHEMOTHERAPY, 0.0), (67.3, Event.IMMUNOTHERAPY, 0.55), (81.3, Event.IMMUNOTHERAPY, 0.55)
    )
    both = Systemic.of([plain, treated])
    np.testing.assert_array_equal(both.distant_ratio, [1.0, DRUGS_DISTANT_RATIO])
    np.testing.assert_array_equal(both.immune_from_days, [np.inf, 67.3])
    np.testing.assert_array_equal(both.immune_ratio, [1.0, IMMUNE_PROGRESSION_RATIO])


def test_chemotherapy_gives_the_published_hazard_ratio_of_death():
    """0.87, and 4 points more alive at two years (NSCLC Collaborative Group 1995)."""
    rng = np.random.default_rng(0)
    local = np.where(rng.random(N) < 0.5, 39 + rng.exponential(500, N), np.inf)
    arms = [
        life_times(U, local_days=local, stage=2, age_years=62.0, male=True, end_days=39.0, systemic=s).death
        for s in (Systemic(), Systemic(distant_ratio=DRUGS_DISTANT_RATIO))
    ]
    gain = (arms[1] > 730).mean() - (arms[0] > 730).mean()
    assert gain == pytest.approx(0.04, abs=0.015)
