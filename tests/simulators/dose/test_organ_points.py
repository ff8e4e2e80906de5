"""A structure as weighted points, and its dose through many set-ups."""

import numpy as np
import pytest

from simulators import Key, Purpose
from simulators.dose.accumulation import SetUp, delivered_at, dose_at
from simulators.dose.dvh import dvh, region
from simulators.dose.organ_points import OrganPoints
from twin import DoseGrid, Fraction, Geometry, StructureSet, Volume

GRID = Geometry((20, 40, 40), (3.0, 1.5, 1.5), (-30.0, -30.0, -30.0))
KEY = Key(1, "p", Purpose.DOSE)


@pytest.fixture(scope="module")
def dose() -> Volume:
    z, y, x = np.indices(GRID.shape)
    values = 60 * np.exp(-(((x - 12) / 12.0) ** 2) - ((y - 20) / 14.0) ** 2 - ((z - 10) / 8.0) ** 2)
    return Volume(GRID, values.astype(np.float32), "DOSE", "Gy")


@pytest.fixture(scope="module")
def organs() -> StructureSet:
    heart, gtv = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    heart[4:16, 8:32, 14:34] = True
    gtv[8:12, 16:24, 8:14] = True
    return StructureSet(GRID, ()).with_mask("Heart", "OAR", heart).with_mask("GTVp", "GTV", gtv)


def test_few_points_give_the_histogram_of_all_voxels(dose, organs):
    points = OrganPoints.of(organs, "Heart", dose, n=600)
    assert len(points.lps_mm) == 600
    assert points.cm3.sum() == pytest.approx(organs["Heart"].cm3)
    few, whole = points.dvh(dose_at(dose, points.lps_mm)), dvh(dose, organs, "Heart")
    assert few.mean_gy == pytest.approx(whole.mean_gy, rel=0.02)
    for gy in (5.0, 20.0, 40.0):
        assert few.v(gy) == pytest.approx(whole.v(gy), abs=0.015)
    assert few.d_cm3(0.1) == pytest.approx(whole.d_cm3(0.1), abs=0.5)


def test_a_role_names_the_union_of_its_structures(organs):
    nodes = np.zeros(GRID.shape, bool)
    nodes[1:3, 2:6, 2:6] = True
    both = organs.with_mask("GTVn", "GTV", nodes)
    assert region(both, "GTV")[0].array.sum() == both["GTVp"].mask.array.sum() + nodes.sum()


def test_many_set_ups_at_points_are_the_set_up_of_each(dose, organs):
    doses = {"60/30": DoseGrid("60/30", dose, 60.0)}
    course = [Fraction(i + 0.375, 2.0, "60/30", 1 / 30) for i in range(30)]
    part = GRID.crop((slice(8, 12), slice(16, 24), slice(8, 14)))
    where = part.lps(np.moveaxis(np.indices(part.shape), 0, -1)).reshape(-1, 3)
    many = delivered_at(doses, course, where, SetUp().many(KEY, range(4), 30), alpha_beta_gy=10.0)
    for sample, row in enumerate(many):
        shifts = SetUp().shifts(KEY.at(sample=sample), 30)
        given = np.stack([dose_at(dose, where + shift) for shift in shifts]) / 30
        np.testing.assert_allclose(row, (given * (given + 10) / 12).sum(axis=0), rtol=1e-4)
    assert many.std(axis=0).max() > 0.5
    np.testing.assert_array_equal(SetUp().many(KEY, [3], 30)[0], SetUp().many(KEY, range(4), 30)[3])


def test_points_outside_the_grid_get_nothing(dose):
    np.testing.assert_array_equal(dose_at(dose, np.array([[1e4, 0.0, 0.0], [0.0, -31.0, 0.0]])), 0.0)
