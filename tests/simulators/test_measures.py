"""Diameters, volumes and responses."""

import numpy as np
import pytest

from simulators.measures import axial_diameters, recist, sizes
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


def test_every_date_and_gtv_is_listed():
    early, late = np.zeros(GRID.shape, bool), np.zeros(GRID.shape, bool)
    early[2:6] = ellipse(8, 15)
    late[2:6] = ellipse(4, 7)
    first = StructureSet(GRID, ()).with_mask("GTVp", "GTV", early).with_mask("Heart", "OAR", late)
    second = StructureSet(GRID, (), time_days=30.0).with_mask("GTVp", "GTV", late)
    scan = Scan("ct", 0.0, Volume(GRID, np.zeros(GRID.shape, np.int16), "CT", "HU"))
    rows = sizes(PatientTwin("p", scans=(scan,), structures=(first, second)))
    assert [(r.time_days, r.name) for r in rows] == [(0.0, "GTVp"), (30.0, "GTVp")]
    assert rows[0].cm3 == pytest.approx(np.pi * 8 * 15 * 12 / 1000, rel=0.03)
    assert recist([r.longest_mm for r in rows]) == ["partial"]


def test_progression_counts_from_the_smallest_sum_and_needs_5_mm():
    assert recist([20, 10, 12, 15]) == ["partial", "partial", "progression"]
    assert recist([20, 23, 24, 25]) == ["stable", "stable", "progression"]
    with pytest.raises(InputError, match="positive"):
        recist([0, 10])


def test_the_real_tumour(lung_twin):
    tumour = next(r for r in sizes(lung_twin) if r.name == "GTVp")
    assert tumour.cm3 == pytest.approx(67.6, rel=0.01)
    extent = lung_twin.contours["GTVp"].mask.geometry.extent_mm
    assert 0.5 * max(extent[1:]) < tumour.longest_mm <= np.hypot(*extent[1:])
    assert tumour.perpendicular_mm <= tumour.longest_mm
