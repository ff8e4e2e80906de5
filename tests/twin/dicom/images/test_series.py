from pathlib import Path

import numpy as np
import pydicom
import pytest

from twin.dicom.images.series import volume
from twin.dicom.reader import read_series
from twin.errors import InputError
from twin.importer import import_patient

SPACING = (3.0, 1.5, 1.25)


def _read(folder):
    return volume(next(s for s in read_series(folder) if s.modality == "CT"), "CT", "HU")


def test_slices_become_hu_on_their_grid(dicom_set):
    ct = _read(dicom_set())
    assert ct.array.dtype == np.int16
    assert ct.array[6, 3, 4] == 20 + 6 + 9 + 8
    assert ct.array[2, 6, 8] == -700
    assert ct.geometry.spacing_mm == pytest.approx(SPACING)
    assert ct.geometry.lps((6, 3, 4)).tolist() == pytest.approx([-20 + 5, -18 + 4.5, 100 + 18])


def test_order_of_files_and_instance_numbers_do_not_matter(dicom_set):
    def shuffled(slices, _):
        slices.reverse()
        for n, data in enumerate(slices):
            data.InstanceNumber = (5 * n) % 8

    np.testing.assert_array_equal(_read(dicom_set(shuffled)).array, _read(dicom_set(name="plain")).array)


def test_prone_and_sagittal_images_are_turned_upright(dicom_set):
    """The same patient stored along other axes gives the same voxels in the same places."""
    upright = _read(dicom_set(name="plain"))

    def feet_first_prone(slices, _):
        for data in slices:
            plane = data.pixel_array[::-1, ::-1].copy()
            x, y, z = data.ImagePositionPatient
            data.ImagePositionPatient = [x + 31 * SPACING[2], y + 23 * SPACING[1], z]
            data.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
            data.PixelData = plane.tobytes()

    turned = _read(dicom_set(feet_first_prone))
    np.testing.assert_array_equal(turned.array, upright.array)
    assert turned.geometry.same_grid(upright.geometry)
    assert turned.geometry.direction == pytest.approx(upright.geometry.direction)


def test_rescale_is_each_slices_own(dicom_set):
    def change(slices, _):
        slices[3].RescaleSlope, slices[3].RescaleIntercept = 0.5, -512

    plain, changed = _read(dicom_set(name="plain")).array, _read(dicom_set(change)).array
    np.testing.assert_array_equal(changed[3], np.rint(plain[3] / 2.0))
    np.testing.assert_array_equal(np.delete(changed, 3, 0), np.delete(plain, 3, 0))


def test_a_file_that_lies_there_twice_counts_once(dicom_set):
    folder = dicom_set()
    (folder / "copy.dcm").write_bytes((folder / "ct03.dcm").read_bytes())
    assert _read(folder).array.shape == (8, 24, 32)


@pytest.mark.parametrize("way", [1, -1])
def test_slices_of_a_tilted_gantry_land_in_the_right_place(dicom_set, way):
    """A ball in patient space, seen by slices that drift by one row each, is the same ball afterwards."""
    where = np.array([2.0, 3.0, 110.0])

    def change(slices, _):
        for n, data in enumerate(slices):
            x, y, z = -20.0, -18.0 + way * 1.5 * n, 100.0 + 3 * n
            data.ImagePositionPatient = [x, y, z]
            rows, columns = np.indices((24, 32))
            r = np.sqrt(
                (x + 1.25 * columns - where[0]) ** 2 + (y + 1.5 * rows - where[1]) ** 2 + (z - where[2]) ** 2
            )
            data.PixelData = np.where(r < 8, 1064, 24).astype("<u2").tobytes()

    ct = _read(dicom_set(change))
    assert ct.array.shape == (8, 31, 32)
    r = np.linalg.norm(ct.geometry.lps(np.argwhere(np.ones(ct.array.shape))) - where, axis=1)
    np.testing.assert_array_equal(ct.array.ravel() > 0, r < 8)


def _drop(slices, _):
    del slices[4]


def _two_dropped(slices, _):
    del slices[4:6]


def _doubled(slices, _):
    slices[5].ImagePositionPatient = slices[4].ImagePositionPatient


def _uneven(slices, _):
    slices[5].ImagePositionPatient = [-20, -18, 116.1]


def _shifted(slices, _):
    slices[5].ImagePositionPatient = [-20, -16, 115]


def _too_steep(slices, _):
    for n, data in enumerate(slices):
        data.ImagePositionPatient = [-20, -18 + 2.5 * n, 100 + 3 * n]


def _other_frame(slices, _):
    slices[5].FrameOfReferenceUID = "1.2.3.4"


def _other_size(slices, _):
    slices[5].PixelSpacing = [2.0, 2.0]


def _no_position(slices, _):
    del slices[5].ImagePositionPatient


def _short_pixels(slices, _):
    slices[5].PixelData = slices[5].PixelData[:100]


def _skewed(slices, _):
    for data in slices:
        data.ImageOrientationPatient = [1, 0, 0, 0.5, 0.5, 0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_drop, "1 slice is missing between ct03.dcm"),
        (_two_dropped, "2 slices are missing between ct03.dcm"),
        (_doubled, "same position"),
        (_uneven, "unevenly spaced"),
        (_shifted, "shifted against each other, most of all ct05.dcm"),
        (_too_steep, "shifted against each other"),
        (_other_frame, "two frames of reference"),
        (_other_size, "differ in size"),
        (_no_position, r"ct05.dcm: ImagePositionPatient is missing"),
        (_short_pixels, "ct05.dcm: the pixels are damaged"),
        (_skewed, "orthogonal"),
    ],
)
def test_a_set_that_is_not_a_volume_is_refused_by_name(dicom_set, change, says):
    with pytest.raises(InputError, match=says):
        _read(dicom_set(change))


def test_mixed_patients_are_refused_by_file_and_not_by_name(dicom_set):
    def change(slices, _):
        slices[5].PatientID, slices[5].PatientName = "HOSP-9999", "Mole^Ursula"

    with pytest.raises(InputError, match=r"CT ct05.dcm belongs to another patient") as refused:
        import_patient(dicom_set(change))
    assert "HOSP" not in str(refused.value) and "Mole" not in str(refused.value)


def test_a_folder_without_dicom_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(InputError, match="no DICOM file"):
        read_series(tmp_path)


def test_a_cut_file_is_named(dicom_set):
    folder = dicom_set()
    (folder / "ct02.dcm").write_bytes((folder / "ct02.dcm").read_bytes()[:200])
    with pytest.raises(
        InputError, match=r"no CT series.*1 slice is missing.*ct02.dcm is a damaged DICOM file"
    ):
        import_patient(folder)


def test_the_real_ct_is_what_simpleitk_reads(unzipped):
    import SimpleITK

    from twin.geometry import Geometry

    folder = next(Path(unzipped("4dlung_113")).rglob("*29543"))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, ours = reader.Execute(), _read(folder)
    np.testing.assert_array_equal(ours.array, SimpleITK.GetArrayViewFromImage(image))
    assert ours.geometry.same_grid(Geometry.from_sitk(image))


def test_implicit_and_compressed_transfer_syntaxes_read_alike(dicom_set):
    plain = dicom_set(name="plain")
    other = dicom_set(name="other")
    for path in sorted(other.glob("ct0[0-3].dcm")):
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        pydicom.dcmwrite(path, data)
    for path in sorted(other.glob("ct0[4-7].dcm")):
        data = pydicom.dcmread(path)
        data.compress(pydicom.uid.RLELossless)
        data.save_as(path)
    np.testing.assert_array_equal(_read(other).array, _read(plain).array)
