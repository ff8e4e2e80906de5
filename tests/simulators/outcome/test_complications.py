"""Dose-effect relations give their published numbers, and each row says what it counts."""

from dataclasses import replace

import numpy as np
import pytest

from scenarios.validation.cohort import course_of
from simulators.outcome.complications import (
    COMPLICATIONS,
    PNEUMONITIS_ONSET_MONTHS,
    acute_log_odds_of_time,
    coefficient_draws,
    hurry_draws,
    lkb,
    logistic,
    lung_coefficients,
    normal_tissue_eqd2,
    pneumonitis_with_risk_factors,
)
from twin import ClinicalRecord


def test_pneumonitis_by_mean_lung_dose():
    dose = np.array([10.0, 15, 20, 25, 30])
    rows = {c.name: c for c in COMPLICATIONS}
    by_logistic = 100 * rows["pneumonitis"].probability(dose)
    by_lkb = 100 * rows["pneumonitis_lkb"].probability(dose)
    np.testing.assert_allclose(by_logistic, [6.85, 12.13, 20.59, 32.74, 47.75], atol=0.005)
    np.testing.assert_allclose(by_lkb, [3.40, 8.28, 17.16, 30.54, 47.20], atol=0.005)
    assert logistic(30.7, -3.87, 0.126) == pytest.approx(0.5, abs=0.001)


def test_risk_factors_shift_pneumonitis_and_a_missing_one_is_not_filled_in():
    low = ClinicalRecord(smoking="current", comorbidity=False, age_years=60, chemotherapy="none")
    high = ClinicalRecord(smoking="never", comorbidity=True, age_years=70, chemotherapy="sequential")
    assert pneumonitis_with_risk_factors(20.0, low, False) == pytest.approx(logistic(20.0, -5.24, 0.138))
    expected = logistic(20.0, -4.76 + 0.82 + 0.51 + 0.47 + 0.63, 0.138)
    assert pneumonitis_with_risk_factors(20.0, high, True) == pytest.approx(expected)
    assert pneumonitis_with_risk_factors(20.0, ClinicalRecord(), True) is None
    assert pneumonitis_with_risk_factors(20.0, high, None) is None


def test_half_of_the_patients_at_td50():
    assert lkb(np.array(30.8), 30.8, 0.37) == pytest.approx(0.5)


def test_hypofractionation_counts_more_in_normal_tissue():
    assert normal_tissue_eqd2(np.array(54.0), 3) == pytest.approx(54 * (1 + 18 / 3) / (1 + 2 / 3))
    assert normal_tissue_eqd2(np.array(0.0), 3) == 0


def test_every_row_says_what_it_counts_and_rises_with_dose():
    for row in COMPLICATIONS:
        assert row.grade and row.window and row.source and row.endpoint
        dose = np.linspace(0, 1 if row.metric == "hot" else 80, 200)
        risk = row.probability(dose)
        assert risk.shape == dose.shape and ((risk >= 0) & (risk <= 1)).all() and (np.diff(risk) >= 0).all()


def test_onset_of_pneumonitis():
    from scipy.special import ndtr

    median, sd = PNEUMONITIS_ONSET_MONTHS
    assert 2.5 <= median <= 3
    assert ndtr(np.log(8 / median) / sd) - ndtr(np.log(1 / median) / sd) == pytest.approx(0.9, abs=0.001)


def test_oesophagitis_has_the_rates_of_the_published_groups():
    rate = {c.name: c for c in COMPLICATIONS}["oesophagitis"].probability
    np.testing.assert_allclose(rate(np.array([0.0, 0.085, 0.30, 0.9])), [0.04, 0.12, 0.22, 0.22])


def test_oesophagitis_of_an_accelerated_course_by_hand():
    """54 Gy three times a day in 12 days, at a point of the oesophagus: 4 % of Palma's at 65 Gy with drugs."""
    row = {c.name: c for c in COMPLICATIONS}["oesophagitis"]
    chart, conventional = course_of("CHART", False), course_of("60/30", False)
    hours = np.diff(chart.time_days[:2])[0] * 24
    phi = 2 ** (-hours / 1.5)
    h = 2 / 3 * phi / (1 - phi) * (3 - (1 - phi**3) / (1 - phi))
    fractions = (
        54 * (1 + 1.5 * (1 + h) / 10) / 1.2 / 2
    )  # 26.1 of 2 Gy: on the 36th day the 26th, on the 37th the 27th
    saved = 36 + (fractions - 26) - 12
    odds = 0.04 / 0.96 * 1.094 ** (2 * fractions - 65) * np.exp(0.093 * saved)
    one = np.ones(1)
    assert row.risk(0 * one, one, [chart]) == pytest.approx(odds / (1 + odds))
    odds *= (0.04 / 0.96) / (0.18 / 0.82)  # Auperin: without concurrent drugs
    assert row.risk(0 * one, one, [chart], concurrent=False) == pytest.approx(odds / (1 + odds))
    assert row.risk(0 * one, 0 * one, [chart]) == pytest.approx(
        0.04
    )  # an oesophagus without dose has no hurry
    odds = 0.22 / 0.78 * 1.094**-5  # the whole of it gets 60 Gy for 65, in its time
    assert row.risk(one, one, [conventional]) == pytest.approx(odds / (1 + odds))
    late = {c.name: c for c in COMPLICATIONS}["pneumonitis"]
    np.testing.assert_array_equal(late.risk(20 * one, one, [chart]), late.probability(20 * one))


def test_a_missed_week_lowers_the_risk_of_oesophagitis_and_its_days_count_as_a_trials():
    gap = replace(course_of("60/30", False))
    times = gap.time_days + 7.0 * (gap.time_days > 20)
    longer = replace(gap, time_days=times)
    assert acute_log_odds_of_time(longer) == pytest.approx((-7 * 0.8 * np.log(1.094), 7 * 0.04))
    draws = hurry_draws(20_000, 0)
    assert draws.mean() == pytest.approx(0.0, abs=0.03) and draws.std() == pytest.approx(1.0, rel=0.03)
    np.testing.assert_array_equal(draws[:5], hurry_draws(5, 0))


def test_several_fractions_a_day_worsen_oesophagitis_and_one_large_one_hardly():
    """CHART's odds ratio to 60/30 was 7.6; courses of one fraction a day in three weeks had 15 to 25 %."""
    row = {c.name: c for c in COMPLICATIONS}["oesophagitis"]
    one, hot = np.ones(4000), 0.085 * np.ones(4000)

    def risk(schedule, concurrent):
        course = course_of(schedule, concurrent)
        return row.risk(hot, one, [course], hurry=hurry_draws(4000, 0), concurrent=concurrent).mean()

    chart, conventional = risk("CHART", False), risk("60/30", False)
    assert 4.0 < chart / (1 - chart) / (conventional / (1 - conventional)) < 7.6
    assert 0.10 < risk("60/15", True) < 0.30
    assert risk("60/15", True) > risk("60/30", True)


def test_cardiac_risk_has_the_published_rates_and_no_step():
    rate = {c.name: c for c in COMPLICATIONS}["cardiac_events_2y"].probability
    np.testing.assert_allclose(rate(np.array([2.0, 5.0, 15.0, 25.0])), [0.04, 0.04, 0.07, 0.21])
    dose = np.linspace(0.0, 60.0, 6001)
    assert np.diff(rate(dose)).max() < 3e-4  # of a hundredth of a Gy


def test_the_fit_of_pneumonitis_is_as_unsure_as_its_source_says():
    row = next(c for c in COMPLICATIONS if c.name == "pneumonitis")
    draws = coefficient_draws(row.name, 4000, 0)
    one = np.ones(len(draws))
    half = (
        -lung_coefficients(3.87 / 0.126 * one, draws) / 0.126
    )  # where half suffer it, less that of the mean, Gy
    assert np.quantile(half, [0.025, 0.975]) == pytest.approx([28.7 - 30.7, 33.9 - 30.7], abs=0.8)
    for gray in (8.0, 13.0, 20.0):
        drawn = row.risk(gray * one, one, [], coefficients=draws)
        assert drawn.mean() == pytest.approx(row.probability(np.array(gray)), rel=0.1)
        assert drawn.std() > 0.1 * drawn.mean()
    assert (row.risk(one, one, [], coefficients=0 * draws) == row.probability(one)).all()
