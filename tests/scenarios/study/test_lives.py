"""A study's patients after treatment: the same numbers as a comparison of one, and a truth of their own."""

import numpy as np
import pytest

from scenarios.study.arm import ArmCourses
from scenarios.study.cohort import Member
from scenarios.study.lives import after_treatment
from scenarios.study.organs import Organs
from scenarios.study.settings import Settings
from scenarios.validation.cohort import course_of
from simulators.core.outcome import Treated
from simulators.outcome.calibrated import CalibratedOutcomes
from twin import ClinicalRecord

SAMPLES = 60
RECORD = ClinicalRecord(age_years=63.0, sex="male", stage="IIIB", ecog=1)


def future(members, *schedules):
    arms = [ArmCourses([course_of(s, concurrent=True)], [{}], np.ones(())) for s in schedules]
    shape = (len(arms), len(members), 1 + SAMPLES)
    organs = Organs({}, np.full(shape, 0.2), np.full(shape, 15.0))
    return after_treatment(members, arms, organs, Settings(365, SAMPLES, seed=3), SAMPLES)


def test_a_patient_of_a_study_is_judged_as_in_a_comparison(phantom_twin):
    from dataclasses import replace

    twin = replace(phantom_twin, clinical=RECORD)
    harm = {"pneumonitis": np.full(SAMPLES, 0.2), "mean_heart_dose": np.full(SAMPLES, 15.0)}
    treated = Treated(twin, {}, [course_of("60/30", concurrent=True)] * SAMPLES, np.zeros(SAMPLES), 3)
    alone = CalibratedOutcomes().expected(treated, harm)
    found = future([Member(twin.id, RECORD, twin.gtv_cm3)], "60/30").effects
    for name in ("tumour_control", "local_control_2y", "overall_survival_2y"):
        assert found[name].values[0, 0, 1:] == pytest.approx(alone[name], rel=1e-9), name


def test_the_lives_of_a_cohort_come_true_as_often_as_expected():
    members = [Member(f"p{i}", RECORD, 60.0) for i in range(600)]
    found = future(members, "60/30", "74/37")
    for name, what in (("overall_survival_2y", "death"), ("local_control_2y", "local")):
        expected = found.effects[name].values[:, :, 1:].mean(axis=(1, 2))
        true = (getattr(found.lives, what) > 730.5).mean(axis=1)
        assert true == pytest.approx(expected, abs=3.3 * np.sqrt(0.25 / 600))


def test_who_lacks_age_sex_or_stage_has_control_and_no_life():
    found = future([Member("a", RECORD, 60.0), Member("b", ClinicalRecord(), 60.0)], "60/30")
    assert np.isnan(found.effects["overall_survival_2y"].values[:, 1]).all()
    assert np.isnan(found.lives.death[0, 1]) and np.isfinite(found.effects["tumour_control"].values).all()
    assert not np.isnan(found.effects["overall_survival_2y"].values[:, 0]).any()
