import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twin import InputError
from twin.importer import import_patient

VOXEL_CM3 = 5.625 / 1000


def _set(make, number, columns, name="GTV-1", **fields):
    """A structure set whose tumour is as wide as it says."""
    drawn = make.rtstruct({name: [make.box_contour(z, (7, 12), (10, 10 + columns)) for z in range(2, 6)]})
    drawn.SOPInstanceUID = drawn.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.99.2.{number}"
    for keyword, value in fields.items():
        setattr(drawn, keyword, value)
    return drawn


def _old(slices, drawn):
    drawn.StructureSetDate, drawn.ApprovalStatus = "20240301", "UNAPPROVED"


def _columns(twin):
    """How wide the tumour is that was read."""
    return round(int(twin.contours.gtv().sum()) / 20)


@pytest.mark.parametrize(
    ("sets", "columns"),
    [
        ([(3, {"StructureSetDate": "20240302"})], 3),  # none approved: the newest
        ([(3, {"StructureSetDate": "20240228", "ApprovalStatus": "APPROVED"})], 3),
        ([(3, {"StructureSetDate": "20240302", "ApprovalStatus": "REJECTED"})], 6),
        (
            [
                (3, {"StructureSetDate": "20240302", "ApprovalStatus": "APPROVED"}),
                (4, {"StructureSetDate": "20240303", "ApprovalStatus": "APPROVED"}),
                (5, {"StructureSetDate": "20240304"}),
            ],
            4,
        ),
        ([(3, {"StructureSetDate": "20240302", "ApprovalStatus": "APPROVED", "name": "Heart"})], 6),
    ],
)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_the_newest_approved_set_with_a_tumour_is_used(dicom_set, make, add, tmp_path, sets, columns, random):
    folder = dicom_set(_old, name=f"set{len(list(tmp_path.iterdir()))}")
    files = [_set(make, 10 + n, wide, **fields) for n, (wide, fields) in enumerate(sets)]
    random.shuffle(files)
    add(folder, *files)
    twin = import_patient(folder)
    assert _columns(twin) == columns
    assert f"{len(sets) + 1} structure sets are drawn on the CT" in " ".join(twin.notes)


def test_sets_of_one_time_are_asked_about_and_may_be_named(dicom_set, make, add):
    folder = dicom_set()
    add(folder, _set(make, 9, 3, StructureSetLabel="revised"))
    with pytest.raises(InputError, match=r"1 is rs.dcm with GTV-1, 2 is .*say which by --structures"):
        import_patient(folder)
    assert _columns(import_patient(folder, structures=["2"])) == 3
    assert _columns(import_patient(folder, structures=["revised"])) == 3
    assert _columns(import_patient(folder, structures=["rs.dcm"])) == 6
    with pytest.raises(InputError, match=r"no structure set '7'.*there are: 1 \(rs.dcm\)"):
        import_patient(folder, structures=["7"])


def test_of_sets_of_one_time_the_one_that_was_planned_on_is_used(dicom_set, make, add):
    from pydicom.dataset import Dataset

    folder = dicom_set()
    plan, drawn = make.plan_file(), _set(make, 9, 3)
    plan.ReferencedStructureSetSequence = [Dataset()]
    plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = drawn.SOPInstanceUID
    add(folder, drawn, plan)
    assert _columns(import_patient(folder)) == 3


def test_a_set_exported_twice_counts_once(dicom_set, make, add):
    folder = dicom_set()
    again = _set(make, 9, 6)
    again.StructureSetROISequence.append(
        make.rtstruct({"GTV-1": [], "Marker": []}).StructureSetROISequence[1]
    )
    again.ROIContourSequence.append(make.rtstruct({"GTV-1": [], "Marker": []}).ROIContourSequence[1])
    add(folder, again)
    twin = import_patient(folder)
    assert _columns(twin) == 6 and not any("structure sets" in n for n in twin.notes)


def test_names_of_two_sets_bring_both(dicom_set, make, add):
    folder = dicom_set(_old)
    add(folder, _set(make, 9, 3, name="LN 7", StructureSetDate="20240302"))
    twin = import_patient(folder, gtv=["GTV-1", "LN 7"])
    assert [s.name for s in twin.contours if s.role == "GTV"] == ["GTVp", "GTVn"]


def test_one_damaged_set_does_not_refuse_the_patient(dicom_set, make, add):
    folder = dicom_set()
    bad = _set(make, 9, 3)
    bad.ROIContourSequence[0].ContourSequence[0].ContourData = [1.0, 2.0]
    add(folder, bad)
    twin = import_patient(folder)
    assert _columns(twin) == 6
    assert "left out: RTSTRUCT, 1 file: a contour of GTV-1 is not a list" in " ".join(twin.notes)


def test_a_scout_among_the_images_that_a_set_names_is_not_missing(dicom_set, make, add):
    from pydicom.dataset import Dataset

    scout = make.ct_slice(50, np.zeros((24, 32), np.int16))
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    def change(slices, drawn):
        series, study = Dataset(), Dataset()
        series.SeriesInstanceUID = slices[0].SeriesInstanceUID
        series.ContourImageSequence = []
        for data in [*slices, scout]:
            image = Dataset()
            image.ReferencedSOPInstanceUID = data.SOPInstanceUID
            series.ContourImageSequence.append(image)
        study.RTReferencedSeriesSequence = [series]
        drawn.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence = [study]

    folder = dicom_set(change)
    add(folder, scout)
    twin = import_patient(folder)
    assert twin.gtv_cm3 == pytest.approx(120 * VOXEL_CM3, rel=0.01)
    assert "left out: CT, 1 file: a scout is no volume" in twin.notes
