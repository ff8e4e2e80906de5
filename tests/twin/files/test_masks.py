import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import Geometry, InputError, Volume
from twin.files.masks import laid

GRID = Geometry((20, 40, 44), (3.0, 1.5, 1.25), (-20.0, -18.0, 100.0))


def _ball(geometry, centre=(8.0, 12.0, 130.0), radius_mm=14.0):
    points = geometry.lps(np.argwhere(np.ones(geometry.shape)))
    inside = np.linalg.norm(points - centre, axis=1).reshape(geometry.shape) <= radius_mm
    return Volume(geometry, inside.astype(np.float32), "MASK", "1")


@settings(max_examples=30, deadline=None)
@given(*[st.integers(-6, 12)] * 3, *[st.integers(8, 30)] * 3)
def test_a_crop_of_any_extent_lands_voxel_by_voxel(z, y, x, nz, ny, nx):
    """A crop that reaches beyond the scan is cut where the scan ends, and that is known."""
    part = Geometry((nz, ny, nx), GRID.spacing_mm, tuple(GRID.lps((z, y, x))))
    mask = np.random.default_rng(nz).random((nz, ny, nx)) < 0.3
    mask[nz // 2, ny // 2, nx // 2] = True
    expected = np.zeros((60, 80, 84), dtype=bool)
    expected[20 + z : 20 + z + nz, 20 + y : 20 + y + ny, 20 + x : 20 + x + nx] = mask
    within = expected[20:40, 20:60, 20:64]
    volume = Volume(part, mask.astype(np.float32), "MASK", "1")
    if not within.any():
        with pytest.raises(InputError, match="outside the scan"):
            laid(volume, GRID)
        return
    found = laid(volume, GRID)
    np.testing.assert_array_equal(found.mask, within)
    assert not found.resampled and found.cut == (within.sum() < mask.sum())


@settings(max_examples=25, deadline=None)
@given(*[st.floats(0.8, 2.5)] * 3, *[st.floats(-1.0, 1.0)] * 3)
def test_a_mask_on_other_voxels_keeps_its_volume_and_place(sz, sy, sx, dz, dy, dx):
    spacing = (sz, sy, sx)
    shape = tuple(int(np.ceil(60 / s)) for s in spacing)
    part = _ball(Geometry(shape, spacing, (-22.0 + dx, -18.0 + dy, 100.0 + dz)))
    found = laid(part, GRID)
    cm3 = found.mask.sum() * GRID.voxel_cm3
    assert found.resampled and not found.cut
    assert cm3 == pytest.approx(found.before_cm3, rel=0.06)
    centre = GRID.lps(np.argwhere(found.mask).mean(axis=0))
    own = part.geometry.lps(np.argwhere(part.array > 0).mean(axis=0))
    assert np.abs(centre - own).max() < 0.7


def test_thin_planes_between_the_scans_slices_are_not_passed_over():
    thin = Geometry((60, 40, 44), (1.0, 1.5, 1.25), (-20.0, -18.0, 99.0))
    mask = np.zeros(thin.shape, np.float32)
    mask[30:32, 10:20, 10:20] = 1  # two thirds of a slice
    found = laid(Volume(thin, mask, "MASK", "1"), GRID)
    assert [int(n) for n in np.flatnonzero(found.mask.any(axis=(1, 2)))] == [10]
