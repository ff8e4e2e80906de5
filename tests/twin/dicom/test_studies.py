from pathlib import Path

import numpy as np
import pytest

from twin import PatientTwin
from twin.dicom.listing import listing
from twin.errors import InputError
from twin.importer import import_patient


def _later_ct(make, *, study="1.2.826.0.1.99.77", date="20240327", frame=None, rows=(8, 11), cone_beam=False):
    """A second CT of the same grid, and contours on it."""
    slices = [make.ct_slice(n, plane) for n, plane in enumerate(make.hu_array())]
    drawn = make.rtstruct({"GTV-1": [make.box_contour(z, rows, (10, 15)) for z in range(3, 5)]})
    for n, data in enumerate([*slices, drawn]):
        data.StudyInstanceUID, data.StudyDate = study, date
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.99.70.{n}"
        if frame:
            data.FrameOfReferenceUID = frame
    for data in slices:
        data.SeriesInstanceUID = "1.2.826.0.1.99.71"
        if cone_beam:
            data.ManufacturerModelName, data.SeriesDescription = "On-Board Imager", "Kilovolt"
    drawn.SeriesInstanceUID = "1.2.826.0.1.99.72"
    from pydicom.dataset import Dataset

    series, of_study, of_frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = "1.2.826.0.1.99.71"
    of_study.RTReferencedSeriesSequence = [series]
    of_frame.FrameOfReferenceUID = frame or slices[0].FrameOfReferenceUID
    of_frame.RTReferencedStudySequence = [of_study]
    drawn.ReferencedFrameOfReferenceSequence = [of_frame]
    for item in drawn.StructureSetROISequence:
        item.ReferencedFrameOfReferenceUID = of_frame.FrameOfReferenceUID
    return [*slices, drawn]


def test_studies_of_several_dates_become_a_timeline(dicom_set, make, add, tmp_path):
    folder = dicom_set()
    add(folder, *_later_ct(make, cone_beam=True))
    add(folder, *[make.pet_slice(n, np.full((24, 32), 5000.0), SeriesDate="20240228") for n in range(8)])
    twin = import_patient(folder)
    assert [(s.name, s.time_days, s.volume.modality) for s in twin.scans] == [
        ("PT day -7", -7.0, "PT"),
        ("CT", 0.0, "CT"),
        ("CBCT day 21", 21.0, "CBCT"),
    ]
    assert twin.baseline.name == "CT" and twin.day0_weekday == 2
    assert twin.gtv_cm3 == pytest.approx(120 * 5.625 / 1000)
    (seen,) = twin.observations
    assert (seen.time_days, seen.kind, seen.scan) == (21.0, "gtv_cm3", "CBCT day 21")
    assert seen.value == pytest.approx(2 * 3 * 5 * 5.625 / 1000)
    assert [s.time_days for s in twin.structures] == [0.0, 21.0]
    twin.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    assert again.scans[2].name == "CBCT day 21" and again.notes == twin.notes
    text = (tmp_path / "p.twin" / "twin.json").read_text()
    assert "2024" not in text and "On-Board" not in text


def test_a_missing_date_is_asked_for_and_may_be_given(dicom_set, make, add):
    folder = dicom_set()
    add(folder, *_later_ct(make, date=""))
    twin = import_patient(folder)
    assert [s.name for s in twin.scans] == ["CT"]
    assert "left out: CT, 8 files: the CT series of one of them or the planning CT has no date" in " ".join(
        twin.notes
    )
    twin = import_patient(folder, days={"more009.dcm": 28})
    assert [s.time_days for s in twin.scans] == [0.0, 28.0]


def test_phases_of_one_frame_stay_apart_and_the_contoured_one_leads(dicom_set, make, add):
    def change(slices, drawn):
        for data in [*slices, drawn]:
            data.SeriesInstanceUID = data.SeriesInstanceUID + "9"

    folder = dicom_set(change)
    add(folder, *_later_ct(make, date="20240306")[:-1])
    twin = import_patient(folder)
    assert [s.name for s in twin.scans] == ["CT", "CT2"]
    assert twin.baseline.name == "CT" and twin.observations == ()


def test_a_localizer_is_left_out_and_said(dicom_set, make, add):
    folder = dicom_set()
    scout = make.ct_slice(0, np.zeros((50, 60), np.int16))
    scout.ImageType, scout.SeriesInstanceUID = ["ORIGINAL", "PRIMARY", "LOCALIZER"], "1.2.3.9"
    scout.SOPInstanceUID = scout.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9.1"
    add(folder, scout)
    assert "left out" in " ".join(import_patient(folder).notes)


def test_names_that_tg263_does_not_know_are_listed(dicom_set, make):
    def change(_, drawn):
        drawn.StructureSetROISequence[1].ROIName = "Ring Zebra"
        drawn.ROIContourSequence[1].ContourSequence = [
            make.rtstruct({"a": [make.box_contour(3, (2, 5), (2, 5))]})
            .ROIContourSequence[0]
            .ContourSequence[0]
        ]

    twin = import_patient(dicom_set(change))
    assert twin.contours["ROI-2"].role == "OTHER"
    assert twin.notes == (
        "GTV-1 is drawn on 4 planes 3 mm apart: 0.675 cm3, give or take 0.14",
        "structures whose names TG-263 does not know: ROI-2",
    )


def test_contours_drawn_twice_get_names_of_their_own(dicom_set, make, add):
    folder = dicom_set()
    again = make.rtstruct({"GTV-2": [make.box_contour(3, (14, 18), (10, 16))], "GTV LN": []})
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.2.2"
    add(folder, again)
    with pytest.raises(InputError, match=r"2 structure sets of the same time.*--structures 1"):
        import_patient(folder)
    twin = import_patient(folder, structures=["1", "2"])
    assert [s.name for s in twin.contours if s.role == "GTV"] == ["GTVp", "GTVp2"]
    assert import_patient(folder, gtv=["GTV-2"]).gtv_cm3 == pytest.approx(24 * 5.625 / 1000)


@pytest.mark.parametrize("patient", ["STS_001", "STS_002"])
def test_ct_pet_and_mr_land_on_one_another(unzipped, patient):
    twin = import_patient(next(Path(unzipped("ibsi_sts_ct_pet_mr")).rglob(patient)))
    assert sorted(s.volume.modality for s in twin.scans) == ["CT", "MR", "PT"]
    units = {s.volume.modality: s.volume.unit for s in twin.scans}
    assert units == {"CT": "HU", "PT": "SUV", "MR": "a.u."}
    volumes = [s["GTVp"].cm3 for s in twin.structures]
    assert len(volumes) == 3 and max(volumes) / min(volumes) < 1.005
    centres = [
        s["GTVp"].mask.geometry.lps(np.argwhere(s["GTVp"].mask.array).mean(axis=0)) for s in twin.structures
    ]
    assert np.ptp(centres, axis=0).max() < 1.0
    ct = twin.contours
    pet = next(s for s in twin.scans if s.volume.modality == "PT")
    uptake = pet.volume.on(ct.geometry)
    assert uptake[ct.gtv()].mean() > 2.0 * uptake[ct.mask("Body") & ~ct.gtv()].mean()


def test_a_scan_in_another_frame_is_registered_and_its_fit_is_kept(lung_twin, tmp_path):
    """A piece of the real CT, moved by a known rigid motion, finds back to where it was."""
    from twin.anatomy.registration import register
    from twin.volume import Volume

    ct = lung_twin.baseline.volume
    angle = np.deg2rad(4.0)
    motion = np.eye(4)
    motion[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    motion[:3, 3] = [30.0, -20.0, 400.0]
    box = (slice(20, 90), slice(60, 450), slice(30, 490))
    part = ct.crop(box)
    moved = Volume(part.geometry.moved(motion), part.array, "CT", "HU")
    found = register(moved, ct)
    corners = part.geometry.lps([(z, y, x) for z in (0, 69) for y in (0, 389) for x in (0, 459)])
    both = found.matrix @ motion
    error_mm = np.linalg.norm(corners @ both[:3, :3].T + both[:3, 3] - corners, axis=1)
    assert error_mm.max() < 1.0
    assert found.similarity > 1.3


def test_a_scan_that_fits_nothing_is_said_to(dicom_set, make, add):
    def shown(slices):
        rng = np.random.default_rng(1)
        for data in slices[:-1]:
            data.PixelData = rng.integers(0, 2000, (24, 32)).astype("<u2").tobytes()
        return slices

    folder = dicom_set()
    add(folder, *shown(_later_ct(make, frame="1.2.3.4")))
    twin = import_patient(folder)
    later = twin.scans[1]
    assert later.registration is not None and later.registration.poor
    assert "fits the baseline poorly" in " ".join(twin.notes)
    assert twin.structures[1].geometry.same_grid(later.volume.geometry)
    assert twin.observations[0].value == pytest.approx(2 * 3 * 5 * 5.625 / 1000)


def test_a_tumour_is_named_by_its_own_name_or_by_what_stands_for_it(dicom_set):
    def change(_, drawn):
        drawn.StructureSetROISequence[0].ROIName = "Müller 03.02.1947"

    folder = dicom_set(change)
    with pytest.raises(InputError, match="--gtv"):
        import_patient(folder)
    for name in ("Müller 03.02.1947", "ROI-1"):
        gtv = import_patient(folder, gtv=[name]).contours["GTVp"]
        assert (gtv.role, gtv.source_name) == ("GTV", "ROI-1")
    with pytest.raises(InputError, match="there is no structure of that name; there are: ROI-1, Marker"):
        import_patient(folder, gtv=["Meier"])


def test_names_are_kept_on_the_users_word_and_the_twin_says_so(dicom_set, tmp_path):
    def change(_, drawn):
        drawn.StructureSetROISequence[0].ROIName = "GTV Müller"

    folder = dicom_set(change)
    assert import_patient(folder).contours["GTVp"].source_name == "ROI-1"
    kept = import_patient(folder, keep_names=True)
    assert kept.contours["GTVp"].source_name == "GTV Müller"
    kept.save(tmp_path / "p.twin")
    assert PatientTwin.load(tmp_path / "p.twin").names_kept
    assert not import_patient(folder).names_kept


def test_pixels_that_hold_text_are_left_out(dicom_set):
    def change(slices, _):
        for data in slices:
            data.BurnedInAnnotation = "YES"

    with pytest.raises(InputError, match=r"no CT series.*burned into its pixels"):
        import_patient(dicom_set(change))


@pytest.mark.parametrize(("said", "known"), [("NO", True), (None, False), ("some", False)])
def test_that_pixels_hold_no_text_is_known_where_all_files_say_so(dicom_set, said, known):
    def change(slices, _):
        for data in slices:
            data.BurnedInAnnotation = "NO"
        slices[3].BurnedInAnnotation = said

    assert import_patient(dicom_set(change)).baseline.acquired.unannotated is known


def test_a_listing_says_what_each_is_called_and_what_it_becomes(dicom_set):
    def change(slices, drawn):
        drawn.StructureSetROISequence[0].ROIName = "GTV Müller"
        drawn.StructureSetLabel = "Dr Meier"
        for data in slices:
            data.SeriesDescription = "Thorax Müller"

    said = "\n".join(listing(dicom_set(change)))
    for line in (
        "CT: Thorax Müller, 8 files",
        "structure set 1: RTSTRUCT Dr Meier",
        "GTV Müller: GTVp, shown as ROI-1",
        "Marker: Marker, empty",
    ):
        assert line in said


def test_a_listing_cannot_command_the_terminal(dicom_set):
    def change(_, drawn):
        drawn.StructureSetROISequence[0].ROIName = "GTV \x1b]0;title\x07"

    assert any("GTV ?]0;title?: GTVp" in line for line in listing(dicom_set(change)))


def test_an_image_has_no_names_to_list(tmp_path):
    with pytest.raises(InputError, match="--list is for DICOM"):
        listing(tmp_path / "ct.nii.gz")
