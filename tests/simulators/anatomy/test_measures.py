"""Diameters, volumes and responses."""

import numpy as np
import pytest

from simulators.anatomy.measures import axial_diameters, recist, size, sizes
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

GRID = Geometry((10, 80, 100), (3.0, 0.5, 0.8))


def mask(array):
    return Volume(GRID, array.astype(np.uint8), "MASK", "1")


def ellipse(half_y_mm, half_x_mm, turn=0.0):
    y = (np.arange(80) * 0.5 - 20)[:, None]
    x = np.arange(100) * 0.8 - 40
    a, b = x * np.cos(turn) + y * np.sin(turn), -x * np.sin(turn) + y * np.cos(turn)
    return (a / half_x_mm) ** 2 + (b / half_y_mm) ** 2 <= 1


def test_a_box_is_measured_between_its_outer_corners():
    box = np.zeros(GRID.shape, bool)
    box[4, 10:16, 20:25] = True  # 3 by 4 mm
    longest, perpendicular = axial_diameters(mask(box))
    assert longest == pytest.approx(5.0)
    # The other two corners lie 3 * 4 / 5 mm from that diagonal, one on each side.
    assert perpendicular == pytest.approx(4.8)


@pytest.mark.parametrize("turn", [0.0, 0.5, 1.2])
def test_an_ellipse_has_its_two_axes_at_any_turn(turn):
    body = np.zeros(GRID.shape, bool)
    body[3] = ellipse(8, 15, turn)
    body[5] = ellipse(6, 10, turn)
    longest, perpendicular = axial_diameters(mask(body))
    assert longest == pytest.approx(30, abs=1.0)
    assert perpendicular == pytest.approx(16, abs=1.5)


def test_one_voxel_has_a_diameter_and_nothing_has_none():
    one = np.zeros(GRID.shape, bool)
    with pytest.raises(InputError, match="empty"):
        axial_diameters(mask(one))
    one[2, 3, 4] = True
    assert axial_diameters(mask(one))[0] == pytest.approx(np.hypot(0.5, 0.8))


def test_every_date_is_measured():
    early, late = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    early[2:6] = ellipse(8, 15)
    late[2:6] = ellipse(4, 7)
    first = StructureSet(GRID, ()).with_mask("GTVp", "GTV", early).with_mask("Heart", "OAR", late)
    second = StructureSet(GRID, (), time_days=30.0).with_mask("GTVp", "GTV", late)
    scan = Scan("ct", 0.0, Volume(GRID, np.zeros(GRID.shape, np.int16), "CT", "HU"))
    rows = sizes(PatientTwin("p", scans=(scan,), structures=(first, second)))
    assert [(r.time_days, r.lesions) for r in rows] == [(0.0, 1), (30.0, 1)]
    assert rows[0].cm3 == pytest.approx(np.pi * 8 * 15 * 12 / 1000, rel=0.03)
    assert recist([r.longest_mm for r in rows]) == ["partial"]


def test_the_diameters_of_lesions_and_fragments_add_up_and_specks_do_not():
    two = np.zeros(GRID.shape, bool)
    two[2:6] = ellipse(4, 7)
    one = size(mask(two), 0.0)
    apart = np.roll(two, 20, axis=2) | np.roll(two, -20, axis=2)
    both = size(mask(apart), 0.0)
    assert both.lesions == 2 and both.longest_mm == pytest.approx(2 * one.longest_mm, rel=1e-6)
    assert both.cm3 == pytest.approx(2 * one.cm3)
    speck = two.copy()
    speck[0, 0, 0] = True
    assert size(mask(speck), 0.0).longest_mm == pytest.approx(one.longest_mm)
    gone = size(mask(np.zeros(GRID.shape, bool)), 90.0)
    assert (gone.longest_mm, gone.cm3, gone.lesions) == (0.0, 0.0, 0)


def test_progression_counts_from_the_smallest_sum_and_needs_5_mm():
    assert recist([20, 10, 12, 15]) == ["partial", "partial", "progression"]
    assert recist([20, 23, 24, 25]) == ["stable", "stable", "progression"]
    with pytest.raises(InputError, match="positive"):
        recist([0, 10])


def test_the_real_tumour(lung_twin):
    tumour = size(lung_twin.contours["GTVp"].mask, 0.0)
    assert tumour.cm3 == pytest.approx(67.6, rel=0.01)
    assert sizes(lung_twin)[0].longest_mm >= tumour.longest_mm
    extent = lung_twin.contours["GTVp"].mask.geometry.extent_mm
    assert 0.5 * max(extent[1:]) < tumour.longest_mm <= np.hypot(*extent[1:])
    assert tumour.perpendicular_mm <= tumour.longest_mm
