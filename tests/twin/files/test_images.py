import gzip
import struct

import numpy as np
import pytest
import SimpleITK

from twin import Geometry, InputError
from twin.files.images import read_ct, read_mask

GRID = Geometry((10, 24, 32), (3.0, 1.5, 1.25), (-20.0, -18.0, 100.0))


def _write(path, array, **options):
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(GRID.spacing_mm[::-1])
    image.SetOrigin(GRID.origin_mm)
    for key, value in options.items():
        image.SetMetaData(key, value)
    SimpleITK.WriteImage(image, str(path))
    return path


def _box():
    drawn = np.zeros(GRID.shape, np.uint8)
    drawn[3:6, 8:12, 10:15] = 1
    return drawn


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_a_label_map_asks_for_its_label(tmp_path, suffix):
    drawn = _box() * 2
    drawn[0:2, 0:5, 0:5] = 1
    path = _write(tmp_path / f"m.{suffix}", drawn)
    with pytest.raises(
        InputError, match=r"label map.*--label takes one of 1 with 50 voxels, 2 with 60 voxels"
    ):
        read_mask(path, GRID)
    np.testing.assert_array_equal(read_mask(path, GRID, "2").mask, _box() > 0)
    for wrong in ("3", "Tumour"):
        with pytest.raises(InputError, match=f"has no label '{wrong}'"):
            read_mask(path, GRID, wrong)


def test_a_segmentation_of_slicer_names_its_labels(tmp_path):
    drawn = _box() * 2
    drawn[0:2, 0:5, 0:5] = 1
    names = {
        "Segment0_LabelValue": "1",
        "Segment0_Name": "lung",
        "Segment1_LabelValue": "2",
        "Segment1_Name": "tumour",
    }
    path = _write(tmp_path / "m.seg.nrrd", drawn, **names)
    with pytest.raises(InputError, match=r"1 \(lung\).*2 \(tumour\)"):
        read_mask(path, GRID)
    np.testing.assert_array_equal(read_mask(path, GRID, "tumour").mask, _box() > 0)


@pytest.mark.parametrize("value", [1, 7, 255])
def test_one_value_is_inside_whatever_it_is(tmp_path, value):
    read = read_mask(_write(tmp_path / "m.nii.gz", _box() * np.uint8(value)), GRID)
    np.testing.assert_array_equal(read.mask, _box() > 0)
    assert read.notes == ()


def test_a_soft_mask_is_cut_at_a_half_and_that_is_said(tmp_path):
    soft = _box() * np.float32(0.6)
    soft[6, 8:12, 10:15] = 0.4
    read = read_mask(_write(tmp_path / "m.nrrd", soft), GRID)
    np.testing.assert_array_equal(read.mask, _box() > 0)
    assert read.notes == ("the mask has values between 0 and 1 and was cut at 0.5",)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m * np.float32(0), "is empty"),
        (lambda m: m - np.float32(0.5), "below 0"),
        (lambda m: np.where(m, 180.3, 20.7).astype(np.float32), "values up to 180.3"),
        (lambda m: np.where(m, 0.4, 0.3).astype(np.float32), "cannot be laid on the CT: it is empty"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, change, says):
    with pytest.raises(InputError, match=says):
        read_mask(_write(tmp_path / "m.nrrd", change(_box())), GRID)


SECRET = b"root:secret" * 2000


def _header(folder, suffix, data):
    if suffix in ("nrrd", "nhdr"):
        text = f"NRRD0004\ntype: unsigned char\ndimension: 3\nsizes: 20 20 20\nencoding: raw\ndata file: {data}\n\n"
    else:
        text = f"ObjectType = Image\nNDims = 3\nDimSize = 20 20 20\nElementType = MET_UCHAR\nElementDataFile = {data}\n"
    (folder / f"m.{suffix}").write_text(text)
    return folder / f"m.{suffix}"


@pytest.mark.parametrize("suffix", ["nrrd", "nhdr", "mha", "mhd"])
@pytest.mark.parametrize("how", ["absolute", "above", "beside", "linked", "list", "pattern"])
def test_no_header_leads_to_another_file(tmp_path, suffix, how):
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(SECRET)
    (folder / "other.raw").write_bytes(SECRET)
    (folder / "m.raw").symlink_to(tmp_path / "secret")
    data = {
        "absolute": str(tmp_path / "secret"),
        "above": "../secret",
        "beside": "other.raw",
        "linked": "m.raw",
        "list": "LIST\nother.raw" if suffix.startswith("n") else "LIST",
        "pattern": "other%d.raw 1 20 1",
    }[how]
    with pytest.raises(InputError, match="holds its values in another file"):
        read_ct(_header(folder, suffix, data))


@pytest.mark.parametrize("suffix", ["nhdr", "mhd"])
def test_values_beside_their_header_under_its_name_are_read(tmp_path, suffix):
    (tmp_path / "m.raw").write_bytes(bytes(range(200)) * 40)
    assert read_ct(_header(tmp_path, suffix, "m.raw")).array[0, 0, 7] == 7


def test_a_small_file_that_claims_many_voxels_is_refused(tmp_path):
    path = _write(tmp_path / "m.nii", np.zeros((4, 4, 4), np.int16))
    header = bytearray(path.read_bytes())
    header[40:56] = struct.pack("<8h", 3, 800, 800, 800, 1, 1, 1, 1)
    for name, content in (("a.nii", bytes(header)), ("a.nii.gz", gzip.compress(bytes(header)))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"cut short or damaged|not a readable"):
            read_ct(tmp_path / name)
    header[40:56] = struct.pack("<8h", 3, 3000, 3000, 3000, 1, 1, 1, 1)
    (tmp_path / "b.nii").write_bytes(bytes(header))
    with pytest.raises(InputError, match="too many"):
        read_ct(tmp_path / "b.nii")


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha"])
def test_a_file_that_was_cut_is_refused_and_never_filled_up(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(-1000, 1000, (12, 20, 20)).astype(np.int16)
    path = _write(tmp_path / f"ct.{suffix}", noise)
    whole = path.read_bytes()
    read_ct(path)
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=r"cut short or damaged|not a readable"):
        read_ct(path)
