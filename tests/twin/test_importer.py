import json
import shutil
import zipfile

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from twin import InputError, PatientTwin
from twin.importer import import_patient


def _image(path, array, spacing_mm=(1.25, 1.5, 3.0), origin_mm=(-20.0, -18.0, 100.0)):
    image = SimpleITK.GetImageFromArray(array)
    image.SetSpacing(spacing_mm)
    image.SetOrigin(origin_mm)
    SimpleITK.WriteImage(image, str(path))
    return path


def test_a_dicom_folder_becomes_a_twin(dicom_set):
    twin = import_patient(dicom_set())
    gtv = twin.contours["GTVp"]
    assert (gtv.role, gtv.source_name, gtv.colour) == ("GTV", "GTV-1", (255, 0, 0))
    expected = np.zeros((8, 24, 32), dtype=bool)
    expected[2:6, 7:12, 10:16] = True
    np.testing.assert_array_equal(twin.contours.gtv(), expected)
    assert twin.gtv_cm3 == pytest.approx(120 * 3.0 * 1.5 * 1.25 / 1000)
    assert twin.day0_weekday == 2  # 6 March 2024 was a Wednesday
    assert twin.clinical.sex == "female" and twin.clinical.age_years == 80
    assert twin.now_days == 0.0 and not twin.in_silico


def test_a_zip_gives_the_same_twin_as_its_folder(dicom_set, tmp_path):
    folder = dicom_set()
    packed = tmp_path / "set.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"deep/../{path.name}")
    one, two = import_patient(folder), import_patient(packed)
    assert one.id == two.id
    np.testing.assert_array_equal(one.baseline.volume.array, two.baseline.volume.array)
    np.testing.assert_array_equal(one.contours.gtv(), two.contours.gtv())


def test_pseudonyms_are_keyed_and_repeatable(dicom_set, monkeypatch):
    folder = dicom_set()
    first = import_patient(folder).id
    assert import_patient(folder).id == first and "4711" not in first
    monkeypatch.setenv("RT_TWIN_KEY", "another clinic")
    assert import_patient(folder).id != first


def test_without_a_key_one_is_drawn_once_and_kept(dicom_set, monkeypatch, tmp_path):
    monkeypatch.delenv("RT_TWIN_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = dicom_set()
    first = import_patient(folder).id
    key = tmp_path / "config" / "rt-twin" / "key"
    assert len(key.read_text()) == 64 and key.stat().st_mode & 0o077 == 0
    assert import_patient(folder).id == first


def test_no_name_number_date_or_uid_reaches_the_folder(dicom_set, tmp_path):
    def change(slices, drawn):
        drawn.StructureSetROISequence[0].ROIName = "GTV Zebra"

    out = tmp_path / "p.twin"
    import_patient(dicom_set(change), gtv=["GTV Zebra"]).save(out)
    private = [b"zebra", b"quentin", b"4711", b"1944", b"20240306", b"2024", b"1.2.826", b"beispiel"]
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower() + path.name.lower().encode()
            if path.suffix == ".gz":
                content += nibabel.load(path).header.binaryblock.lower()
            assert not [p for p in private if p in content], path.name


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd"])
def test_an_image_with_a_mask_becomes_a_twin(tmp_path, suffix):
    array = np.full((10, 24, 32), 30, np.int16)
    array[0, 1, 2] = -800
    drawn = np.zeros((10, 24, 32), np.uint8)
    drawn[3:6, 8:12, 10:15] = 7
    twin = import_patient(
        _image(tmp_path / f"ct.{suffix}", array), mask=_image(tmp_path / f"gtv.{suffix}", drawn)
    )
    np.testing.assert_array_equal(twin.contours.gtv(), drawn > 0)
    np.testing.assert_array_equal(twin.baseline.volume.array, array)
    assert twin.baseline.volume.geometry.lps((0, 1, 2)).tolist() == pytest.approx([-17.5, -16.5, 100.0])
    assert twin.day0_weekday is None


def test_an_image_keeps_its_pseudonym_wherever_it_lies(tmp_path):
    array = np.full((10, 24, 32), 30, np.int16)
    drawn = np.zeros((10, 24, 32), np.uint8)
    drawn[3:6, 8:12, 10:15] = 1
    (tmp_path / "moved").mkdir()
    mask = _image(tmp_path / "m.nii", drawn)
    here, there = (
        import_patient(_image(p / "ct.nii", array), mask=mask) for p in (tmp_path, tmp_path / "moved")
    )
    other = import_patient(_image(tmp_path / "other.nii", array + 1), mask=mask)
    assert here.id == there.id != other.id


def test_a_ras_stored_nifti_lands_in_the_same_place(tmp_path):
    array = np.random.default_rng(0).integers(-50, 60, (10, 24, 32)).astype(np.int16)
    drawn = np.zeros_like(array, dtype=np.uint8)
    drawn[3:6, 8:12, 10:15] = 1
    lps = import_patient(_image(tmp_path / "a.nii.gz", array), mask=_image(tmp_path / "m.nii.gz", drawn))
    for name in ("a", "m"):
        image = nibabel.as_closest_canonical(nibabel.load(tmp_path / f"{name}.nii.gz"))
        nibabel.save(image, tmp_path / f"{name}-ras.nii.gz")
    ras = import_patient(tmp_path / "a-ras.nii.gz", mask=tmp_path / "m-ras.nii.gz")
    np.testing.assert_array_equal(ras.baseline.volume.array, lps.baseline.volume.array)
    assert ras.baseline.volume.geometry.same_grid(lps.baseline.volume.geometry)


def test_a_clinical_record_is_read_and_the_missing_stays_missing(dicom_set, tmp_path):
    record = tmp_path / "clinical.json"
    record.write_text(json.dumps({"age_years": 67, "sex": "female", "t_stage": "T2a", "tnm_edition": 8}))
    clinical = import_patient(dicom_set(), clinical=record).clinical
    assert (clinical.age_years, clinical.t_stage, clinical.ecog) == (67, "T2a", None)


@pytest.mark.parametrize("entry", [{"n_stage": "N4"}, {"age_years": -3}, {"ecog": "fine"}])
def test_an_impossible_clinical_entry_is_refused_by_name(dicom_set, tmp_path, entry):
    record = tmp_path / "clinical.json"
    record.write_text(json.dumps(entry))
    with pytest.raises(InputError, match=next(iter(entry))):
        import_patient(dicom_set(), clinical=record)


def test_a_table_without_its_header_is_refused_without_repeating_the_patient(dicom_set, tmp_path):
    record = tmp_path / "clinical.csv"
    record.write_text("Zebra Quentin,67\nZebra Quentin,67\n")
    with pytest.raises(InputError, match=r"clinical.csv: one of its names is no entry.*age_years") as refused:
        import_patient(dicom_set(), clinical=record)
    assert "Zebra" not in str(refused.value)


def test_a_broken_clinical_file_is_refused(dicom_set, tmp_path):
    record = tmp_path / "clinical.json"
    record.write_text("{age: 3")
    with pytest.raises(InputError, match=r"clinical.json is not valid JSON"):
        import_patient(dicom_set(), clinical=record)


def _other_patient(_, drawn):
    drawn.PatientID = "HOSP-9999"


def _other_frame(_, drawn):
    drawn.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = "1.2.3"
    for item in drawn.StructureSetROISequence:
        item.ReferencedFrameOfReferenceUID = "1.2.3"


@pytest.mark.parametrize(
    ("change", "says"), [(_other_patient, "rs.dcm.*another patient"), (_other_frame, "rs.dcm.*another frame")]
)
def test_contours_of_another_patient_or_frame_are_refused(dicom_set, change, says):
    with pytest.raises(InputError, match=says):
        import_patient(dicom_set(change))


def test_an_unknown_gtv_lists_those_that_are_there(dicom_set):
    with pytest.raises(InputError, match=r"no structure 'Tumour'.*there are: GTV-1"):
        import_patient(dicom_set(), gtv=["Tumour"])


def test_an_empty_structure_named_as_gtv_is_refused(dicom_set):
    with pytest.raises(InputError, match=r"'Marker' in rs.dcm is empty"):
        import_patient(dicom_set(), gtv=["Marker"])


def test_a_record_of_another_patient_is_doubted(dicom_set, tmp_path):
    for entries, words in (
        ('{"sex": "male", "age_years": 81}', "says male, the images female"),
        ('{"age_years": 60}', "says 60 years, the images 80"),
        ('{"sex": "female", "age_years": 79}', ""),
    ):
        (tmp_path / "record.json").write_text(entries)
        twin = import_patient(
            dicom_set(name=entries[2:5] + entries[-3:-1]), clinical=tmp_path / "record.json"
        )
        said = [n for n in twin.notes if "one patient?" in n]
        assert len(said) == bool(words) and all(words in n for n in said)


def test_one_name_may_stand_alone(dicom_set):
    twin = import_patient(dicom_set(name="one"), gtv="GTV-1", structures="1")
    listed = import_patient(dicom_set(name="two"), gtv=["GTV-1"], structures=["1"])
    np.testing.assert_array_equal(twin.contours.gtv(), listed.contours.gtv())


def test_a_set_without_any_tumour_asks_for_a_mask(dicom_set):
    folder = dicom_set()
    (folder / "rs.dcm").unlink()
    with pytest.raises(InputError, match="--mask"):
        import_patient(folder)


def test_contours_outside_the_scan_are_refused(dicom_set):
    def change(_, drawn):
        for contour in drawn.ROIContourSequence[0].ContourSequence:
            contour.ContourData = [v + 500.0 for v in contour.ContourData]

    with pytest.raises(InputError, match="4 of the 4 contours of GTV-1 lie outside the scan"):
        import_patient(dicom_set(change))


def test_a_tumour_cut_by_the_end_of_the_scan_is_refused(dicom_set):
    def change(slices, _):
        del slices[5:]  # the uppermost contour lies on slice 5

    with pytest.raises(InputError, match="1 of the 4 contours of GTV-1 lie outside the scan"):
        import_patient(dicom_set(change))


def test_an_rtstruct_with_pixels_in_it_is_read_for_its_contours(dicom_set):
    def change(_, drawn):
        drawn.Rows = drawn.Columns = 300
        drawn.BitsAllocated, drawn.SamplesPerPixel = 8, 1
        drawn.add_new("PixelData", "OB", bytes(90_000))

    assert import_patient(dicom_set(change)).gtv_cm3 == pytest.approx(120 * 5.625 / 1000)


def test_an_organ_cut_by_the_end_of_the_scan_is_kept_and_said(dicom_set, make):
    def change(slices, drawn):
        drawn.StructureSetROISequence[1].ROIName = "Heart"
        heart = make.rtstruct({"Heart": [make.box_contour(z, (2, 5), (2, 5)) for z in (6, 7, 8, 9)]})
        drawn.ROIContourSequence[1].ContourSequence = heart.ROIContourSequence[0].ContourSequence

    twin = import_patient(dicom_set(change))
    assert twin.contours["Heart"].cm3 == pytest.approx(2 * 9 * 5.625 / 1000)
    assert "2 of the 4 contours of Heart lie outside the scan" in twin.notes


def test_slices_missing_at_an_end_show_by_the_contours_references(dicom_set):
    from pydicom.dataset import Dataset

    def change(slices, drawn):
        series, study = Dataset(), Dataset()
        series.SeriesInstanceUID = slices[0].SeriesInstanceUID
        series.ContourImageSequence = []
        for data in slices:
            image = Dataset()
            image.ReferencedSOPInstanceUID = data.SOPInstanceUID
            series.ContourImageSequence.append(image)
        study.RTReferencedSeriesSequence = [series]
        drawn.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence = [study]
        del slices[:2]

    with pytest.raises(InputError, match=r"2 of the 8 CT slices that the RTSTRUCT rs.dcm is drawn on"):
        import_patient(dicom_set(change))


def test_a_single_slice_is_no_volume(dicom_set):
    def change(slices, _):
        del slices[1:]

    with pytest.raises(InputError, match=r"no CT series.*a CT series of 1 image that is no volume"):
        import_patient(dicom_set(change))


def test_the_breast_set_with_one_slice_is_refused(unzipped):
    folder = next(unzipped("dicom_rt_pieces").rglob("dicompyler_breast"))
    with pytest.raises(InputError, match="1 image that is no volume"):
        import_patient(folder)


@pytest.mark.parametrize("empty", [True, False])
def test_an_empty_or_misplaced_mask_is_refused(dicom_set, tmp_path, empty):
    drawn = np.zeros((8, 24, 32), np.uint8)
    drawn[4, 4, 4] = not empty
    shift = 0.0 if empty else 500.0
    mask = _image(tmp_path / "m.nii.gz", drawn, origin_mm=(-20.0 + shift, -18.0, 100.0))
    with pytest.raises(InputError, match="is empty" if empty else "outside the scan"):
        import_patient(dicom_set(), mask=mask)


def test_a_mask_takes_the_place_of_contours(dicom_set, tmp_path):
    drawn = np.zeros((8, 24, 32), np.uint8)
    drawn[2:5, 4:9, 4:9] = 1
    twin = import_patient(dicom_set(), mask=_image(tmp_path / "m.nii.gz", drawn))
    np.testing.assert_array_equal(twin.contours.gtv(), drawn > 0)


@pytest.mark.parametrize("name", ["absent", "absent.zip", "absent.nii.gz"])
def test_a_missing_source_is_named(tmp_path, name):
    with pytest.raises(InputError, match=f"no such file.*{name}"):
        import_patient(tmp_path / name)


def test_damaged_images_are_refused(tmp_path):
    for name in ("x.nii.gz", "x.nrrd", "x.zip"):
        (tmp_path / name).write_bytes(b"not an image" * 50)
        with pytest.raises(InputError, match=name):
            import_patient(tmp_path / name)


def test_import_changes_nothing_in_the_source(dicom_set):
    folder = dicom_set()
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    import_patient(folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


# Real patients


def test_the_real_patients_volumes(lung_twin):
    assert lung_twin.contours["GTVp"].cm3 == pytest.approx(67.6, rel=0.01)
    assert lung_twin.contours["GTVn"].cm3 == pytest.approx(6.4, rel=0.01)
    assert lung_twin.contours["GTVp"].source_name == "Tumor_c40"
    assert lung_twin.contours["GTVn"].role == "OTHER"
    assert lung_twin.gtv_cm3 == pytest.approx(67.6, rel=0.01)


def test_nodes_count_as_gtv_when_named(shared_data):
    twin = import_patient(shared_data / "4dlung_113.zip", gtv=["Tumor_c40", "LN_c40"])
    assert twin.gtv_cm3 == pytest.approx(67.6 + 6.4, rel=0.01)


@pytest.mark.parametrize(("patient", "cm3"), [("pat_1", 358.7), ("pat_2", 6.4)])
def test_contours_that_reference_no_slice(unzipped, patient, cm3):
    twin = import_patient(next(unzipped("cancerdata_lung2").rglob(patient)))
    assert twin.gtv_cm3 == pytest.approx(cm3, rel=0.01)
    assert twin.day0_weekday is None


def test_the_reference_mask_is_met(unzipped):
    folder = unzipped("cancerdata_lung2")
    ours = import_patient(next(folder.rglob("pat_1")))
    reference = import_patient(
        next(folder.rglob("phantom.nii.gz")), mask=next(folder.rglob("pat_1_nifti_ibsi/mask.nii.gz"))
    )
    assert ours.contours.geometry.same_grid(reference.contours.geometry)
    a, b = ours.contours.gtv(), reference.contours.gtv()
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) >= 0.99


def test_several_patients_in_one_zip_are_refused(shared_data):
    with pytest.raises(InputError, match="another patient"):
        import_patient(shared_data / "cancerdata_lung2.zip")


def test_the_real_twin_holds_nothing_private(lung_twin, tmp_path, unzipped):
    out = tmp_path / "p.twin"
    lung_twin.save(out)
    dicom = next(unzipped("4dlung_113").rglob("1-04.dcm"))
    data = pydicom.dcmread(dicom, stop_before_pixels=True)
    private = [str(data[k].value) for k in ("PatientID", "PatientName", "StudyDate", "StudyInstanceUID")]
    private += ["1.3.6.1.4", "2.25.1868", "HM10395", data.AccessionNumber]
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [p for p in private if p.encode() in content], path.name


def test_a_real_twin_comes_back_bit_for_bit(lung_twin, tmp_path):
    lung_twin.save(tmp_path / "p.twin")
    again = PatientTwin.load(tmp_path / "p.twin")
    np.testing.assert_array_equal(again.baseline.volume.array, lung_twin.baseline.volume.array)
    assert again.baseline.volume.geometry == lung_twin.baseline.volume.geometry
    assert again.gtv_cm3 == lung_twin.gtv_cm3
    shutil.rmtree(tmp_path / "p.twin")
