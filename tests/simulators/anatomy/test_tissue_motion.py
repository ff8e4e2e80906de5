"""Paths of tissue while a tumour in lung shrinks."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from simulators.anatomy.deformation import displacement_mm
from simulators.anatomy.tissue_motion import STEP, TissueMotion
from twin import Geometry, InputError, PatientTwin, Scan, StructureSet, Volume

GRID = Geometry((44, 56, 56), (2.5, 2.0, 2.0), (-56.0, -56.0, -55.0))
RADIUS = 14.0


def twin(lung=True):
    away = np.linalg.norm(GRID.lps(np.moveaxis(np.indices(GRID.shape), 0, -1)), axis=-1)
    gtv = away <= RADIUS
    hu = np.where(gtv, 30, -800).astype(np.int16)
    drawn = StructureSet(GRID, ()).with_mask("GTVp", "GTV", gtv)
    drawn = drawn.with_mask("Lung_L", "OAR", ~gtv) if lung else drawn
    return PatientTwin("p", scans=(Scan("ct", 0.0, Volume(GRID, hu, "CT", "HU")),), structures=(drawn,))


@pytest.fixture(scope="module")
def motion():
    return TissueMotion.of(twin())


def directions(n=200):
    v = np.random.default_rng(0).standard_normal((n, 3))
    return v / np.linalg.norm(v, axis=1, keepdims=True)


def test_the_surface_of_a_ball_comes_in_as_its_volume_asks(motion):
    stage = float(motion.stage(np.array(0.5 * motion.gtv_cm3), np.array(0.0)))
    assert stage == pytest.approx(np.log(2) / STEP)
    radius = np.linalg.norm(motion.paths(RADIUS * directions(), 1), axis=-1).mean(axis=1)
    # A divergence of -1 in a ball draws its surface in by R / 3 a unit of -ln(volume).
    assert (radius[1] - radius[0]) / STEP == pytest.approx(-RADIUS / 3, rel=0.1)


def test_paths_lead_where_the_image_s_displacement_comes_from(motion):
    start = 20.0 * directions()
    end = motion.paths(start, 8)[-1]
    back = displacement_mm(motion.flow, 8 * STEP * motion.flow.velocity_mm)
    fine = motion.flow.geometry
    found = [map_coordinates(c, fine.index(end).T, order=1) for c in back]
    origin = end + np.stack(found[::-1], axis=-1)  # the grid's axes are those of the patient
    assert np.abs(end - start).max() > 1.0
    np.testing.assert_allclose(origin, start, atol=0.15)


def test_lung_comes_nearer_and_what_is_far_keeps_still(motion):
    paths = motion.paths(np.concatenate([20.0 * directions(), [[-50.0, 50.0, 50.0]]]), 10)
    away = np.linalg.norm(paths, axis=-1)
    assert (np.diff(away[:, :-1], axis=0) < 0).all()
    np.testing.assert_array_equal(paths[:, -1], np.broadcast_to(paths[0, -1], (len(paths), 3)))


def test_a_tumour_that_grows_or_only_clears_moves_nothing(motion):
    gtv_cm3 = motion.gtv_cm3 * np.array([1.5, 0.3, 0.0])
    stages = motion.stage(gtv_cm3, np.array([0.2, 1.0, 0.0]))
    np.testing.assert_allclose(stages, [0.0, 0.0, motion.flow.max_tau / STEP])


def test_without_lung_nothing_is_known():
    with pytest.raises(InputError, match="no Lung_L or Lung_R"):
        TissueMotion.of(twin(lung=False))
