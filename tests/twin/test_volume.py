import numpy as np
import pytest
import SimpleITK

from twin import Geometry, InputError, Volume

GEOMETRY = Geometry((9, 10, 11), (3.0, 1.5, 1.25), (-20.0, 12.5, 101.0))


def _smooth():
    z, y, x = np.indices(GEOMETRY.shape)
    return (10 * z + 3 * y - 2 * x).astype(np.float32)


def test_voxels_cannot_be_written():
    source = _smooth()
    volume = Volume(GEOMETRY, source, "CT", "HU")
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    source[0, 0, 0] = 5  # the caller's own array stays the caller's
    assert source.flags.writeable


def test_a_volume_is_told_in_a_line_without_being_loaded():
    def load():
        raise AssertionError

    told = "<Volume CT, HU: 9 x 10 x 11 voxels of 3 x 1.5 x 1.25 mm (z, y, x)>"
    assert repr(Volume(GEOMETRY, load, "CT", "HU")) == told


def test_a_lazy_array_is_loaded_once():
    calls = []

    def load():
        calls.append(1)
        return _smooth()

    volume = Volume(GEOMETRY, load, "CT", "HU")
    assert not calls
    _ = volume.array, volume.array
    assert len(calls) == 1


def test_a_wrong_shape_is_refused():
    with pytest.raises(InputError, match="its grid"):
        Volume(GEOMETRY, np.zeros((2, 2, 2)), "CT", "HU")


def test_a_crop_shares_memory_and_stays_in_place():
    volume = Volume(GEOMETRY, _smooth(), "CT", "HU")
    part = volume.crop((slice(2, 5), slice(1, 4), slice(3, 9)))
    assert np.shares_memory(part.array, volume.array)
    assert part.geometry.lps((0, 0, 0)) == pytest.approx(GEOMETRY.lps((2, 1, 3)))


def test_resampling_agrees_with_simpleitk_on_a_turned_grid():
    volume = Volume(GEOMETRY, _smooth(), "CT", "HU")
    angle = np.deg2rad(20)
    direction = (np.cos(angle), -np.sin(angle), 0, np.sin(angle), np.cos(angle), 0, 0, 0, 1)
    other = Geometry((6, 7, 8), (2.0, 1.0, 1.1), (-15.0, 15.0, 105.0), tuple(map(float, direction)))
    moving, reference = (
        SimpleITK.GetImageFromArray(_smooth()),
        SimpleITK.Image(8, 7, 6, SimpleITK.sitkFloat32),
    )
    for image, grid in ((moving, GEOMETRY), (reference, other)):
        image.SetSpacing(grid.spacing_mm[::-1])
        image.SetOrigin(grid.origin_mm)
        image.SetDirection(grid.direction)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.Resample(moving, reference, SimpleITK.Transform()))
    inside = np.all((i := GEOMETRY.index(other.lps(np.argwhere(theirs < 1e9)))) > 0, axis=1) & np.all(
        i < np.subtract(GEOMETRY.shape, 1), axis=1
    )
    ours = volume.on(other).ravel()
    assert inside.sum() > 100
    np.testing.assert_allclose(ours[inside], theirs.ravel()[inside], atol=1e-3)


def test_the_same_grid_gives_the_same_values():
    volume = Volume(GEOMETRY, _smooth(), "CT", "HU")
    np.testing.assert_allclose(volume.on(GEOMETRY), volume.array, atol=1e-4)


def test_outside_is_the_fill_value():
    far = Geometry((2, 2, 2), (1.0, 1.0, 1.0), (500.0, 500.0, 500.0))
    assert (Volume(GEOMETRY, _smooth(), "CT", "HU").on(far, fill=-1000.0) == -1000.0).all()


def test_sampling_a_volume_on_its_own_grid_gives_its_values_and_a_copy():
    grid = Geometry((3, 4, 5), (2.0, 1.0, 1.0), (7.0, -3.0, 0.1))
    values = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    volume = Volume(grid, values, "DOSE", "Gy")
    for order in (0, 1, 3):
        same = volume.on(grid, order=order)
        np.testing.assert_array_equal(same, values)
        assert same.dtype == np.float32 and not np.shares_memory(same, values)


def test_other_libraries_see_a_volume_in_its_place():
    geometry = Geometry(
        (2, 3, 4), (3.0, 1.5, 1.0), (10.0, -20.0, 30.0), (0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    )
    volume = Volume(geometry, np.arange(24, dtype=np.int16).reshape(2, 3, 4), "CT", "HU")
    itk, nib = volume.sitk(), volume.nibabel()
    for at in ((0, 0, 0), (1, 2, 3)):
        x, y, z = at[::-1]
        assert itk.GetPixel(x, y, z) == nib.get_fdata()[x, y, z] == volume.array[at]
        lps = geometry.lps(at)
        np.testing.assert_allclose(itk.TransformIndexToPhysicalPoint((x, y, z)), lps)
        np.testing.assert_allclose(nib.affine @ (x, y, z, 1), (-lps[0], -lps[1], lps[2], 1))
    assert Geometry.from_sitk(itk).same_grid(geometry)
    assert Volume(geometry, volume.array > 3, "MASK", "1").sitk().GetPixel(3, 2, 1) == 1
