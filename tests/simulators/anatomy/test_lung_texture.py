import numpy as np
import pytest

from simulators.anatomy.lung_texture import (
    grown_tumour,
    lung_share,
    most_texture_hu,
    texture,
    without_tumour,
)
from simulators.anatomy.tumour_site import tumour_site
from twin import Geometry, Scan, StructureSet, Volume

GRID = Geometry((44, 150, 120), (3.0, 1.2, 1.2))
RNG = np.random.default_rng(3)


def made(gtv, wall):
    """Noisy lung with vessels (bright rods along z), soft tissue as wall, and a tumour."""
    hu = -810 + 40 * RNG.standard_normal(GRID.shape)
    rods = RNG.random(GRID.shape[1:]) > 0.985
    hu[:, rods] = -200
    hu = np.where(wall, 45 + 15 * RNG.standard_normal(GRID.shape), hu)
    hu = np.where(gtv, 35 + 15 * RNG.standard_normal(GRID.shape), hu)
    lung = ~gtv & ~wall
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv).with_mask("Lung_L", "OAR", lung)
    scan = Scan("ct", 0.0, Volume(GRID, np.rint(hu).astype(np.int16), "CT", "HU"))
    return tumour_site(scan, structures, lung), scan, lung


def mm():
    z, y, x = np.indices(GRID.shape)
    return z * 3.0, y * 1.2, x * 1.2


@pytest.fixture(scope="module")
def free():
    z, y, x = mm()
    return made((z - 66) ** 2 + (y - 90) ** 2 + (x - 70) ** 2 <= 16**2, np.zeros(GRID.shape, dtype=bool))


@pytest.fixture(scope="module")
def attached():
    """A tumour that sits on a wall and grew half into it."""
    z, y, x = mm()
    return made((z - 66) ** 2 + (y - 90) ** 2 + (x - 110) ** 2 <= 16**2, x > 110)


def test_lung_comes_back_with_the_patients_own_statistics(free):
    site, scan, lungs = free
    healthy, share = without_tumour(site, scan, lungs)
    inside, own = healthy[site.gtv], scan.volume.array[lungs]
    assert share[site.gtv].min() > 0.99
    assert abs(inside.mean() - own.mean()) < 15
    assert 0.7 < inside.std() / own.std() < 1.4


def test_lung_is_copied_and_not_invented(free):
    site, scan, lungs = free
    healthy, _ = without_tumour(site, scan, lungs)
    core = site.distance_mm > 4
    offset = healthy[core] - np.rint(healthy[core])
    assert (
        np.ptp(offset) < 1e-2 or np.ptp(np.abs(offset)) < 1e-2
    )  # whole HU of the scan plus one shift of the mean


def test_nothing_changes_away_from_the_tumour(free):
    site, scan, lungs = free
    healthy, _ = without_tumour(site, scan, lungs)
    far = site.distance_mm < -5.5
    np.testing.assert_array_equal(healthy[far], scan.volume.array[site.box][far])


def test_the_wall_closes_over_the_gap(attached):
    site, scan, lungs = attached
    share = lung_share(site)
    x = np.indices(site.gtv.shape)[2] * 1.2 + site.box[2].start * 1.2
    assert share[site.gtv & (x < 104)].mean() > 0.95
    assert share[site.gtv & (x > 118)].mean() < 0.05
    healthy, _ = without_tumour(site, scan, lungs)
    wall = ~site.gtv & ~site.lung & ~site.gap
    np.testing.assert_array_equal(healthy[wall], site.hu[wall])


def test_grown_tumour_looks_like_the_tumour_and_its_inside_is_kept(free):
    site, _, _ = free
    grown = grown_tumour(site)
    shell = ~site.gtv & (site.distance_mm > -6)
    assert abs(grown[shell].mean() - site.hu[site.gtv].mean()) < 15
    deep = site.distance_mm > 4
    np.testing.assert_array_equal(grown[deep], site.hu[deep])


def test_texture_is_noise_without_structure(free):
    site, _, _ = free
    most = most_texture_hu(site)
    fine = texture(site.hu, most, site.geometry.spacing_mm)
    assert abs(fine[site.lung].mean()) < 0.2 * 40
    assert 15 < fine[site.lung].std() < 45
    assert np.abs(fine).max() < 0.3 * most
    assert 2.0 * 25 < most < 4.0 * 45
