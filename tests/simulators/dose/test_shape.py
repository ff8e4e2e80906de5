"""The shape between and beyond contours, by hand."""

import numpy as np
import pytest

from simulators.dose.dvh import dvh, region
from simulators.dose.shape import TAPER, shares
from twin import Geometry, StructureSet, Volume
from twin.dicom.rtstruct import Roi, roi_mask
from twin.structures import Structure

ANGLE = np.linspace(0.0, 2 * np.pi, 240, endpoint=False)
GRID = Geometry((8, 60, 60), (2.5, 1.0, 1.0), (-30.0, -30.0, 0.0))


def disc(radius_mm: float, z: int, at=(0.3, -0.2)) -> np.ndarray:
    x, y = at[0] + radius_mm * np.cos(ANGLE), at[1] + radius_mm * np.sin(ANGLE)
    return np.column_stack([x, y, np.full_like(x, GRID.spacing_mm[0] * z)])


def cm3(contours, parts=(12, 4, 4)) -> float:
    return float(shares(contours, GRID, parts).sum()) * GRID.voxel_cm3 / np.prod(parts)


def cap_cm3(radius_mm: float) -> float:
    """A cone of slope 1 / TAPER, cut off half a slice away."""
    left = max(0.0, radius_mm - TAPER * GRID.spacing_mm[0] / 2)
    return np.pi * (radius_mm**3 - left**3) / (3 * TAPER) / 1000


def drawn(**rois) -> StructureSet:
    made = []
    for name, contours in rois.items():
        roi = Roi(name, tuple(c.astype(np.float32) for c in contours), None)
        role = "GTV" if name.startswith("GTV") else "OAR"
        made.append(Structure(name, role, roi_mask(roi, GRID), contours=roi.contours))
    return StructureSet(GRID, tuple(made))


@pytest.mark.parametrize("radius", [3.0, 10.0, 25.0])
def test_a_cylinder_reaches_from_its_first_to_its_last_contour_and_is_rounded_off(radius):
    found = cm3([disc(radius, z) for z in range(2, 6)])
    assert found == pytest.approx(np.pi * radius**2 * 7.5 / 1000 + 2 * cap_cm3(radius), rel=0.01)


def test_a_cone_is_a_cone_between_contours():
    found = cm3([disc(20.0, 2), disc(8.0, 4), disc(14.0, 3)])
    frustum = np.pi * 5.0 / 3 * (20**2 + 20 * 8 + 8**2) / 1000
    assert found == pytest.approx(frustum + cap_cm3(20.0) + cap_cm3(8.0), rel=0.01)


def test_an_island_ends_like_the_last_contour():
    tower = [disc(8.0, z, (-15.0, 0.0)) for z in range(1, 7)]
    island = [disc(4.0, 3, (18.0, 10.0))]
    assert cm3(tower + island) - cm3(tower) == pytest.approx(2 * cap_cm3(4.0), rel=0.03)


def test_contours_of_a_slice_are_exclusive():
    ring = [c for z in range(2, 6) for c in (disc(20.0, z), disc(10.0, z))]
    inside = shares(ring, GRID, (2, 1, 1))
    assert inside[:, 30, 30].max() == 0.0
    assert inside[8, 30, 45] == 1.0


def test_a_dvh_takes_the_shape_and_keeps_to_the_image():
    ball = [disc(float(np.sqrt(81 - (2.5 * (z - 3)) ** 2)), z) for z in range(7)]
    organs = drawn(Heart=ball)
    z = np.indices(GRID.shape)[0] * 2.5
    dose = Volume(GRID, (20.0 + z).astype(np.float32), "DOSE", "Gy")
    curve = dvh(dose, organs, "Heart")
    assert curve.mean_gy == pytest.approx(27.5, abs=0.05)  # the ball's middle
    # Between contours a ball bulges where lines do not: planning systems lose that, and so does this.
    assert curve.volume_cm3 == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.06)
    assert organs["Heart"].cm3 == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.02)


def test_contours_and_masks_make_one_region():
    lung = np.zeros(GRID.shape, bool)
    lung[1:7, 5:55, 5:55] = True
    organs = drawn(GTVp=[disc(8.0, z) for z in range(2, 6)]).with_mask("Lung_L", "OAR", lung)
    organs = organs.with_mask("Lung_R", "OAR", np.roll(lung, 3, axis=2), estimated=True)
    whole, estimated = region(organs, "Lungs-GTV")
    lungs, gtv = region(organs, "Lungs")[0], region(organs, "GTV")[0]
    assert estimated and not region(organs, "GTV")[1]

    def volume(v):
        return v.array.sum(dtype=float) * v.geometry.voxel_cm3

    assert volume(whole) == pytest.approx(volume(lungs) - volume(gtv), rel=1e-3)
    assert region(organs, "GTVp")[0].array.sum() == gtv.array.sum()


def test_a_thin_contour_on_one_slice_keeps_a_volume():
    assert 0 < cm3([disc(0.6, 3)], parts=(6, 4, 4)) < 0.6**2 * np.pi * 2.5 / 1000
