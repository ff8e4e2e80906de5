import numpy as np
import pytest

from simulators.anatomy.deformation import (
    displacement_mm,
    elastic_tau,
    jacobian,
    scar_velocity_mm,
    shrinkage_flow,
)
from simulators.anatomy.tumour_site import tumour_site
from twin import Geometry, Scan, StructureSet, Volume

GRID = Geometry((50, 110, 110), (2.2, 1.0, 1.0))
CENTRE = (54.0, 55.0, 55.0)
RADIUS = 15.0


def moved_mm(flow, tau):
    return displacement_mm(flow, tau * flow.velocity_mm)


def offsets():
    z, y, x = np.indices(GRID.shape).astype(float)
    return np.stack([z * 2.2 - CENTRE[0], y - CENTRE[1], x - CENTRE[2]])


def site_of(gtv, lung, hu=None):
    hu = np.where(gtv, 30, np.where(lung, -800, 40)).astype(np.int16) if hu is None else hu
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv).with_mask("Lung_L", "OAR", lung)
    return tumour_site(Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU")), structures, lung)


@pytest.fixture(scope="module")
def ball():
    """A ball of tumour in lung without walls near by."""
    gtv = np.linalg.norm(offsets(), axis=0) <= RADIUS
    site = site_of(gtv, ~gtv)
    return site, shrinkage_flow(site)


@pytest.fixture(scope="module")
def walled():
    """The same ball, whose lung ends at a wall 17 mm to one side."""
    gtv = np.linalg.norm(offsets(), axis=0) <= RADIUS
    wall = offsets()[2] > RADIUS + 2
    site = site_of(gtv, ~gtv & ~wall)
    return site, shrinkage_flow(site)


def test_the_share_of_erosion_sets_how_far_the_flow_runs():
    assert elastic_tau(60.0, 60.0, 0.0) == 0.0
    assert elastic_tau(20.0, 60.0, 1.0) == 0.0
    assert elastic_tau(30.0, 60.0, 0.5) == pytest.approx(-np.log(0.75))
    assert elastic_tau(0.0, 60.0, 0.0) == np.inf


def test_a_ball_contracts_by_the_volume_that_was_asked_for(ball):
    site, flow = ball
    for tau in (0.2, 0.7):
        shift = moved_mm(flow, tau)
        came_from = np.linalg.norm(offsets()[(slice(None), *site.box)] + shift, axis=0)
        inside = (came_from <= RADIUS).sum() * GRID.voxel_cm3
        assert inside == pytest.approx(site.gtv_cm3 * np.exp(-tau), rel=0.1)


def test_points_of_a_ball_move_along_its_radius(ball):
    site, flow = ball
    shift = moved_mm(flow, 0.7)
    where = offsets()[(slice(None), *site.box)]
    distance = np.linalg.norm(where, axis=0)
    shell = (distance > 9) & (distance < 20)
    length = np.linalg.norm(shift, axis=0)[shell]
    outward = (shift * where).sum(axis=0)[shell] / distance[shell]
    assert length.min() > 0.5
    assert np.quantile(outward / length, 0.05) > 0.95  # what is there now came from further out


def test_nothing_folds(ball, walled):
    for site, flow in (ball, walled):
        for tau in (0.1, 0.5, 1.0, flow.max_tau):
            assert jacobian(moved_mm(flow, tau), site.geometry.spacing_mm).min() > 0.0


def test_walls_keep_still(walled):
    site, flow = walled
    shift = moved_mm(flow, flow.max_tau)
    assert flow.max_tau > 0.7
    assert np.abs(shift[:, site.still_mm == 0]).max() == 0.0
    assert np.abs(shift).max() > 3.0


def test_the_displacement_dies_out_before_the_crop_ends(ball):
    shift = moved_mm(ball[1], ball[1].max_tau)
    for axis in range(1, 4):
        for end in (0, -1):
            assert np.abs(np.take(shift, end, axis)).max() < 0.05


def test_running_twice_is_running_for_the_sum(ball):
    from scipy.ndimage import map_coordinates

    site, flow = ball
    half, full = moved_mm(flow, 0.4), moved_mm(flow, 0.8)
    steps = np.asarray(site.geometry.spacing_mm)[:, None, None, None]
    at = np.indices(site.geometry.shape) + half / steps
    twice = half + np.stack([map_coordinates(half[k], at, order=1, mode="nearest") for k in range(3)])
    assert np.abs(twice - full).max() < 0.5


def test_a_tumour_without_lung_around_it_does_not_move():
    gtv = np.linalg.norm(offsets(), axis=0) <= RADIUS
    lung = offsets()[2] > 40
    site = site_of(gtv, lung)
    assert np.abs(moved_mm(shrinkage_flow(site), 1.0)).max() == 0.0


def test_scarring_lung_contracts_and_draws_its_neighbours_in(ball):
    site, flow = ball
    where = np.moveaxis(
        site.geometry.index(flow.coarse.lps(np.moveaxis(np.indices(flow.coarse.shape), 0, -1))), -1, 0
    )
    x_mm = where[2] + site.box[2].start - CENTRE[2]
    reaction = np.where(x_mm > 18, 1.0, 0.0)  # all lung beyond 18 mm to one side
    shift = displacement_mm(flow, 0.3 * scar_velocity_mm(flow, reaction))
    left = jacobian(shift, site.geometry.spacing_mm)
    mm = offsets()[(slice(None), *site.box)]
    scar = (mm[2] > 22) & (np.abs(mm[0]) < 15) & (np.abs(mm[1]) < 15) & (mm[2] < 32)
    assert left.min() > 0.0
    assert 1.1 < left[scar].mean() < 1.6  # what is one voxel now was more lung before
    assert np.abs(shift).max() > 1.0
