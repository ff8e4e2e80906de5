"""The anatomy behind the in-silico patient: shapes, trees, frame, noise."""

import numpy as np
import pytest

from simulators.insilico.thorax.body import Frame, Habitus
from simulators.insilico.thorax.mediastinum import airways
from simulators.insilico.thorax.shapes import Grid, curve, ellipsoid, smooth_union, tube
from simulators.insilico.thorax.texture import ct_noise, smooth_field
from simulators.insilico.thorax.tumour import fitted
from simulators.insilico.thorax.tumour_shape import Lobulation
from simulators.insilico.thorax.vessels import _ROOTS, LOBES, lobe_of, tree


@pytest.fixture
def grid():
    line = np.arange(-60, 61, 2.0, dtype=np.float32)
    rows = np.broadcast_to(line, (len(line), len(line)))
    return Grid(line[:, None, None], rows[:, :, None], rows[:, None, :])


def at(grid, field, x, y, z):
    index = [
        int(np.argmin(np.abs(a - v)))
        for a, v in ((grid.z[:, 0, 0], z), (grid.y[0, :, 0], y), (grid.x[0, 0], x))
    ]
    return float(field[tuple(index)])


def test_a_tube_measures_the_distance_to_its_wall(grid):
    field = tube(grid, [(-20, 0, 0), (20, 0, 0)], (4.0, 8.0))
    assert at(grid, field, 0, 10, 0) == pytest.approx(10 - 6, abs=1e-4)  # half way, radius 6
    assert at(grid, field, -30, 0, 0) == pytest.approx(10 - 4, abs=1e-4)  # beyond its round end
    assert at(grid, field, 0, 0, 0) == pytest.approx(-6, abs=1e-4)


def test_an_ellipsoid_of_three_equal_axes_is_a_ball(grid):
    field = ellipsoid(grid, (2, -4, 6), (20, 20, 20))
    assert at(grid, field, 2, -4, 36) == pytest.approx(10, abs=1e-3)
    assert at(grid, field, 2, 6, 6) == pytest.approx(-10, abs=1e-3)


def test_a_smooth_union_holds_both_bodies_and_a_fillet_between_them():
    far = np.array([-5.0, 50.0, 1.0])
    near = np.array([50.0, -5.0, 1.0])
    union = smooth_union([far, near], 4.0)
    assert union[:2] == pytest.approx([-5, -5], abs=1e-3)
    assert union[2] < 0  # outside both, but where they meet


def test_a_curve_passes_through_its_points():
    points = np.array([(0, 0, 0), (1, 2, 0), (3, 2, 5)], dtype=float)
    line = curve(points, 21)
    assert np.allclose(line[[0, 10, 20]], points)


def test_a_tree_feeds_every_point_and_conserves_what_it_feeds():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 60, (500, 3))
    grown = tree(points, (0, 30, 30), (1, 0, 0), 4.0, 0.33)
    n = len(grown.start) // 2  # each branch is stored as two halves
    assert n == 2 * 500 - 1  # a binary tree with a leaf for each point
    ends = grown.end[n:]
    nearest = np.sqrt(((points[:, None] - ends[None]) ** 2).sum(-1)).min(axis=1)
    assert np.median(nearest) < 2.0
    assert grown.end_r[n:].max() == pytest.approx(4.0)
    assert grown.end_r[n:].min() == pytest.approx(4.0 * 500**-0.33)


def test_branches_hang_together():
    points = np.random.default_rng(1).uniform(0, 40, (60, 3))
    grown = tree(points, (0, 0, 0), (1, 0, 0), 2.0, 0.4)
    n = len(grown.start) // 2
    assert np.allclose(grown.end[:n], grown.start[n:])
    ends = {tuple(p) for p in np.round(grown.end[n:], 6)} | {(0.0, 0.0, 0.0)}
    assert all(tuple(p) in ends for p in np.round(grown.start[:n], 6))


def test_every_bronchus_begins_in_another_and_every_lobe_at_a_bronchus():
    lines = airways()
    points = np.concatenate([curve(p, 40) for p, _ in lines.values()])
    for name, (line, _) in lines.items():
        others = np.concatenate([curve(p, 40) for n, (p, _) in lines.items() if n != name])
        if name != "trachea":
            assert np.sqrt(((others - line[0]) ** 2).sum(1)).min() < 5.0, name
    for lobe in LOBES:
        assert np.sqrt(((points - _ROOTS[lobe][0]) ** 2).sum(1)).min() < 5.0, lobe


def test_lobes_lie_where_they_should():
    points = np.array(
        [(-60, 0, 60), (-60, -50, -60), (-60, 60, -80), (60, 0, 60), (60, 60, -80)], dtype=float
    )
    assert [LOBES[i] for i in lobe_of(points)] == list(LOBES)


def test_the_frame_goes_to_voxels_and_back():
    frame = Frame(Habitus.draw(np.random.default_rng(3)))
    points = np.array([(10.0, -20.0, -60.0), (-80.0, 40.0, 30.0)])
    assert frame.anatomical(frame.voxels(points)) == pytest.approx(points, abs=1e-6)
    k, j, i = np.rint(frame.voxels(points)[0]).astype(int)
    grid = frame.grid(1, slice(j, j + 1), slice(i, i + 1))
    assert (grid.x[k, 0, 0], grid.y[k, 0, 0], grid.z[k, 0, 0]) == pytest.approx(points[0], abs=2.0)


def test_builds_vary_within_bounds():
    built = [Habitus.draw(np.random.default_rng(s)) for s in range(200)]
    assert {h.sex for h in built} == {"male", "female"}
    stretch = np.array([h.width * h.depth * h.height for h in built])
    assert 0.75 < stretch.min() < stretch.max() < 1.45
    assert np.ptp([h.fat_mm for h in built]) > 10
    assert all((h.breast == 0) == (h.sex == "male") for h in built)


def test_noise_has_unit_variance_and_lacks_the_lowest_frequencies():
    noise = ct_noise((8, 128, 128), 0.9, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1.0, rel=0.05)
    power = (np.abs(np.fft.rfft2(noise)) ** 2).mean(axis=0)
    f = np.hypot(np.fft.fftfreq(128, 0.9)[:, None], np.fft.rfftfreq(128, 0.9)[None])
    low, middle, high = (
        power[(f >= a) & (f < b)].mean() for a, b in ((0.005, 0.03), (0.18, 0.3), (0.5, 0.55))
    )
    assert middle > 3 * low and middle > 2 * high


def test_a_smooth_field_is_correlated_over_its_length():
    field = smooth_field((32, 64, 64), (3.0, 1.0, 1.0), 4.0, np.random.default_rng(0))
    near = (field[:, :, :-2] * field[:, :, 2:]).mean()
    far = (field[:, :, :-24] * field[:, :, 24:]).mean()
    assert field.std() == pytest.approx(1, rel=1e-3)
    assert near > 0.8 and abs(far) < 0.3


def test_the_fitted_level_set_is_connected_and_of_the_wanted_size():
    z, y, x = np.meshgrid(*[np.arange(-20, 21.0)] * 3, indexing="ij")
    level = np.sqrt(x * x + y * y + z * z)
    allowed = np.abs(x) > 4  # a wall parts the ball in two
    part = fitted(level, allowed, 2000)
    assert abs(int(part.sum()) - 2000) <= 10
    assert len(np.unique(np.sign(x[part]))) == 1
    assert fitted(level, allowed, 1e6) is None


def test_lobules_swell_the_surface_where_they_point():
    shape = Lobulation(np.array([(1.0, 0, 0)]), np.array([0.3]), np.array([10.0]), np.ones(3))
    towards, away = shape.level(np.array([(10.0, 0, 0), (-10.0, 0, 0)]))
    assert towards == pytest.approx(10 / 1.3, rel=1e-4)
    assert away == pytest.approx(10, rel=1e-4)
