"""How a clinic would have seen the truth."""

import numpy as np
import pytest
from scipy.ndimage import label

from simulators.core.chance import Key, Purpose
from simulators.insilico.acquisition import Anatomy, carried, signed_distance_mm
from twin import Geometry

GRID = Geometry((24, 64, 64), (2.0, 2.0, 2.0))


@pytest.fixture(scope="module")
def ball() -> np.ndarray:
    z, y, x = (2.0 * np.indices(GRID.shape)[k] for k in range(3))
    return (z - 24) ** 2 + (y - 64) ** 2 + (x - 64) ** 2 < 14.0**2


@pytest.fixture(scope="module")
def anatomy(ball) -> Anatomy:
    lung = np.zeros(GRID.shape, bool)
    lung[:, 16:48, 16:48] = True
    return Anatomy(GRID, lung & ~ball, ball, np.ones(GRID.shape, bool), noise_hu=12.0, contour_error=0.1)


def date(k: int) -> Key:
    return Key(0, "p", Purpose.SCANNER, ordinal=10 * (k + 1))


def test_set_up_after_registration_is_about_a_millimetre_where_nothing_breathes(anatomy):
    corner = np.array([anatomy.shift_mm(date(k))[:, 12, 2, 2] for k in range(300)])
    assert 0.9 < corner[:, 2].std() < 1.35
    assert np.abs(corner.mean(axis=0)).max() < 0.25
    assert np.abs(corner).max() < 5.5


def test_the_lung_breathes_more_than_its_walls(anatomy):
    shifts = np.array([anatomy.shift_mm(date(k))[0] for k in range(200)])
    assert shifts[:, 4, 24, 24].std() > 1.6 * shifts[:, 4, 2, 2].std()


def test_noise_has_the_scanners_level_and_is_not_white(anatomy):
    noise = np.stack([anatomy.noise(date(k)) for k in range(12)])
    middle = noise[:, 4:20, 24:40, 24:40]
    assert middle.std() == pytest.approx(12.0, rel=0.3)
    along = np.mean(middle[:, 1:] * middle[:, :-1]) / middle.var()
    assert 0.2 < along < 0.45


def test_drawn_volumes_scatter_as_the_contour_error_says(anatomy, ball):
    distance = signed_distance_mm(ball, GRID.spacing_mm)
    drawn = [anatomy.drawn(distance, date(k)) for k in range(60)]
    logs = np.log([d.sum() / ball.sum() for d in drawn])
    assert 0.05 < logs.std() < 0.09  # half of the variance is the observer's, the same on all dates
    assert all(label(d)[1] == 1 for d in drawn)
    overlap = [2 * (d & ball).sum() / (d.sum() + ball.sum()) for d in drawn]
    assert 0.85 < np.mean(overlap) < 0.97


def test_a_tiny_tumour_is_still_found(anatomy):
    one = np.zeros(GRID.shape, bool)
    one[12, 32, 32] = True
    still = np.zeros((3, *GRID.shape), np.float32)
    distance = carried(signed_distance_mm(one, GRID.spacing_mm), still, GRID.spacing_mm, order=1)
    assert anatomy.drawn(distance, date(0)).sum() >= 1


def test_one_date_is_the_same_bits_twice_and_another_date_differs(anatomy):
    assert np.array_equal(anatomy.noise(date(1)), anatomy.noise(date(1)))
    assert not np.array_equal(anatomy.noise(date(1)), anatomy.noise(date(2)))


def test_a_whole_voxel_shift_moves_values_exactly(ball):
    shift = np.zeros((3, *GRID.shape), np.float32)
    shift[2] = 2.0
    moved = carried(ball.astype(np.float32), shift, GRID.spacing_mm)
    assert np.array_equal(moved[..., :-1], ball[..., 1:].astype(np.float32))
    assert np.array_equal(carried(ball, shift, GRID.spacing_mm, order=0)[..., :-1], ball[..., 1:])
