"""Gamma index against cases worked by hand."""

import numpy as np
import pytest

from simulators.dose.gamma import gamma
from twin import Geometry, InputError, Volume

GRID = Geometry((10, 12, 30), (2.0, 2.0, 2.0))


def ramp(shift_mm=0.0, add_gy=0.0, grid=GRID):
    """100 Gy falling by 1 Gy/mm along x."""
    x = grid.lps(np.stack([np.zeros(grid.shape[2])] * 2 + [np.arange(grid.shape[2])], axis=-1))[:, 0]
    dose = np.broadcast_to(100.0 - (x - shift_mm) + add_gy, grid.shape).astype(np.float32)
    return Volume(grid, dose.copy(), "DOSE", "Gy")


def flat(gy):
    return Volume(GRID, np.full(GRID.shape, gy, np.float32), "DOSE", "Gy")


def test_equal_doses_have_gamma_0():
    result = gamma(ramp(), ramp())
    assert result.pass_rate == 1.0
    assert result.mean == pytest.approx(0, abs=1e-3)


def test_in_a_flat_dose_only_the_dose_difference_counts():
    # 1.5 Gy of 50 Gy is 3 %: half the criterion of 6 %.
    assert gamma(flat(50), flat(51.5), dose_percent=6.0).mean == pytest.approx(0.5, rel=1e-4)
    assert gamma(flat(50), flat(54), dose_percent=3.0).pass_rate == 0.0


def test_on_a_ramp_gamma_is_the_distance_to_the_tilted_surface():
    # Shift 2 mm on 1 Gy/mm with 3 % of 100 Gy and 3 mm: both axes in units of 3, 2/3 along each;
    # the nearest point of a line at 45 degrees is at 2/3 / sqrt 2.
    inside = gamma(ramp(), ramp(shift_mm=2.0)).volume.array[4, 6, 8:22]
    np.testing.assert_allclose(inside, 2 / 3 / np.sqrt(2), rtol=5e-3)


def test_a_shift_in_a_steep_gradient_is_forgiven_up_to_the_distance():
    step = np.zeros(GRID.shape, np.float32)
    step[..., :15] = 60
    moved = np.roll(step, -1, axis=2)  # the edge lies 2 mm earlier
    reference, evaluated = (Volume(GRID, a, "DOSE", "Gy") for a in (step, moved))
    kept = gamma(reference, evaluated).volume.array[:, :, 3:25]
    assert np.nanmax(kept) <= 1.0
    assert np.nanmax(gamma(reference, evaluated, distance_mm=1.0).volume.array[:, :, 3:25]) > 1.0


def test_local_normalisation_is_stricter_at_low_dose():
    low = np.full(GRID.shape, 20, np.float32)
    low[5, 6, 15] = 100
    reference = Volume(GRID, low, "DOSE", "Gy")
    evaluated = Volume(GRID, low + 1, "DOSE", "Gy")  # 1 % of the maximum, 5 % of 20 Gy
    assert gamma(reference, evaluated).pass_rate == 1.0
    assert gamma(reference, evaluated, local=True).pass_rate < 0.05


def test_points_below_the_threshold_are_left_out():
    dose = np.full(GRID.shape, 5, np.float32)
    dose[0] = 100
    result = gamma(Volume(GRID, dose, "DOSE", "Gy"), Volume(GRID, dose * 0, "DOSE", "Gy"))
    assert result.n == 12 * 30
    assert np.isnan(result.volume.array[1:]).all()


def test_the_doses_may_lie_on_different_grids():
    other = Geometry((13, 15, 35), (1.7, 1.9, 1.8), (-1.0, -1.5, -1.0))
    inside = gamma(ramp(), ramp(grid=other)).volume.array[2:-2, 2:-2, 2:-2]
    assert np.nanmax(inside) < 0.01


def test_criteria_without_meaning_are_refused():
    with pytest.raises(InputError, match="positive"):
        gamma(flat(50), flat(50), distance_mm=0)
    with pytest.raises(InputError, match="no voxel"):
        gamma(flat(0), flat(50))
