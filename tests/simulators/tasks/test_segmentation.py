"""The fixed segmentation on balls in lung whose volume is known."""

import numpy as np
import pytest

from simulators.tasks.segmentation import Segmentation, density_error

SPACING_MM = (2.0, 2.0, 2.0)
Z, Y, X = np.indices((40, 56, 56))


def ball(radius_mm):
    return radius_mm**2 >= 4.0 * ((Z - 20) ** 2 + (Y - 28) ** 2 + (X - 28) ** 2)


def image(gtv, noise=0.0):
    hu = np.where(gtv, 40.0, np.where(X > 50, 50.0, -800.0))
    return np.rint(hu + noise * np.random.default_rng(0).standard_normal(hu.shape)).astype(np.int16)


def cm3(mask):
    return float(mask.sum()) * np.prod(SPACING_MM) / 1000.0


def test_it_measures_a_ball_in_lung():
    measure = Segmentation(image(ball(16.0), noise=20.0), ball(16.0), SPACING_MM)
    for radius in (8.0, 12.0, 16.0, 22.0):
        assert measure.cm3(image(ball(radius), noise=20.0)) == pytest.approx(cm3(ball(radius)), rel=0.06)


def test_it_does_not_take_a_scar_for_tumour():
    measure = Segmentation(image(ball(16.0)), ball(16.0), SPACING_MM)
    scar = ball(16.0) & (X < 24)
    assert not (scar & ball(8.0)).any() and cm3(scar) > 2.0
    scarred = np.where(scar, -150, image(ball(8.0)))
    assert measure.cm3(scarred) == pytest.approx(cm3(ball(8.0)), rel=0.25)  # the scar's edge touches it
    assert measure.cm3(np.where(ball(16.0), -150, -800)) == 0.0


def test_lung_of_twice_the_density_is_off_by_the_logarithm_of_two():
    lung = X <= 50
    sparse = np.full(lung.shape, -800.0)
    assert density_error(sparse + 200.0, sparse, lung) == pytest.approx(np.log(2.0))
    assert density_error(sparse, sparse, lung) == 0.0
