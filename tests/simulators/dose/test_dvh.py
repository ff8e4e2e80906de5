"""Dose-volume histograms against cases worked by hand."""

import numpy as np
import pytest

from simulators.dose.dvh import dvh, from_samples, mask_dvh
from twin import Geometry, InputError, StructureSet, Volume

GRID = Geometry((20, 20, 20), (3.0, 1.0, 1.0))


def dose_on(grid, function):
    """A dose that is a function of LPS position (x, y, z) in mm."""
    points = grid.lps(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    return Volume(
        grid, function(points[..., 0], points[..., 1], points[..., 2]).astype(np.float32), "DOSE", "Gy"
    )


def box_set(z=slice(4, 16), y=slice(4, 16), x=slice(4, 16)):
    mask = np.zeros(GRID.shape, bool)
    mask[z, y, x] = True
    return StructureSet(GRID, ()).with_mask("Box", "OAR", mask)


def test_a_uniform_dose_is_a_step():
    h = dvh(dose_on(GRID, lambda x, y, z: 0 * x + 60), box_set(), "Box")
    assert h.v(60.0) == 1.0
    assert h.v(59.0) == 1.0
    assert h.v(60.02) == 0.0
    assert h.mean_gy == h.min_gy == h.max_gy == 60
    for percent in (2, 50, 98):
        assert h.d(percent) == pytest.approx(60, abs=0.011)
    assert h.volume_cm3 == pytest.approx(12**3 * 3 / 1000)


def test_a_linear_dose_gives_a_linear_histogram():
    # Voxel edges of the box in x: 3.5 to 15.5 mm; the dose is 2 Gy/mm.
    h = dvh(dose_on(GRID, lambda x, y, z: 2 * x), box_set(), "Box")
    assert h.mean_gy == pytest.approx(19.0, abs=1e-5)
    assert h.v(19.0) == pytest.approx(0.5, abs=0.01)


def test_thick_slices_are_divided_so_that_a_gradient_along_z_is_seen():
    # One slice, 3 mm thick: 10 Gy/mm spreads 30 Gy over it, in steps of 10 Gy with parts of 1 mm.
    h = dvh(dose_on(GRID, lambda x, y, z: 10 * z), box_set(z=slice(6, 7)), "Box")
    assert h.mean_gy == pytest.approx(180)
    assert (h.min_gy, h.max_gy) == pytest.approx((170, 190))


def test_a_half_covered_voxel_counts_half():
    grid = Geometry((1, 1, 4), (1.0, 1.0, 1.0))
    mask = Volume(grid, np.array([[[1.0, 1.0, 0.5, 0.0]]], np.float32), "MASK", "1")
    dose = Volume(grid, np.array([[[10.0, 20.0, 40.0, 80.0]]], np.float32), "DOSE", "Gy")
    h = mask_dvh(dose, mask, "half")
    assert h.volume_cm3 == pytest.approx(0.0025)
    assert h.v(30.0) == pytest.approx(0.2)
    assert h.mean_gy == pytest.approx((10 + 20 + 0.5 * 40) / 2.5)
    assert h.max_gy == 40


def test_a_field_edge_through_the_middle_covers_half_the_box():
    h = dvh(dose_on(GRID, lambda x, y, z: np.where(x < 9.6, 50.0, 0.0)), box_set(), "Box")
    assert h.v(25) == pytest.approx(0.5)
    assert h.mean_gy == pytest.approx(25)


def test_structures_and_dose_may_lie_on_different_grids():
    # A linear dose is exact under linear interpolation whatever the dose grid.
    coarse = Geometry((16, 8, 8), (4.0, 4.0, 4.0), (-4.0, -4.0, -4.0))
    a = dvh(dose_on(GRID, lambda x, y, z: x + 2 * y + z), box_set(), "Box")
    b = dvh(dose_on(coarse, lambda x, y, z: x + 2 * y + z), box_set(), "Box")
    assert b.mean_gy == pytest.approx(a.mean_gy, abs=1e-4)
    for percent in (2, 50, 98):
        assert b.d(percent) == pytest.approx(a.d(percent), abs=0.05)


def test_geud_is_the_mean_for_a_1_and_nears_the_maximum_for_large_a():
    h = from_samples("x", np.array([10.0, 20.0, 60.0]), np.ones(3), 3.0)
    assert h.geud(1) == pytest.approx(30, abs=0.01)
    assert h.geud(2) == pytest.approx(np.sqrt((100 + 400 + 3600) / 3), abs=0.01)
    assert h.geud(1000) == pytest.approx(60, abs=0.1)
    assert h.geud(-10) == pytest.approx((np.mean(np.array([10.0, 20, 60]) ** -10)) ** -0.1, abs=0.02)
    with pytest.raises(InputError):
        h.geud(0)


def test_v_and_d_are_inverse_of_each_other():
    rng = np.random.default_rng(1)
    h = from_samples("x", rng.uniform(0, 70, 50_000), rng.uniform(0, 1, 50_000), 50.0)
    assert (np.diff(h.volume_fraction) <= 1e-12).all()
    for gy in (5.0, 20.0, 63.0):
        assert h.d(100 * h.v(gy)) == pytest.approx(gy, abs=0.02)
    assert h.v_cm3(20) == pytest.approx(50 * 50 / 70, rel=0.02)
    assert h.d_cm3(25) == pytest.approx(35, rel=0.02)
    assert h.d_cm3(60) == 0
    assert h.d(100) == pytest.approx(h.min_gy, abs=0.02)
    assert h.d(0) == pytest.approx(h.max_gy, abs=0.02)


def test_a_dose_times_a_factor():
    rng = np.random.default_rng(2)
    dose, weight = rng.uniform(0, 70, 20_000), rng.uniform(0, 1, 20_000)
    for factor in (0.61, 1.0, 1.23):
        scaled = from_samples("x", dose, weight, 50.0).times(factor)
        true = from_samples("x", factor * dose, weight, 50.0)
        assert scaled.mean_gy == pytest.approx(true.mean_gy)
        assert scaled.d(0) == pytest.approx(true.max_gy, abs=0.03)
        for gy in (5.0, 20.0, 40.0):
            assert scaled.v(gy) == pytest.approx(true.v(gy), abs=1e-3)


def test_lungs_without_the_gtv():
    left, right, gtv = (np.zeros(GRID.shape, bool) for _ in range(3))
    left[:, :, :10], right[:, :, 10:], gtv[:, :5, 8:12] = True, True, True
    s = (
        StructureSet(GRID, ())
        .with_mask("Lung_L", "OAR", left)
        .with_mask("Lung_R", "OAR", right, estimated=True)
    )
    s = s.with_mask("GTVp", "GTV", gtv)
    dose = dose_on(GRID, lambda x, y, z: np.where((y < 4.6) & (x > 7.4) & (x < 11.6), 60.0, 10.0))
    whole, without = dvh(dose, s, "Lungs"), dvh(dose, s, "Lungs-GTV")
    assert whole.volume_cm3 == pytest.approx(24.0)
    assert without.volume_cm3 == pytest.approx(24.0 * 0.95)
    assert whole.mean_gy == pytest.approx(10 + 50 * 0.05)
    assert without.mean_gy == pytest.approx(10)
    assert without.estimated
    with pytest.raises(InputError, match="role PTV"):
        dvh(dose, s, "Lungs-PTV")
    with pytest.raises(InputError, match="no structure 'Liver'"):
        dvh(dose, s, "Liver")


def test_a_structure_outside_the_dose_grid_gets_no_dose():
    far = Geometry((20, 20, 20), (3.0, 1.0, 1.0), (500.0, 0.0, 0.0))
    assert dvh(dose_on(far, lambda x, y, z: 0 * x + 60), box_set(), "Box").max_gy == 0
