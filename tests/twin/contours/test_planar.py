import numpy as np
import pytest

from twin.contours.planar import coverage, mask


def _square(top, left, bottom, right):
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=float)


def _shoelace(points):
    y, x = points.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def test_whole_pixels_are_covered_exactly():
    got = coverage([_square(0.5, 1.5, 3.5, 4.5)], (6, 7))
    expected = np.zeros((6, 7))
    expected[1:4, 2:5] = 1.0
    np.testing.assert_allclose(got, expected, atol=1e-12)


def test_a_pixel_cut_by_a_diagonal_is_half_covered():
    triangle = np.array([(-0.5, -0.5), (3.5, -0.5), (3.5, 3.5)])
    got = coverage([triangle], (4, 4))
    np.testing.assert_allclose(np.diag(got), 0.5, atol=1e-12)
    assert got[3, 0] == 1.0 and got[0, 3] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_covered_area_is_the_polygons_area(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
    radius = rng.uniform(4, 14, 40)
    polygon = np.column_stack([16 + radius * np.sin(angles), 17 + radius * np.cos(angles)])
    assert coverage([polygon], (32, 36)).sum() == pytest.approx(_shoelace(polygon), rel=1e-9)


def test_coverage_agrees_with_dense_sampling():
    rng = np.random.default_rng(3)
    angles = np.linspace(0, 2 * np.pi, 25, endpoint=False)
    radius = rng.uniform(3, 7, 25)
    polygon = np.column_stack([8 + radius * np.sin(angles), 8 + radius * np.cos(angles)])
    n = 40
    fine = coverage([(polygon + 0.5) * n - 0.5], (16 * n, 16 * n)) >= 0.5
    sampled = fine.reshape(16, n, 16, n).mean(axis=(1, 3))
    np.testing.assert_allclose(coverage([polygon], (16, 16)), sampled, atol=0.01)


def test_holes_and_islands_are_exclusive_or():
    outer, hole, island = (
        _square(0.5, 0.5, 10.5, 10.5),
        _square(2.5, 2.5, 8.5, 8.5),
        _square(4.5, 4.5, 6.5, 6.5),
    )
    got = mask([island, outer, hole], (12, 12))
    assert got.sum() == 100 - 36 + 4
    assert got[5, 5] and not got[3, 3] and got[1, 1]


def test_a_keyhole_contour_leaves_its_hole_open():
    keyhole = np.array(
        [
            *[(0.5, 0.5), (0.5, 9.5), (9.5, 9.5), (9.5, 0.5), (0.5, 0.5)],
            *[(3.5, 3.5), (6.5, 3.5), (6.5, 6.5), (3.5, 6.5), (3.5, 3.5), (0.5, 0.5)],
        ]
    )
    assert mask([keyhole], (11, 11)).sum() == 81 - 9


def test_half_a_pixel_is_in_and_less_is_out():
    assert mask([_square(0.0, 0.5, 2.5, 2.5)], (4, 4)).sum() == 3 * 2
    assert mask([_square(0.01, 0.5, 2.5, 2.5)], (4, 4)).sum() == 2 * 2


def test_parts_outside_the_grid_are_cut_off():
    assert mask([_square(-5.0, -7.0, 1.5, 2.5)], (4, 5)).sum() == 2 * 3
    assert mask([_square(1.5, 1.5, 9.0, 9.0)], (4, 5)).sum() == 2 * 3
    assert mask([np.array([(-9.0, 2.0), (9.0, -40.0), (9.0, 40.0)])], (4, 5)).all()
    assert not mask([_square(8.0, 8.0, 12.0, 12.0)], (4, 5)).any()
    assert not mask([_square(-9.0, -9.0, -2.0, -2.0)], (4, 5)).any()


def test_winding_direction_and_start_do_not_matter():
    rng = np.random.default_rng(8)
    polygon = rng.uniform(0, 12, (9, 2))
    first = coverage([polygon], (12, 12))
    np.testing.assert_allclose(coverage([np.roll(polygon[::-1], 4, axis=0)], (12, 12)), first, atol=1e-12)
