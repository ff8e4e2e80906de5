"""The calibrated outcome model: lives that follow the curves, and what moves them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from scenarios.validation.cohort import course_of
from simulators.core.outcome import Treated
from simulators.outcome.calibrated import CalibratedOutcomes
from twin import ClinicalRecord, Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

MODEL = CalibratedOutcomes()
ADVANCED = ClinicalRecord(age_years=63.0, sex="male", stage="IIIB", ecog=1)


@cache
def patient(gtv_cm3):
    """A tumour of a volume: a box of voxels in a CT of nothing."""
    side = round(1000 * gtv_cm3) ** (1 / 3) / 8
    grid = Geometry((16, 16, 16), (side, side, side), (0.0, 0.0, 0.0))
    gtv = np.zeros(grid.shape, dtype=bool)
    gtv[4:12, 4:12, 4:12] = True
    ct = Scan("ct", 0.0, Volume(grid, np.zeros(grid.shape, dtype=np.int16), "CT", "HU"))
    return PatientTwin("p", scans=(ct,), structures=(StructureSet(grid, ()).with_mask("GTVp", "GTV", gtv),))


def treated(schedule, clinical=ADVANCED, gtv_cm3=80.0, concurrent=True, n=400, seed=0):
    twin = replace(patient(gtv_cm3), clinical=clinical)
    return Treated(twin, {}, [course_of(schedule, concurrent)] * n, np.zeros(n), seed)


@pytest.mark.parametrize(
    ("outcome", "time", "day"),
    [
        ("overall_survival_2y", "death", 730.5),
        ("overall_survival_5y", "death", 1826.25),
        ("progression_free_survival_2y", "progression", 730.5),
        ("local_control_2y", "local", 730.5),
    ],
)
def test_lives_are_drawn_from_the_curves_that_give_the_expected_values(outcome, time, day):
    case = treated("60/30", n=20_000)
    share = (getattr(MODEL.lives(case, {}), time) > day).mean()
    assert share == pytest.approx(MODEL.expected(case, {})[outcome].mean(), abs=0.015)


def test_control_rises_with_dose_and_falls_with_volume_and_lost_time():
    def control(schedule, **more):
        return MODEL.control(treated(schedule, **more)).mean()

    assert control("74/37") > control("60/30") > control("60/30", gtv_cm3=300.0)
    assert control("54/3", gtv_cm3=9.0, concurrent=False) > 0.8


def test_the_interval_is_what_the_model_does_not_know_and_200_draws_give_it():
    def bounds(n, seed):
        values = MODEL.expected(treated("60/30", n=n, seed=seed), {})["overall_survival_2y"]
        return np.quantile(values, [0.1, 0.9])

    many = bounds(4000, 0)
    width = many[1] - many[0]
    off = np.abs([bounds(200, seed) - many for seed in range(20)])
    assert width > 0.1
    assert (np.median(off, axis=0) < 0.1 * width).all()


def test_the_same_plan_twice_differs_in_nothing_and_another_keeps_the_spread_between_arms():
    one, same, other = (MODEL.expected(treated(s), {})["tumour_control"] for s in ("60/30", "60/30", "66/33"))
    assert (one == same).all()
    assert (other - one).std() > 0.01


def test_performance_status_is_graded_and_missing_is_the_mean_of_trials():
    def alive(ecog):
        return MODEL.expected(treated("60/30", with_ecog(ecog)), {})["overall_survival_2y"].mean()

    assert alive(0) > alive(None) > alive(1) > alive(2)


def with_ecog(ecog):
    return ADVANCED.model_copy(update={"ecog": ecog})


def test_survival_needs_age_sex_and_stage_and_control_does_not():
    nobody = treated("60/30", ClinicalRecord())
    assert set(MODEL.expected(nobody, {})) == {"tumour_control", "local_control_2y"}
    with pytest.raises(InputError, match="age_years, sex and a stage"):
        MODEL.lives(nobody, {})


def test_dose_to_the_heart_and_pneumonitis_shorten_lives_as_much_as_they_lower_the_expected_value():
    case = treated("60/30", n=20_000)
    harm = {"pneumonitis": np.full(20_000, 0.6), "mean_heart_dose": np.full(20_000, 30.0)}
    expected = [MODEL.expected(case, h)["overall_survival_2y"].mean() for h in ({}, harm)]
    assert expected[1] < expected[0] - 0.05
    assert (MODEL.lives(case, harm).death > 730.5).mean() == pytest.approx(expected[1], abs=0.015)


def test_no_treatment_controls_nothing():
    case = treated("60/30")
    empty = replace(case.courses[0], dose_gy=np.zeros_like(case.courses[0].dose_gy))
    assert MODEL.control(replace(case, courses=[empty] * 400)).max() < 1e-3
