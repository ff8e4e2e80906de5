"""What courses mean to the calibrated model."""

from dataclasses import replace

import numpy as np
import pytest

from scenarios.validation.cohort import course_of
from simulators.outcome.given import Given, plan_of

COURSE = replace(course_of("60/30", concurrent=True), grids=("plan",))
COURSE = replace(COURSE, grid=np.where(COURSE.dose_gy > 0, 0, -1).astype(np.int16))


def total(relative, bin_fraction=1.0):
    return float(Given.of([COURSE], [{"plan": np.atleast_1d(relative)}], bin_fraction).total_gy[0])


def test_a_plan_is_dose_time_and_drugs():
    found = Given.of([COURSE, course_of("54/36 tid", concurrent=False)])
    assert found.total_gy == pytest.approx([60.0, 54.0]) and found.days.tolist() == [40.0, 16.0]
    assert found.drugs.tolist() == found.concurrent.tolist() == [1.0, 0.0]
    assert (
        found.size_gy[0] == pytest.approx(2.0) and found.size_gy[1] > 1.5
    )  # repair is incomplete within a day


def test_a_tumour_that_is_missed_in_part_has_less_and_a_hot_spot_gives_no_more():
    assert total(1.0) == total(0.95) == total([1.2, 1.0, 0.97], np.full(3, 1 / 3)) == pytest.approx(60.0)
    assert total(0.9) == pytest.approx(60 * 0.9 / 0.95)
    cold = total([0.1, 1.0], np.array([0.05, 0.95]))
    assert cold < 25.0  # a twentieth of the tumour has next to nothing
    assert total([0.1, 1.0], np.array([0.001, 0.999])) > cold


def test_nothing_given_is_nothing_and_equal_courses_have_one_name():
    nothing = replace(COURSE, dose_gy=0 * COURSE.dose_gy)
    assert Given.of([nothing]).total_gy.tolist() == [0.0]
    assert plan_of(COURSE) == plan_of(course_of("60/30", concurrent=False)) != plan_of(nothing)


def test_courses_take_the_doses_of_their_patient():
    found = Given.of([COURSE] * 4, [{"plan": np.ones(1)}, {"plan": np.full(1, 0.5)}])
    assert found.total_gy[:2].tolist() == [60.0, 60.0] and found.total_gy[2] == found.total_gy[3] < 35.0
