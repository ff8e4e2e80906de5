import numpy as np
import pytest

from twin.contours.outlines import outlines
from twin.contours.planar import coverage


def _back(mask):
    return coverage(outlines(mask), mask.shape)


@pytest.mark.parametrize("seed", range(8))
def test_outlines_give_the_same_mask_back_exactly(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((17, 23)) < (
        0.2 + 0.1 * seed
    )  # specks, holes, holes in islands in holes, corners that touch
    np.testing.assert_allclose(_back(mask), mask, atol=1e-9)


def test_a_ring_is_one_contour_with_a_keyhole():
    mask = np.zeros((9, 9), bool)
    mask[1:8, 1:8] = True
    mask[3:6, 3:6] = False
    assert len(outlines(mask)) == 1
    np.testing.assert_array_equal(_back(mask), mask)


def test_pixels_that_touch_at_a_corner_are_two_contours():
    mask = np.eye(2, dtype=bool)
    assert [len(c) for c in outlines(mask)] == [4, 4]


def test_straight_edges_have_no_points_between_their_corners():
    mask = np.zeros((12, 12), bool)
    mask[2:10, 3:9] = True
    (contour,) = outlines(mask)
    assert sorted(contour.tolist()) == [[1.5, 2.5], [1.5, 8.5], [9.5, 2.5], [9.5, 8.5]]


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((4, 4), bool)) == []
