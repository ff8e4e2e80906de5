import io
import os
import zlib

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from twin import InputError
from twin.dicom import reader
from twin.importer import import_patient


def _bare(path, name, *, implicit, little):
    """Rewrite a file without preamble and meta header, under another name."""
    data = pydicom.dcmread(path)
    plain = Dataset()
    plain.update({tag: data[tag] for tag in list(data.keys())})
    if not little and "PixelData" in plain:
        plain.PixelData = np.frombuffer(plain.PixelData, "<u2").byteswap().tobytes()
        plain["PixelData"].VR = "OW"
    content = io.BytesIO()
    plain.save_as(content, implicit_vr=implicit, little_endian=little, enforce_file_format=False)
    path.unlink()
    (path.parent / name).write_bytes(content.getvalue())


def _same(one, other):
    assert one.id == other.id and one.notes == other.notes
    np.testing.assert_array_equal(one.baseline.volume.array, other.baseline.volume.array)
    np.testing.assert_array_equal(one.contours.gtv(), other.contours.gtv())


@pytest.mark.parametrize(("implicit", "little"), [(True, True), (False, True), (False, False)])
def test_files_need_neither_header_nor_a_name_that_is_known(dicom_set, implicit, little):
    folder = dicom_set(name="bare")
    for n, path in enumerate(sorted(folder.iterdir())):
        _bare(path, f"1.2.840.{n}.77", implicit=implicit, little=little)
    _same(import_patient(folder), import_patient(dicom_set()))


def test_a_meta_header_without_transfer_syntax(dicom_set):
    folder = dicom_set(name="bare")
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        _bare(path, path.name, implicit=False, little=True)
        del data.file_meta.TransferSyntaxUID
        meta = io.BytesIO()
        write_file_meta_info(meta, data.file_meta, enforce_standard=False)
        path.write_bytes(bytes(128) + b"DICM" + meta.getvalue() + path.read_bytes())
    _same(import_patient(folder), import_patient(dicom_set()))


def test_deflated_files_are_read(dicom_set):
    folder = dicom_set(name="deflated")
    for path in folder.iterdir():
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        data.save_as(path)
    _same(import_patient(folder), import_patient(dicom_set()))


def test_a_deflated_file_unpacks_to_no_more_than_it_says(dicom_set, monkeypatch):
    """A small file of many zeros is left out long before all of them are unpacked."""
    monkeypatch.setattr(reader, "_BESIDE_PIXELS_BYTES", 1 << 16)
    folder = dicom_set()
    data = pydicom.dcmread(folder / "ct03.dcm")
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.PixelData = bytes(50_000_000)
    data.save_as(folder / "ct03.dcm")
    assert (folder / "ct03.dcm").stat().st_size < 100_000
    taken = []
    inflate = zlib.decompressobj

    class Counted:
        def __init__(self, *args):
            self.stream = inflate(*args)

        def decompress(self, *args):
            found = self.stream.decompress(*args)
            taken.append(len(found))
            return found

        def __getattr__(self, name):
            return getattr(self.stream, name)

    monkeypatch.setattr(reader.zlib, "decompressobj", Counted)
    with pytest.raises(InputError, match="unpacks to more than it says"):
        import_patient(folder)
    assert sum(taken) < 1_000_000


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_names_orders_and_copies_of_files_change_nothing(dicom_set, make, add, tmp_path, data):
    """The same objects under any names, in any folders, some of them twice, give the same twin."""
    number = len(list(tmp_path.iterdir()))
    plain, other = dicom_set(name=f"plain{number}"), dicom_set(name=f"other{number}")
    dose = np.round(np.random.default_rng(0).uniform(0, 60, (8, 24, 32)), 3)
    more = [
        make.plan_file(),
        *[make.dose_file(dose / 2, number=n, DoseSummationType="BEAM") for n in (1, 2)],
        *[make.record_file("20240307", "0900", 1, b) for b in (1, 2)],
        *[make.pet_slice(n, np.full((24, 32), 5000.0)) for n in range(8)],
    ]
    for folder in (plain, other):
        add(folder, *more)
    files = sorted(other.iterdir())
    names = data.draw(st.permutations(range(len(files))))
    twice = data.draw(st.sets(st.sampled_from(range(len(files))), max_size=5))
    (other / "z").mkdir()
    for n, path in enumerate(files):
        if n in twice:
            (other / "z" / f"{99 - names[n]}").write_bytes(path.read_bytes())
        path.rename(other / f"{names[n]:02d}.file")
    one, two = import_patient(plain), import_patient(other)
    _same(one, two)
    assert [(s.name, s.time_days) for s in one.scans] == [(s.name, s.time_days) for s in two.scans]
    assert one.fractions == two.fractions and list(one.doses) == list(two.doses)
    for name in one.doses:
        np.testing.assert_array_equal(one.doses[name].volume.array, two.doses[name].volume.array)


def test_an_object_under_the_number_of_another_is_said(dicom_set, make, add):
    folder = dicom_set()
    add(folder, make.plan_file(60.0, 30), make.plan_file(66.0, 33))
    files = sorted(folder.glob("more*"))
    for path, day in zip(files, ("20240302", "20240301"), strict=True):
        data = pydicom.dcmread(path)
        data.InstanceCreationDate = day
        data.save_as(path)
    twin = import_patient(folder, delivered_from=1)
    assert len(twin.fractions) == 30
    assert "another object of the same SOP Instance UID was made later" in " ".join(twin.notes)


def test_links_that_lead_out_are_not_followed(dicom_set, tmp_path):
    folder = dicom_set()
    (tmp_path / "secret.dcm").write_bytes((folder / "ct03.dcm").read_bytes())
    (folder / "ct03.dcm").unlink()
    (folder / "ct03.dcm").symlink_to(tmp_path / "secret.dcm")
    with pytest.raises(InputError, match=r"slice is missing.*a link that leads out of the folder"):
        import_patient(folder)
    os.rename(tmp_path / "secret.dcm", folder / "inside.dcm")
    (folder / "ct03.dcm").unlink()
    (folder / "ct03.dcm").symlink_to("inside.dcm")
    assert import_patient(folder).gtv_cm3 > 0
    whole = tmp_path / "link"
    whole.symlink_to(folder)
    assert import_patient(whole).gtv_cm3 > 0


def _object(make, sop_class, modality, uid):
    data = make.plan_file()
    for tag in [t for t in list(data.keys()) if t.group > 0x20]:
        del data[tag]
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = sop_class
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid
    data.Modality = modality
    return data


def test_objects_that_are_not_read_are_named_in_one_line_each(dicom_set, make, add):
    folder = dicom_set()
    report = "1.2.840.10008.5.1.4.1.1.88.67"
    summary = _object(make, "1.2.840.10008.5.1.4.1.1.481.7", "RTRECORD", "1.2.4")
    capture = _object(make, "1.2.840.10008.5.1.4.1.1.7", "CT", "1.2.5")
    capture.SeriesInstanceUID = "1.2.826.0.1.99.1"
    directory = _object(make, "1.2.840.10008.1.3.10", "", "1.2.6")
    del directory.SOPClassUID, directory.Modality
    unknown = _object(make, "1.2.3.4.5", "", "1.2.7")
    add(
        folder,
        *[_object(make, report, "SR", f"1.2.{n}") for n in (1, 2, 3)],
        summary,
        capture,
        directory,
        unknown,
    )
    twin = import_patient(folder)
    assert twin.gtv_cm3 == pytest.approx(120 * 5.625 / 1000)
    assert twin.notes[-5:] == (
        "left out: unknown, 1 file: no object of this kind is read",
        "left out: CT, 1 file: ImagePositionPatient is missing, as in a report or a screen capture",
        "left out: DICOMDIR, 1 file: a directory of the other files",
        "left out: RTRECORD, 1 file: a summary of treatment is no fraction",
        "left out: SR, 3 files: no object of this kind is read",
    )


def test_an_object_without_a_patient_number_is_nobody_elses(dicom_set, make, add):
    folder = dicom_set()
    plan = make.plan_file()
    plan.PatientID = ""
    add(folder, plan)
    assert len(import_patient(folder, delivered_from=1).fractions) == 30
