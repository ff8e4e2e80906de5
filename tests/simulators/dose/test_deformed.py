"""Dose summed over days through displacement fields, against cases worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from simulators.dose import DayDose, summed_over_days
from simulators.dose.accumulation import accumulated
from twin import DoseGrid, Field, Fraction, Geometry, InputError, Volume

GRID = Geometry((6, 8, 40), (3.0, 2.0, 1.0), (-20.0, -8.0, -9.0))
X = GRID.lps(np.moveaxis(np.indices(GRID.shape, dtype=float), 0, -1))[..., 0]


def volume(values, grid=GRID):
    return Volume(grid, np.broadcast_to(values, grid.shape).astype(np.float32), "DOSE", "Gy")


def field(x_mm, towards="day", grid=GRID):
    mm = np.zeros((3, *grid.shape))
    mm[2] = x_mm
    return Field(grid, mm, towards)


WATER = volume(1.0)


@pytest.mark.parametrize("mapping", ["energy", "dose"])
def test_identity_is_the_plain_sum(mapping):
    gy = volume(2 + 0.03 * X)
    days = [DayDose(gy, None, WATER, 20), DayDose(gy, field(0.0), WATER, 10)]
    doses = {"p": DoseGrid("p", gy, 2.0)}
    given = [Fraction(float(i), 2.0, "p", 1.0) for i in range(30)]
    for ratio in (None, 3.0):
        found = summed_over_days(days, GRID, mapping=mapping, alpha_beta_gy=ratio)
        expected = accumulated(doses, given, GRID, alpha_beta_gy=ratio)
        if ratio is None or mapping == "dose":
            np.testing.assert_allclose(found.array[..., 1:-1], expected.array[..., 1:-1], rtol=1e-5)


@pytest.mark.parametrize("towards", ["day", "reference"])
def test_a_rigid_shift_moves_the_dose_with_the_tissue(towards):
    sign = 1.0 if towards == "day" else -1.0  # tissue lies 4 mm further on that day
    gy = volume(60 + X)
    found = summed_over_days([DayDose(gy, field(4.0 * sign, towards), WATER)], GRID)
    np.testing.assert_allclose(found.array[..., 5:-6], (64 + X)[..., 5:-6], rtol=1e-5)


@pytest.mark.parametrize("towards", ["day", "reference"])
def test_squeezed_tissue_takes_energy_by_its_mass(towards):
    """Tissue is squeezed to three quarters of its length, y = 3/4 x; dose 50 + y, density 2 + y / 20 on that day.

    In a voxel of 1 mm about x the integral of rho D over that of rho is D(y) + cov: with v = (3/4)^2 / 12 the variance
    of y over it, cov = v (1 / 20) / rho(y). Both directions of the field say the same.
    """
    mm = -X / 4 if towards == "day" else X / 3
    density = volume(2 + X / 20)
    found = summed_over_days([DayDose(volume(50 + X), field(mm, towards), density)], GRID).array
    y = 0.75 * X
    exact = 50 + y + 0.75**2 / 12 / 20 / (2 + y / 20)
    np.testing.assert_allclose(found[..., 4:-4], exact[..., 4:-4], rtol=2e-5)
    plain = summed_over_days([DayDose(volume(50 + X), field(mm, towards))], GRID, mapping="dose").array
    np.testing.assert_allclose(plain[..., 4:-4], (50 + y)[..., 4:-4], rtol=2e-5)


def test_energy_is_kept_where_compression_is_uneven():
    """y = x + 3 sin(x / 6): energy on the day over the image of the reference is what the reference's masses hold."""
    day = volume(np.exp(-((X / 8) ** 2)) * 30)
    density = volume(1 + 0.4 * np.cos(X / 5))
    moves = field(3 * np.sin(X / 6))
    got = summed_over_days([DayDose(day, moves, density)], GRID).array.astype(float)
    fine = np.linspace(-19.5, 18.5, 200_001)  # edges of the voxels but the outermost
    phi, grown = fine + 3 * np.sin(fine / 6), 1 + 0.5 * np.cos(fine / 6)
    rho = 1 + 0.4 * np.cos(phi / 5)
    energy = np.trapezoid(30 * np.exp(-((phi / 8) ** 2)) * rho * grown, fine)
    edges = np.arange(-19.5, 19.5)
    masses = [
        np.trapezoid((rho * grown)[m], fine[m]) for a in edges[:-1] for m in [(fine >= a) & (fine <= a + 1)]
    ]
    assert got[2, 3, 1:-1] @ masses == pytest.approx(energy, rel=5e-3)


def test_a_uniform_dose_stays_uniform_whatever_moves():
    moves = field(3 * np.sin(X / 6), "reference")
    found = summed_over_days([DayDose(volume(2.0), moves, volume(1 + X**2 / 900), 5)], GRID)
    np.testing.assert_allclose(found.array[..., 4:-4], 10.0, rtol=1e-6)


def test_tissue_that_is_drawn_in_to_less_than_half_its_length_is_followed():
    points = GRID.lps(np.moveaxis(np.indices(GRID.shape), 0, -1))
    found = field(1.5 * X, "reference").on_day(points)
    np.testing.assert_allclose(found[..., 0], points[..., 0] / 2.5, atol=0.01)
    np.testing.assert_allclose(found[..., 1:], points[..., 1:], atol=1e-9)


def test_what_cannot_be_mapped_is_a_sentence():
    with pytest.raises(InputError, match="day 1 needs its density"):
        summed_over_days([DayDose(WATER)], GRID)
    for towards in ("day", "reference"):
        with pytest.raises(InputError, match="folds"):
            summed_over_days([DayDose(WATER, field(-1.5 * X, towards))], GRID, mapping="dose")
    with pytest.raises(InputError, match="cannot be inverted"):
        summed_over_days([DayDose(WATER, field(3.5 * X, "reference"), WATER)], GRID)
    with pytest.raises(InputError, match="needs the shape"):
        Field(GRID, np.zeros((3, 2, 2, 2)), "day")
    with pytest.raises(InputError, match="no day"):
        summed_over_days([], replace(GRID))
