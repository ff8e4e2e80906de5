import itertools

import nibabel
import numpy as np
import pytest
import SimpleITK

from twin import Geometry, InputError, Volume

ROTATION = tuple(float(v) for v in np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0].ravel())
OBLIQUE = Geometry((5, 6, 7), (3.0, 1.5, 1.25), (-20.0, 12.5, 101.0), ROTATION)


def test_lps_and_index_are_inverse():
    points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    np.testing.assert_allclose(OBLIQUE.lps(OBLIQUE.index(points)), points, atol=1e-9)


def test_simpleitk_agrees_on_where_voxels_are():
    image = SimpleITK.Image(7, 6, 5, SimpleITK.sitkUInt8)
    image.SetSpacing(OBLIQUE.spacing_mm[::-1])
    image.SetOrigin(OBLIQUE.origin_mm)
    image.SetDirection(ROTATION)
    assert Geometry.from_sitk(image).same_grid(OBLIQUE)
    assert OBLIQUE.lps((4, 1, 6)) == pytest.approx(image.TransformIndexToPhysicalPoint((6, 1, 4)))


def test_ras_affine_and_back():
    again = Geometry.from_affine_ras(OBLIQUE.affine_ras, OBLIQUE.shape)
    assert again.same_grid(OBLIQUE)
    ras = nibabel.affines.apply_affine(OBLIQUE.affine_ras, [6, 1, 4])
    assert ras == pytest.approx(OBLIQUE.lps((4, 1, 6)) * [-1, -1, 1])


def test_a_crop_and_its_box_are_inverse():
    box = (slice(1, 4), slice(0, 5), slice(3, 7))
    assert OBLIQUE.box_of(OBLIQUE.crop(box)) == box
    assert OBLIQUE.crop(box).lps((0, 0, 0)) == pytest.approx(OBLIQUE.lps((1, 0, 3)))


@pytest.mark.parametrize(
    "part",
    [
        Geometry((2, 2, 2), (3.0, 1.5, 1.25), (-19.5, 12.5, 101.0), ROTATION),
        Geometry((2, 2, 2), (3.0, 1.5, 1.5), (-20.0, 12.5, 101.0), ROTATION),
        Geometry((2, 2, 2), (3.0, 1.5, 1.25), (-20.0, 12.5, 101.0)),
        Geometry((6, 2, 2), (3.0, 1.5, 1.25), (-20.0, 12.5, 101.0), ROTATION),
    ],
)
def test_what_is_no_crop_is_refused(part):
    with pytest.raises(InputError, match="another grid"):
        OBLIQUE.box_of(part)


@pytest.mark.parametrize(
    ("order", "signs"),
    list(itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))),
)
def test_all_48_orientations_turn_upright_and_keep_every_voxel_in_place(order, signs):
    direction = np.zeros((3, 3))
    direction[list(order), range(3)] = signs
    geometry = Geometry((3, 4, 5), (3.0, 1.5, 1.25), (7.0, -8.0, 9.0), tuple(direction.ravel()))
    volume = Volume(geometry, np.arange(60).reshape(3, 4, 5), "CT", "HU")
    turned = volume.upright()
    assert turned.geometry.direction == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    indices = np.argwhere(np.ones(geometry.shape))
    there = np.rint(turned.geometry.index(geometry.lps(indices))).astype(int)
    np.testing.assert_array_equal(turned.array[tuple(there.T)], volume.array[tuple(indices.T)])


def test_an_upright_volume_is_itself():
    volume = Volume(Geometry((2, 2, 2), (1.0, 1.0, 1.0)), np.zeros((2, 2, 2)), "CT", "HU")
    assert volume.upright() is volume


def test_resampling_keeps_the_extent():
    new = OBLIQUE.resampled((1.5, 0.75, 0.625))
    assert new.shape == (10, 12, 14)
    assert new.lps((-0.5, -0.5, -0.5)) == pytest.approx(OBLIQUE.lps((-0.5, -0.5, -0.5)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (0, 2, 2)},
        {"spacing_mm": (1.0, 0.0, 1.0)},
        {"spacing_mm": (1.0, float("nan"), 1.0)},
        {"origin_mm": (0.0, float("inf"), 0.0)},
        {"direction": (1, 0, 0, 0, 1, 0, 0, 1, 1)},
    ],
)
def test_impossible_grids_are_refused(wrong):
    with pytest.raises(InputError):
        Geometry(**{"shape": (2, 2, 2), "spacing_mm": (1.0, 1.0, 1.0), **wrong})
