"""The approximate dose: closed forms along rays, normalisation, and the ranges that clinics see."""

import numpy as np
import pytest

from simulators.dose import ray_kernels as ray
from simulators.dose.approximate import approximate_dose
from simulators.dose.medium import electron_density
from simulators.dose.targets import targets
from twin import Geometry, InputError, Scan, StructureSet, Volume

pytestmark = pytest.mark.long  # dose on whole patients
WATER = Geometry((25, 61, 61), (4.0, 4.0, 4.0), (-120.0, -120.0, -48.0))


def one_beam(density, angle=0.0):
    """A wide open beam on a grid whose centre is the isocentre; relative dose."""
    rays = np.arange(-40, 41) * 5.0
    t = np.arange(-60, 61) * 4.0
    first = np.array([-48.0, -120.0, -120.0])
    spacing = np.full(3, 4.0)
    return ray.beams_dose(
        density, first, spacing, np.array([angle]), np.array([1.0]), np.ones((1, 81, 81), np.float32),
        rays, rays, t, density > 0, first, spacing,
    )  # fmt: skip


def test_along_the_axis_in_water_dose_is_attenuation_times_inverse_square():
    dose = one_beam(np.ones((25, 61, 61), np.float32))
    y = np.arange(61) * 4.0 - 120  # the beam enters at the front, y = -122 mm
    depth = y + 122
    deep = depth > 20
    expected = np.exp(-0.0045 * (depth - 15)) * (1000 / (1000 + y)) ** 2
    np.testing.assert_allclose(dose[12, deep, 30], expected[deep], rtol=2e-3)


def test_lung_attenuates_by_its_density():
    density = np.ones((25, 61, 61), np.float32)
    lung = density.copy()
    lung[:, 20:40] = 0.25  # 20 voxels of 4 mm: 80 mm weigh 20 mm
    ratio = one_beam(lung)[12, 50, 30] / one_beam(density)[12, 50, 30]
    np.testing.assert_allclose(ratio, np.exp(0.0045 * 60), rtol=2e-3)


def test_build_up_rises_from_the_surface_to_the_maximum_at_15_mm():
    depths = np.arange(0.0, 16.0)
    doses = [ray.relative_dose(d) for d in depths]
    assert doses[0] == pytest.approx(0.5)
    assert doses[-1] == pytest.approx(1.0)
    assert (np.diff(doses) > 0).all()
    assert ray.relative_dose(115.0) == pytest.approx(np.exp(-0.45))


def test_a_quarter_turn_of_the_gantry_turns_the_dose():
    density = np.ones((25, 61, 61), np.float32)
    front, left = one_beam(density, 0.0), one_beam(density, np.pi / 2)
    # From the front dose falls along +y; from the patient's left, +x, it falls along -x.
    np.testing.assert_allclose(left[12], front[12].T[:, ::-1], rtol=1e-4)


def test_density_table_is_monotone_and_exact_at_water():
    hu = np.arange(-1024, 3000)
    assert (np.diff(electron_density(hu)) >= 0).all()
    assert electron_density(np.array([0.0]))[0] == 1.0


def cylinder(radius_mm=16.0, spacing=(4.0, 2.0, 2.0)):
    """A water cylinder along z with a ball on its axis as GTV."""
    geometry = Geometry((41, 121, 121), spacing, (-120.0, -120.0, -80.0))
    z, y, x = (np.arange(n) * s - n // 2 * s for n, s in zip(geometry.shape, spacing, strict=True))
    body = np.broadcast_to(y[:, None] ** 2 + x**2 <= 110**2, geometry.shape)
    gtv = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius_mm**2
    hu = np.where(body, 0, -1000).astype(np.int16)
    structures = StructureSet(geometry, ()).with_mask("Body", "EXTERNAL", body).with_mask("GTVp", "GTV", gtv)
    return Scan("ct", 0.0, Volume(geometry, hu, "CT", "HU")), structures


@pytest.fixture(scope="module")
def phantom():
    return cylinder()


@pytest.fixture(scope="module")
def conventional(phantom):
    return approximate_dose(*phantom, 60, 30)


@pytest.fixture(scope="module")
def stereotactic(phantom):
    scan, structures = phantom
    before = scan.volume.array.copy()
    dose = approximate_dose(scan, structures, 54, 3)
    np.testing.assert_array_equal(scan.volume.array, before)  # the caller's arrays are not changed
    return dose


def test_95_percent_of_the_ptv_receives_the_prescription(phantom, conventional, stereotactic):
    scan, structures = phantom
    for dose, total, n in ((conventional, 60.0, 30), (stereotactic, 54.0, 3)):
        ptv = targets(scan, structures, sbrt=n == 3)["PTV"].mask
        inside = dose.volume.on(ptv.geometry)[ptv.array > 0]
        assert np.percentile(inside, 5) == pytest.approx(total, rel=1e-5)
        assert dose.name == f"{total:g}/{n}"
        assert dose.approximate
        assert dose.prescription_gy == total


def test_dose_is_linear_in_the_prescription(phantom, conventional):
    low, high = conventional, approximate_dose(*phantom, 74, 37)
    np.testing.assert_allclose(high.volume.array, low.volume.array * np.float32(74 / 60), rtol=1e-5)


def test_a_symmetric_patient_gets_a_symmetric_dose(conventional):
    dose = conventional.volume.array
    top = dose.max()
    for mirrored in (dose[::-1], dose[:, ::-1], dose[:, :, ::-1], dose.transpose(0, 2, 1)):
        assert np.abs(mirrored - dose).max() < 0.01 * top


def test_no_dose_outside_the_body(phantom, conventional):
    _, structures = phantom
    dose = conventional.volume
    body = structures["Body"].mask.on(dose.geometry) > 0.5
    assert dose.array[~body].max() == 0


def test_stereotactic_dose_is_hot_inside_and_falls_as_rtog_0915_asks(phantom, stereotactic):
    scan, structures = phantom
    dose = stereotactic.volume
    ptv_cm3 = targets(scan, structures, sbrt=True)["PTV"].cm3
    hot = dose.array.max() / 54
    assert 1.2 <= hot <= 1.5
    r50 = (dose.array >= 27).sum() * dose.geometry.voxel_cm3 / ptv_cm3
    # RTOG 0915 table 1: below 4.0 at 50 cm3 and 4.3 at 34 (minor deviation 4.8 and 5.3).
    assert 30 < ptv_cm3 < 50
    assert r50 < 4.3


def test_a_prescription_or_patient_without_meaning_is_refused(phantom):
    scan, structures = phantom
    with pytest.raises(InputError, match="positive dose"):
        approximate_dose(scan, structures, 0, 30)
    bare = StructureSet(structures.geometry, (structures["GTVp"],))
    with pytest.raises(InputError, match="EXTERNAL"):
        approximate_dose(scan, bare, 60, 30)


def test_a_rotated_image_gives_the_same_dose(phantom, conventional):
    scan, structures = phantom
    # The same patient stored with x and y running the other way.
    flip = Geometry(
        scan.volume.geometry.shape,
        (4.0, 2.0, 2.0),
        (120.0, 120.0, -80.0),
        (-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0),
    )
    other = Scan("ct", 0.0, Volume(flip, scan.volume.array[:, ::-1, ::-1].copy(), "CT", "HU"))
    turned = StructureSet(flip, ())
    for s in structures:
        turned = turned.with_mask(s.name, s.role, structures.mask(s.name)[:, ::-1, ::-1])
    a, b = conventional, approximate_dose(other, turned, 60, 30)
    np.testing.assert_allclose(b.volume.on(a.volume.geometry), a.volume.array, atol=0.3)


def lung_and_heart(twin, dose):
    from simulators.dose.dvh import dvh

    return dvh(dose.volume, twin.contours, "Lungs-GTV"), dvh(dose.volume, twin.contours, "Heart")


def test_an_in_silico_patient_gets_the_organ_doses_that_clinics_see(phantom_twin):
    twin = phantom_twin
    made = targets(twin.baseline, twin.contours, sbrt=False, histology=twin.clinical.histology)
    dose = approximate_dose(twin.baseline, twin.contours, 60, 30, targets=made)
    lungs, heart = lung_and_heart(twin, dose)
    # Central tumour of 60 cm3 without nodes.
    # `scenarios/validation/dose.py` holds 70 cm3 to MLD 11 to 15, V20 18 to 27 %, V5 40 to 60 %.
    assert 9 < lungs.mean_gy < 16
    assert 0.15 < lungs.v(20) < 0.28
    assert 0.35 < lungs.v(5) < 0.62
    assert 1 < heart.mean_gy < 20
    ptv_cm3 = made["PTV"].cm3
    covered = np.count_nonzero(dose.volume.array >= 60) * dose.volume.geometry.voxel_cm3 / ptv_cm3
    assert 0.95 < covered < 1.35  # RTOG's conformity index asks for less than 1.2, 1.5 with a deviation
    assert dose.volume.array.max() < 60 * 1.25


def test_the_real_patient_gets_a_conformal_dose(lung_twin):
    made = targets(lung_twin.baseline, lung_twin.contours, sbrt=False, histology="squamous")
    dose = approximate_dose(lung_twin.baseline, lung_twin.contours, 60, 30, targets=made)
    ptv = made["PTV"].mask
    inside = dose.volume.on(ptv.geometry)[ptv.array > 0]
    assert np.percentile(inside, 5) == pytest.approx(60, rel=1e-4)
    assert np.percentile(inside, 98) < 60 * 1.2
    covered = np.count_nonzero(dose.volume.array >= 60) * dose.volume.geometry.voxel_cm3 / made["PTV"].cm3
    assert 0.95 < covered < 1.35
    # On the level of the target all of the patient is crossed by some beam: no empty spoke.
    level = round(float(dose.volume.geometry.index(ptv.geometry.lps(np.argwhere(ptv.array).mean(axis=0)))[0]))
    body = lung_twin.contours["Body"].mask.on(dose.volume.geometry)[level] > 0.99
    assert (dose.volume.array[level][body] > 0.5).mean() > 0.97


def test_a_ct_that_ends_at_the_target_is_refused():
    """Its margin's voxels get no dose, and 95 % of a target cannot be scaled to a prescription from nothing."""
    grid = Geometry((20, 60, 60), (3.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    gtv = np.zeros(grid.shape, dtype=bool)
    gtv[3:5, 10:14, 14:18] = True
    drawn = StructureSet(grid, (), 0.0).with_mask("GTVp", "GTV", gtv)
    drawn = drawn.with_mask("Body", "EXTERNAL", np.ones(grid.shape, dtype=bool))
    water = Scan("CT 0", 0.0, Volume(grid, np.zeros(grid.shape, dtype=np.int16), "CT", "HU"))
    with pytest.raises(
        InputError, match=r"ends too near the tumour: no beam reaches .* import a planned dose"
    ):
        approximate_dose(water, drawn, 60.0, 30)
