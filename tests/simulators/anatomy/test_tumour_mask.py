from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from simulators.anatomy.tumour_mask import border_mm, level, moved, score_mm, tumour_share, without_crumbs
from simulators.anatomy.tumour_site import tumour_site
from simulators.core.treatment import TumourView
from twin import Geometry, Scan, StructureSet, Volume

GRID = Geometry((40, 72, 72), (2.0, 1.0, 1.0))


def distance_from(centre_mm):
    z, y, x = np.indices(GRID.shape)
    return np.sqrt((z * 2.0 - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2 + (x - centre_mm[2]) ** 2)


@pytest.fixture(scope="module")
def site():
    """A tumour of radius 14 mm in the middle of lung."""
    gtv = distance_from((40, 36, 36)) <= 14
    hu = np.where(gtv, 30, -800).astype(np.int16)
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv).with_mask("Lung_L", "OAR", ~gtv)
    scan = Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU"))
    return tumour_site(scan, structures, ~gtv)


def whole(site):
    return tuple(slice(0, n) for n in site.gtv.shape)


def score_of(site, view=None):
    rough = 0.1 * np.random.default_rng(1).standard_normal(site.gtv.shape).astype(np.float32)
    return score_mm(site, view or TumourView(1.0, site.gtv_cm3, 0.5), rough, whole(site))


def test_the_unchanged_volume_gives_back_the_contour_voxel_by_voxel(site):
    score = score_of(site)
    np.testing.assert_array_equal(score > level(score, site.gtv_cm3, GRID.voxel_cm3), site.gtv)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 1.5, 3.0])
def test_the_mask_holds_the_volume_to_half_a_voxel(site, share):
    score = score_of(site)
    mask = score > level(score, share * site.gtv_cm3, GRID.voxel_cm3)
    assert mask.sum() * GRID.voxel_cm3 == pytest.approx(share * site.gtv_cm3, abs=0.51 * GRID.voxel_cm3)


def test_a_ball_shrinks_to_a_ball(site):
    score = score_of(site)
    mask = score > level(score, site.gtv_cm3 / 8, GRID.voxel_cm3)
    ideal = distance_from((40, 36, 36)) <= 7
    assert 2 * (mask & ideal).sum() / (mask.sum() + ideal.sum()) > 0.9


def test_smaller_masks_lie_inside_larger_ones(site):
    score = score_of(site)
    masks = [score > level(score, v * site.gtv_cm3, GRID.voxel_cm3) for v in (0.1, 0.3, 0.6, 1.0, 1.4, 2.0)]
    for small, large in pairwise(masks):
        assert not (small & ~large).any()


def test_the_side_that_lost_more_recedes_first(site):
    left = np.indices(site.geometry.shape)[2] < site.geometry.shape[2] / 2
    viable = np.where(left, 0.2, 0.9).astype(np.float32)
    view = TumourView(
        1.0, site.gtv_cm3, 0.5, site.geometry, viable, np.zeros_like(viable), np.zeros_like(viable)
    )
    score = score_of(site, view)
    mask = score > level(score, site.gtv_cm3 / 2, GRID.voxel_cm3)
    assert mask[left].sum() < 0.5 * mask[~left].sum()


def test_the_soft_edge_sums_to_the_volume(site):
    score = score_of(site)
    for share in (1.0, 0.4, 0.02, 0.001):
        wanted = share * site.gtv_cm3
        border = border_mm(score, level(score, wanted, GRID.voxel_cm3), GRID.spacing_mm)
        soft = tumour_share(border, wanted, GRID.voxel_cm3)
        assert soft.sum() * GRID.voxel_cm3 == pytest.approx(wanted, rel=0.01, abs=0.005)
        assert soft.min() >= 0 and soft.max() <= 1


def test_crumbs_beside_the_tumour_are_put_last():
    score = np.full((20, 20, 20), -5.0, dtype=np.float32)
    score[4:14, 4:14, 4:14] = 1.0 + np.random.default_rng(0).random((10, 10, 10), dtype=np.float32)
    tumour = score > 0
    score[17, 17, 17] = 3.0
    cleaned = without_crumbs(score, tumour, 0.9, 0.001)
    mask = cleaned > level(cleaned, 0.9, 0.001)
    assert mask.sum() == 900 and not mask[17, 17, 17]


def test_no_volume_is_no_mask(site):
    score = score_of(site)
    assert not (score > level(score, 0.0, GRID.voxel_cm3)).any()


def test_a_primary_and_its_node_shrink_by_like_shares():
    primary, node = distance_from((40, 36, 28)) <= 14, distance_from((40, 36, 58)) <= 7
    gtv = primary | node
    structures = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv).with_mask("Lung_L", "OAR", ~gtv)
    hu = np.where(gtv, 30, -800).astype(np.int16)
    site = tumour_site(Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU")), structures, ~gtv)
    score = score_of(site)
    mask = score > level(score, 0.5 * site.gtv_cm3, GRID.voxel_cm3)
    assert mask[primary].mean() == pytest.approx(0.5, abs=0.02)
    assert mask[node].mean() == pytest.approx(0.5, abs=0.02)


def test_a_score_moves_as_by_linear_interpolation_that_keeps_to_the_border_at_the_rim():
    rng = np.random.default_rng(0)
    for shape in ((1, 7, 9), (12, 20, 15)):
        score = 30.0 * rng.standard_normal(shape, dtype=np.float32)
        shift = 3.0 * rng.standard_normal((3, *shape), dtype=np.float32)
        shift[..., :3] = 0.0
        points = np.indices(shape, dtype=np.float32) + shift
        expected = map_coordinates(score, points, order=1, mode="nearest", output=np.float32)
        np.testing.assert_array_equal(moved(score, shift), expected)
