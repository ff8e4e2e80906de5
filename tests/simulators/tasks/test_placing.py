"""Bringing what a network made back to the scan: what bounds it near a moved border."""

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from simulators.tasks.placing import _bound
from twin import Geometry


def test_where_a_border_moved_nothing_shows_that_was_not_near_and_elsewhere_nothing_changes():
    rng = np.random.default_rng(5)
    start, end = (rng.normal(0, 100, (9, 30, 31)).astype(np.float32) for _ in range(2))
    moved = np.zeros(start.shape, dtype=bool)
    moved[3:6, 8:20, 0:12] = rng.random((3, 12, 12)) < 0.3
    here = Geometry(start.shape, (3.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    size = (5, 9, 9)  # 4 mm to each side, in whole voxels
    wanted = np.where(moved, np.clip(end, minimum_filter(start, size), maximum_filter(start, size)), end)
    found = end.copy()
    _bound(found, start, moved, here)
    np.testing.assert_array_equal(found, wanted)
    _bound(found, start, np.zeros_like(moved), here)
    np.testing.assert_array_equal(found, wanted)
