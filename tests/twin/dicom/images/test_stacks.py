import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin import InputError
from twin.importer import import_patient

GTV_CM3 = 120 * 5.625 / 1000


def _numbered(file, number):
    file.SOPInstanceUID = file.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.98.{number}"
    return file


def _scout(make, number=0, *, told=True, rows=24):
    scout = _numbered(make.ct_slice(0, np.full((rows, 32), number, np.int16)), 50 + number)
    scout.ImagePositionPatient, scout.ImageOrientationPatient = [-20, 0, 120], [1, 0, 0, 0, 0, -1]
    if told:
        scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    return scout


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.booleans(), st.integers(1, 2), st.booleans())
def test_scouts_within_the_series_are_left_out(dicom_set, make, tmp_path, first, many, told):
    """Whether they are said to be scouts or only lie in another direction, sorted first or last."""
    folder = dicom_set(name=f"set{len(list(tmp_path.iterdir()))}")
    for n in range(many):
        _scout(make, n, told=told).save_as(folder / f"{'a' if first else 'z'}{n}.dcm")
    twin = import_patient(folder)
    assert twin.gtv_cm3 == pytest.approx(GTV_CM3, rel=0.01)
    assert twin.baseline.volume.array.shape == (8, 24, 32)
    assert f"left out: CT, {many} file" in " ".join(twin.notes)


def _again(make, number, plane, **fields):
    file = _numbered(make.ct_slice(3, plane), 100 + number)
    for keyword, value in fields.items():
        setattr(file, keyword, value)
    return file


@pytest.mark.parametrize("own_series", [True, False])
def test_bolus_tracking_is_left_out(dicom_set, make, add, own_series):
    def change(slices, _):
        for data in slices:
            data.AcquisitionNumber = 2

    folder = dicom_set(change)
    files = [_again(make, n, np.full((24, 32), 10 * n, np.int16), AcquisitionNumber=1) for n in range(4)]
    for file in files if own_series else ():
        file.SeriesInstanceUID = "1.2.3.61"
    add(folder, *files)
    twin = import_patient(folder)
    assert [s.name for s in twin.scans] == ["CT"] and twin.gtv_cm3 == pytest.approx(GTV_CM3, rel=0.01)
    assert "left out: CT, 4 files: all 4 images lie at one position, as in bolus tracking" in twin.notes


def test_phases_within_one_series_are_scans_of_their_own(dicom_set, make, add):
    def change(slices, _):
        for data in slices:
            data.TemporalPositionIdentifier = 1

    folder = dicom_set(change)
    for n in range(8):
        file = _numbered(make.ct_slice(n, np.full((24, 32), 77, np.int16)), 200 + n)
        file.TemporalPositionIdentifier = 2
        add(folder, file)
    twin = import_patient(folder)
    assert [s.name for s in twin.scans] == ["CT", "CT2"]
    assert twin.scans[1].volume.array.max() == 77 or twin.scans[0].volume.array.max() == 77


def test_a_slice_that_lies_there_twice_under_two_numbers_counts_once_and_another_is_refused(
    dicom_set, make, add
):
    folder = dicom_set()
    add(folder, _again(make, 0, make.hu_array()[3]))
    assert import_patient(folder).gtv_cm3 == pytest.approx(GTV_CM3, rel=0.01)
    add(folder, _again(make, 1, make.hu_array()[3] + 1))
    with pytest.raises(InputError, match="lie at the same position"):
        import_patient(folder)


def test_a_rotations_number_does_not_hide_a_missing_slice(dicom_set):
    def change(slices, _):
        for n, data in enumerate(slices):
            data.AcquisitionNumber = n // 4
        del slices[5]

    with pytest.raises(InputError, match="1 slice is missing"):
        import_patient(dicom_set(change))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0.6, 5.0), st.floats(-500, 500))
def test_positions_rounded_to_a_tenth_of_a_millimetre_are_even(dicom_set, tmp_path, gap, start):
    def change(slices, drawn):
        for n, data in enumerate(slices):
            data.ImagePositionPatient = [-20, -18, round(start + gap * n, 1)]
        for contour, n in zip(drawn.ROIContourSequence[0].ContourSequence, (4, 2, 5, 3), strict=True):
            points = np.reshape([float(v) for v in contour.ContourData], (-1, 3))
            points[:, 2] = round(start + gap * n, 1)
            contour.ContourData = [float(v) for v in points.ravel()]

    twin = import_patient(dicom_set(change, name=f"set{len(list(tmp_path.iterdir()))}"))
    grid = twin.baseline.volume.geometry
    assert grid.spacing_mm[0] == pytest.approx(gap, abs=0.02)
    assert np.abs(grid.lps([(n, 0, 0) for n in range(8)])[:, 2] - (start + gap * np.arange(8))).max() < 0.12
    np.testing.assert_array_equal(np.flatnonzero(twin.contours.gtv().any(axis=(1, 2))), [2, 3, 4, 5])


@pytest.mark.parametrize(
    "lacking", [["RescaleSlope"], ["RescaleIntercept"], ["RescaleSlope", "RescaleIntercept"]]
)
@pytest.mark.parametrize("everywhere", [True, False])
def test_a_ct_without_rescale_tags_is_refused(dicom_set, lacking, everywhere):
    def change(slices, _):
        for data in slices if everywhere else slices[3:4]:
            for keyword in lacking:
                del data[keyword]

    with pytest.raises(
        InputError, match=rf"{lacking[0]} is missing in {8 if everywhere else 1} of its slices.*HU"
    ):
        import_patient(dicom_set(change))


def test_images_of_other_quantities_are_no_ct(dicom_set):
    def change(slices, _):
        for data in slices:
            data.RescaleType = "Z_EFF"

    with pytest.raises(InputError, match="its values are Z_EFF by RescaleType and not HU"):
        import_patient(dicom_set(change))
