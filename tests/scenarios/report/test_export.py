import json
from dataclasses import replace

import numpy as np
import pytest

from scenarios import scan
from scenarios.report.export import export_dicom, export_scans, tumour_of, whole_ct
from twin import Acquired, InputError, PatientTwin
from twin.importer import import_patient


@pytest.fixture(scope="module")
def run(run):
    """The session's run with its first and last follow-up of 60/30 only."""
    days = sorted({i.record.day for i in run.images if i.record.plan == "60-30"})
    kept = [i for i in run.images if i.record.plan == "60-30" and i.record.day in (days[0], days[-1])]
    return replace(run, images=tuple(kept))


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dicom") / "out"
    assert export_dicom(run, folder) == sum(i.record.kind == "ct" for i in run.images)
    return folder


@pytest.fixture
def record(run):
    """The last follow-up of 60/30: a tumour, a dose and, in time, an injury."""
    return [i.record for i in run.images if i.record.kind == "ct" and i.record.plan == "60-30"][-1]


def folder_of(exported, record):
    return exported / record.plan / f"d{record.day:07.3f}-s{record.sample:03d}"


def test_importing_an_export_gives_the_same_patient_back(run, exported, record):
    back = import_patient(folder_of(exported, record), gtv=["GTVp"])
    ct = whole_ct(run, record)
    assert back.baseline.volume.geometry.same_grid(ct.geometry)
    assert np.array_equal(back.baseline.volume.array, ct.array)
    ours, theirs = tumour_of(run, record).gtv(), back.contours.mask("GTVp")
    assert 2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()) >= 0.99
    dose = run.image(record.plan, record.day, "dose")
    (found,) = back.doses.values()
    assert np.abs(found.volume.on(dose.geometry) - dose.array).max() <= 0.01
    assert found.method == "approximate", "no planning system's, whoever imports it"


def test_dose_and_plan_say_by_which_method_they_were_calculated(exported, record):
    import pydicom

    folder = folder_of(exported, record)
    assert pydicom.dcmread(folder / "rtdose.dcm").DoseComment == "RT-Twin: approximate"
    assert pydicom.dcmread(folder / "rtplan.dcm").RTPlanDescription == "RT-Twin: approximate"


def test_validators_find_no_error(exported, record, dicom_errors):
    folder = folder_of(exported, record)
    pets = sorted(folder.glob("pet-scan-*.dcm"))
    assert pets  # what the run's scanner made
    assert dicom_errors(*sorted(folder.glob("ct-*.dcm"))[:2], *pets[:1], *folder.glob("rt*.dcm")) == []


SCANNERS = {
    "ct": {"slice_mm": 10.0}, "cbct": {"views": 60, "voxel_mm": 10, "length_mm": 40}, "mr": {}, "pet": {},
    "radiograph": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def scanned(thorax, tmp_path_factory):
    """A twin with a scan of every scanner, and its export."""
    ct, drawn = thorax()
    twin = PatientTwin("p", scans=(ct,), structures=(drawn,))
    for name, options in SCANNERS.items():
        twin = scan(twin, name, day=3.0, options=options)
    folder = tmp_path_factory.mktemp("scans") / "out"
    assert export_scans(twin, folder) == len(SCANNERS)
    return twin, folder


def test_simulated_scans_of_a_twin_are_exported_with_how_they_were_made(scanned):
    import pydicom

    twin, folder = scanned
    facts = {f["file"]: f for f in json.loads((folder / "scans.json").read_text())}
    assert {f["scanner"] for f in facts.values()} == set(SCANNERS)
    frame = pydicom.dcmread(next((folder / "baseline").glob("ct-000.dcm"))).FrameOfReferenceUID
    for made in (s for s in twin.scans if s.simulated):
        assert facts[made.name]["options"] == dict(made.simulated.options)
        data = pydicom.dcmread(next((folder / made.name).glob("*.dcm")))
        assert data.SyntheticData == "YES" and data.SeriesDescription.startswith("SYNTHETIC")
        assert "SIMULATED - research use only" in data.StudyDescription
        assert data.get("FrameOfReferenceUID", frame) == frame
    assert "SyntheticData" not in pydicom.dcmread(folder / "baseline" / "ct-000.dcm")
    with pytest.raises(InputError, match="has no simulated scan; make one with rt-twin scan"):
        export_scans(replace(twin, scans=twin.scans[:1]), folder.with_name("none"))


def test_validators_find_no_error_in_simulated_scans(scanned, dicom_errors):
    for made in (s for s in scanned[0].scans if s.simulated):
        file = next((scanned[1] / made.name).glob("*.dcm"))
        assert dicom_errors(file) == [], file


def test_files_say_that_they_are_synthetic_and_name_nobody(exported, record):
    import pydicom

    data = pydicom.dcmread(folder_of(exported, record) / "ct-000.dcm")
    assert data.SyntheticData == "YES" and data.SeriesDescription.startswith("SYNTHETIC")
    assert "mechanistic" in data.ContributingEquipmentSequence[0].ManufacturerModelName
    assert data.ImageType[0] == "DERIVED" and data.PatientBirthDate == ""


def test_uids_follow_from_the_run_and_differ_between_dates(run, exported, record, tmp_path):
    import pydicom

    export_dicom(run, tmp_path / "again")
    uids = set()
    for file in exported.rglob("ct-000.dcm"):
        one = pydicom.dcmread(file, stop_before_pixels=True)
        other = pydicom.dcmread(tmp_path / "again" / file.relative_to(exported), stop_before_pixels=True)
        assert one.SOPInstanceUID == other.SOPInstanceUID
        assert one.StudyInstanceUID not in uids
        uids.add(one.StudyInstanceUID)


def test_an_existing_folder_is_refused(run, tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        export_dicom(run, tmp_path)


@pytest.mark.slow
def test_a_patient_who_lay_prone_feet_first_is_exported_so(run, exported, record, tmp_path):
    import pydicom

    prone = Acquired("FFP", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, -1.0))
    first, *later = run.twin.scans
    twin = run.twin.fork(scans=(replace(first, acquired=prone), *later), in_silico=False)
    kept = tuple(i for i in run.images if i.record.day == record.day)
    export_dicom(replace(run, twin=twin, images=kept), tmp_path / "out")
    for folder in (tmp_path / "out" / "baseline", folder_of(tmp_path / "out", record)):
        data = pydicom.dcmread(folder / "ct-000.dcm")
        assert data.PatientPosition == "FFP"
        assert "BurnedInAnnotation" not in data  # of a patient's CT whose files did not say it
        assert [float(v) for v in data.ImageOrientationPatient] == [1, 0, 0, 0, -1, 0]
    back = import_patient(folder_of(tmp_path / "out", record), gtv=["GTVp"])
    supine = import_patient(folder_of(exported, record), gtv=["GTVp"])
    assert back.baseline.acquired == prone
    assert np.array_equal(back.baseline.volume.array, supine.baseline.volume.array)
    assert np.array_equal(back.contours.gtv(), supine.contours.gtv())
    (ours,), (theirs,) = back.doses.values(), supine.doses.values()
    assert np.abs(ours.volume.on(theirs.volume.geometry) - theirs.volume.array).max() <= 0.01
