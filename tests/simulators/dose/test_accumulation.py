"""Accumulated and delivered dose."""

import numpy as np
import pytest
from scipy.special import ndtr

from simulators import Key, Purpose
from simulators.dose.accumulation import SetUp, accumulated, alpha_beta_gy, delivered_at
from simulators.dose.dvh import dvh
from twin import DoseGrid, Fraction, Geometry, InputError, StructureSet, Volume

GRID = Geometry((16, 16, 60), (3.0, 3.0, 1.0), (-30.0, -24.0, -24.0))
KEY = Key(1, "p", Purpose.DOSE)


def plan(function, name="60/30", total=60.0):
    x = GRID.lps(np.stack([np.zeros(60), np.zeros(60), np.arange(60)], axis=-1))[:, 0]
    values = np.broadcast_to(function(x), GRID.shape).astype(np.float32)
    return {name: DoseGrid(name, Volume(GRID, values.copy(), "DOSE", "Gy"), total)}


def course(n, scale, name="60/30"):
    return [Fraction(i + 0.375, 2.0, name, scale) for i in range(n)]


def test_fractions_sum_to_the_course_and_half_a_course_to_half():
    doses = plan(lambda x: 60 + x)
    np.testing.assert_allclose(
        accumulated(doses, course(30, 1 / 30), GRID).array, doses["60/30"].volume.array, rtol=1e-5
    )
    half = accumulated(doses, course(15, 1 / 30), GRID).array
    np.testing.assert_allclose(half, doses["60/30"].volume.array / 2, rtol=1e-5)


def test_eqd2_is_taken_per_fraction_before_summing():
    # 20 fractions of 2 Gy and 3 of 8 Gy at one point: 40 + 24 (8 + 3) / 5.
    doses = plan(lambda x: 0 * x + 40, "a") | plan(lambda x: 0 * x + 24, "b")
    fractions = course(20, 1 / 20, "a") + course(3, 1 / 3, "b")
    summed = accumulated(doses, fractions, GRID, alpha_beta_gy=3.0)
    assert summed.array[8, 8, 30] == pytest.approx(40 + 24 * 11 / 5, rel=1e-5)
    # Half the dose in as many fractions is less than half the effect.
    low = accumulated(plan(lambda x: 0 * x + 30), course(30, 1 / 30), GRID, alpha_beta_gy=3.0)
    assert low.array[0, 0, 0] == pytest.approx(30 * (1 + 3) / 5, rel=1e-5)


def test_a_dvh_of_eqd2_takes_the_structure_s_own_alpha_beta():
    doses = plan(lambda x: 0 * x + 54, "54/3", 54.0)
    cord = np.zeros(GRID.shape, bool)
    cord[4:12, 4:8, 20:30] = True
    structures = StructureSet(GRID, ()).with_mask("SpinalCord", "OAR", cord)
    summed = accumulated(doses, course(3, 1 / 3, "54/3"), GRID, alpha_beta_gy=alpha_beta_gy("SpinalCord"))
    assert dvh(summed, structures, "SpinalCord").mean_gy == pytest.approx(54 * (18 + 2) / 4, rel=1e-5)


def lps(geometry):
    return geometry.lps(np.moveaxis(np.indices(geometry.shape, dtype=np.float64), 0, -1)).reshape(-1, 3)


def test_without_errors_or_motion_delivered_is_accumulated():
    doses = plan(lambda x: 60 - np.abs(x))
    a = accumulated(doses, course(30, 1 / 30), GRID, alpha_beta_gy=10.0)
    b = delivered_at(doses, course(30, 1 / 30), lps(GRID), np.zeros((1, 30, 3)), alpha_beta_gy=10.0)
    np.testing.assert_allclose(a.array, b.reshape(GRID.shape), rtol=1e-4)


def test_random_errors_blur_a_field_edge_into_an_error_function():
    doses = plan(lambda x: np.where(x < 0, 60.0, 0.0))
    x, n = np.arange(21) - 10.0, 4000
    points = np.stack([x, np.zeros(21), np.zeros(21)], axis=-1)
    shifts = SetUp(0.0, 2.5).many(KEY, [0], n)
    blurred = delivered_at(doses, course(n, 1 / n), points, shifts)[0]
    np.testing.assert_allclose(blurred, 60 * ndtr((-x - 0.5) / 2.5), atol=2.0)


def test_the_systematic_error_stays_and_the_first_fractions_do_not_depend_on_the_course():
    shifts = SetUp(2.0, 0.0).shifts(KEY, 5)
    np.testing.assert_array_equal(shifts, np.broadcast_to(shifts[0], (5, 3)))
    np.testing.assert_array_equal(SetUp().shifts(KEY, 30)[:20], SetUp().shifts(KEY, 20))
    many = np.array([SetUp().shifts(KEY.at(sample=s), 1)[0] for s in range(3000)])
    np.testing.assert_allclose(many.std(axis=0), np.hypot(2.0, 2.5), rtol=0.05)
    np.testing.assert_allclose(many.mean(axis=0), 0.0, atol=0.2)


def test_tissue_that_moves_takes_the_dose_of_where_it_is():
    doses = plan(lambda x: 30 + x)
    rest = np.array([[-5.0, 1.0, 2.0], [4.0, 0.0, 0.0]])
    paths = rest + np.array([[[0.0, 0.0, 0.0]], [[2.0, 0.0, 0.0]], [[6.0, 1.0, 0.0]]])
    stages = np.zeros((3, 20))
    stages[1, 10:] = 2.0
    stages[2, 10:] = 1.25  # 2 mm and a quarter of the 4 after it
    moved = delivered_at(doses, course(20, 1 / 20), paths, np.zeros((3, 20, 3)), stages=stages)
    np.testing.assert_allclose(moved[0], 30 + rest[:, 0], rtol=1e-5)
    # 10 of 20 fractions so much further on, by 1 Gy a mm.
    np.testing.assert_allclose(moved[1:] - moved[0], [[3.0, 3.0], [1.5, 1.5]], rtol=1e-4)


def test_an_unknown_grid_is_named():
    with pytest.raises(InputError, match="no dose grid '70/35'; there are: 60/30"):
        accumulated(plan(lambda x: x * 0), course(1, 1.0, "70/35"), GRID)
