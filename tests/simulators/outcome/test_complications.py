"""Dose-effect relations give their published numbers, and each row says what it counts."""

import numpy as np
import pytest

from simulators.outcome.complications import (
    COMPLICATIONS,
    PNEUMONITIS_ONSET_MONTHS,
    lkb,
    logistic,
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
        dose = np.linspace(0, 1 if row.metric == "v60" else 80, 200)
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


def test_cardiac_risk_has_the_published_rates_and_no_step():
    rate = {c.name: c for c in COMPLICATIONS}["cardiac_events_2y"].probability
    np.testing.assert_allclose(rate(np.array([2.0, 5.0, 15.0, 25.0])), [0.04, 0.04, 0.07, 0.21])
    dose = np.linspace(0.0, 60.0, 6001)
    assert np.diff(rate(dose)).max() < 3e-4  # of a hundredth of a Gy
