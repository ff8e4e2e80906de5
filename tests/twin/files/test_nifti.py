import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK

from twin import Geometry, InputError, Volume
from twin.files import nifti

TILT = np.deg2rad(17.0)
OBLIQUE = (
    1.0,
    0.0,
    0.0,
    0.0,
    float(np.cos(TILT)),
    -float(np.sin(TILT)),
    0.0,
    float(np.sin(TILT)),
    float(np.cos(TILT)),
)
GEOMETRY = Geometry((5, 6, 7), (3.0, 1.5, 1.25), (-20.0, 12.5, 101.0), OBLIQUE)


def _volume(dtype=np.int16):
    return Volume(GEOMETRY, np.arange(210).reshape(5, 6, 7).astype(dtype), "CT", "HU")


@pytest.mark.parametrize("name", ["v.nii.gz", "v.nii"])
def test_simpleitk_and_nibabel_see_each_voxel_where_it_is(tmp_path, name):
    nifti.write(tmp_path / name, _volume())
    where = GEOMETRY.lps((4, 2, 3))
    image = SimpleITK.ReadImage(str(tmp_path / name))
    assert image.TransformIndexToPhysicalPoint((3, 2, 4)) == pytest.approx(where, abs=1e-4)
    assert image.GetPixel(3, 2, 4) == 4 * 42 + 2 * 7 + 3
    other = nibabel.load(tmp_path / name)
    ras = (other.affine @ [3, 2, 4, 1])[:3]
    assert ras == pytest.approx(where * [-1, -1, 1], abs=1e-4)
    assert other.dataobj[3, 2, 4] == 4 * 42 + 2 * 7 + 3
    np.testing.assert_allclose(other.get_qform(), other.get_sform(), atol=1e-4)
    assert other.header["qform_code"] == other.header["sform_code"] == 1


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_voxels_come_back_bit_for_bit(tmp_path, dtype):
    volume = _volume(dtype)
    nifti.write(tmp_path / "v.nii.gz", volume)
    again = nifti.read(tmp_path / "v.nii.gz", "CT", "HU")
    assert again.array.dtype == volume.array.dtype
    np.testing.assert_array_equal(again.array, volume.array)
    assert again.geometry.same_grid(GEOMETRY)


def test_equal_volumes_give_equal_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        nifti.write(tmp_path / name, _volume())
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_voxels_are_read_only_when_used(tmp_path):
    nifti.write(tmp_path / "v.nii.gz", _volume())
    volume = nifti.read(tmp_path / "v.nii.gz", "CT", "HU")
    (tmp_path / "v.nii.gz").unlink()
    with pytest.raises(InputError, match="cannot be read"):
        _ = volume.array


def test_scaled_files_are_rescaled(tmp_path):
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, -3.0)
    nibabel.save(image, tmp_path / "s.nii")
    stored = nibabel.load(tmp_path / "s.nii").get_fdata()
    np.testing.assert_allclose(nifti.read(tmp_path / "s.nii", "PT", "SUV").array, stored.T)


def test_a_cut_file_is_refused_when_read(tmp_path):
    rng = np.random.default_rng(0)
    noisy = Volume(GEOMETRY, rng.random((5, 6, 7)), "DOSE", "Gy")
    nifti.write(tmp_path / "v.nii.gz", noisy)
    whole = (tmp_path / "v.nii.gz").read_bytes()
    (tmp_path / "v.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short"):
        _ = nifti.read(tmp_path / "v.nii.gz", "DOSE", "Gy").array


@pytest.mark.parametrize("content", [b"", b"x" * 400, gzip.compress(b"x" * 400, mtime=0)], ids=len)
def test_what_is_no_nifti_is_refused(tmp_path, content):
    (tmp_path / "v.nii.gz").write_bytes(content)
    with pytest.raises(InputError, match="not a readable NIfTI"):
        nifti.read(tmp_path / "v.nii.gz", "CT", "HU")


def test_a_series_in_time_is_refused(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), np.eye(4)), tmp_path / "t.nii")
    with pytest.raises(InputError, match="3 x 4 x 5 x 2"):
        nifti.read(tmp_path / "t.nii", "CT", "HU")


def test_sheared_axes_are_refused(tmp_path):
    sheared = np.eye(4)
    sheared[0, 2] = 0.5
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), sheared), tmp_path / "s.nii")
    with pytest.raises(InputError, match="orthonormal"):
        nifti.read(tmp_path / "s.nii", "CT", "HU")


def test_integers_of_64_bits_are_not_written(tmp_path):
    with pytest.raises(InputError, match="int64"):
        nifti.write(tmp_path / "v.nii.gz", _volume(np.int64))
