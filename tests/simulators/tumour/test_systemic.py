"""Drugs: hazards change by their ratio, from their start on, for those who have not failed, under common chance."""

import numpy as np
import pytest

from scenarios.validation.cohort import hazard_ratio
from simulators.belief.prior import prior_belief
from simulators.core.course import Course, Event
from simulators.outcome.life import TRIAL, draws, life_times
from simulators.tumour.dose_volume import DoseVolumeKinetics
from simulators.tumour.systemic import DRUGS_DISTANT_RATIO, IMMUNE_PROGRESSION_RATIO, Systemic
from twin import PatientTwin

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
    np.testing.assert_array_equal(both.drugs, [0.0, 1.0])
    np.testing.assert_allclose(both.distant_ratio(0.0), [1.0, DRUGS_DISTANT_RATIO])
    np.testing.assert_array_equal(both.immune_from_days, [np.inf, 67.3])
    np.testing.assert_array_equal(both.immune_ratio, [1.0, IMMUNE_PROGRESSION_RATIO])


def test_chemotherapy_gives_the_published_hazard_ratio_of_death():
    """0.87, and 4 points more alive at two years (NSCLC Collaborative Group 1995)."""
    rng = np.random.default_rng(0)
    local = np.where(rng.random(N) < 0.5, 39 + rng.exponential(500, N), np.inf)
    arms = [
        life_times(U, local_days=local, stage=2, age_years=62.0, male=True, end_days=39.0, systemic=s).death
        for s in (Systemic(drugs=0.0), Systemic(drugs=1.0))
    ]
    gain = (arms[1] > 730).mean() - (arms[0] > 730).mean()
    assert gain == pytest.approx(0.04, abs=0.005)
    assert hazard_ratio(arms[1], arms[0]) == pytest.approx(0.87, abs=0.01)


def test_three_sequential_cycles_shrink_the_tumour_by_41_per_cent_and_leave_control_as_it_is():
    """Median of -41 % after platinum-based induction (Chen 2011)."""

    def course(drugs):
        events = [(time, Event.CHEMOTHERAPY, 0.0) for time in drugs]
        events += [(63.375 + 7 * (i // 5) + i % 5, Event.FRACTION, 2.0) for i in range(30)]
        events.append((events[-1][0], Event.COURSE_END, 0.0))
        times, kinds, doses = (np.array(column) for column in zip(*events, strict=True))
        nothing = np.zeros(len(times))
        return Course(
            times.astype(float), kinds.astype(np.int8), doses, np.full(len(times), -1, np.int16), nothing
        )

    twin = PatientTwin("sequential")
    params = prior_belief(twin, 2000, 0).samples
    kinetics = DoseVolumeKinetics(80.0)
    found = [
        kinetics.follow(kinetics.start(twin, params), params, [course(drugs)], np.array([63.0, 110.0]))
        for drugs in ((), (0.36, 21.36, 42.36))
    ]
    (without, plain), (with_drugs, treated) = found
    assert np.median(with_drugs[:, 0]) / 80.0 == pytest.approx(0.59, abs=0.02)
    assert (with_drugs < without).all()
    np.testing.assert_array_equal(treated.survivors, plain.survivors)
    np.testing.assert_array_equal(treated.log_survival, plain.log_survival)
