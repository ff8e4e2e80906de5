"""Against a real archive: what comes from there, what goes there, and what a broken way between does."""

import re
import ssl
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from scenarios.commands.main import app
from twin import InputError, import_patient
from twin.pacs import Address, connection_named, listed, opened, send
from twin.pacs.identity import Identities
from twin.pacs.retry import Patience

WAYS = ("dimse", "move", "web")
ADDRESS = "pacs://ward?PatientID=HOSP-4711"
IDENTITY = {"PatientID": "HOSP-4711", "PatientName": "Zebra^Quentin"}


def series_of(address):
    wanted = Address.parse(address)
    return listed(opened(wanted.name, connection_named(wanted.name)), wanted, Patience(wanted.name, 1))


def same(one, other):
    assert one.id == other.id and one.notes == other.notes
    np.testing.assert_array_equal(one.baseline.volume.array, other.baseline.volume.array)
    np.testing.assert_array_equal(one.contours.gtv(), other.contours.gtv())
    assert one.doses.keys() == other.doses.keys()
    for name, dose in other.doses.items():
        np.testing.assert_array_equal(one.doses[name].volume.array, dose.volume.array)


@pytest.mark.parametrize("way", WAYS)
def test_a_patient_from_an_archive_is_that_of_the_folder(way, orthanc, connect, patient, tmp_path):
    orthanc.keep(patient)
    connect(ward=getattr(orthanc, way))
    steps = []
    same(import_patient(ADDRESS, progress=lambda *step: steps.append(step)), import_patient(patient))
    assert list(dict.fromkeys(words for words, _ in steps)) == [
        f"fetching {m}" for m in ("CT", "RTSTRUCT", "RTDOSE", "RTPLAN")
    ]
    shares = [share for _, share in steps]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0.0, 1.0) and len(set(shares)) == 12
    assert list((tmp_path / "cache").rglob("*.dcm")) == []


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_series_are_told_by_modality_and_frame(way, orthanc, connect, patient, make, add):
    note = make.plan_file()
    note.SOPClassUID = note.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    note.SOPInstanceUID = note.file_meta.MediaStorageSOPInstanceUID = "1.2.3.9"
    note.Modality, note.SeriesInstanceUID = "CT", "1.2.826.0.1.99.1"
    add(patient, note)  # a screen capture in the series of the CT
    orthanc.keep(patient)
    connect(ward=getattr(orthanc, way))
    found = {s.modality: s for s in series_of(ADDRESS)}
    assert found.keys() == {"CT", "RTSTRUCT", "RTDOSE", "RTPLAN"}
    assert (len(found["CT"].objects), found["CT"].others, found["CT"].frame) == (8, 1, "1.2.826.0.1.99.8")
    assert [s.modality for s in series_of(ADDRESS + "&Modality=RTSTRUCT,RTPLAN")] == ["RTSTRUCT", "RTPLAN"]
    with pytest.raises(InputError, match="holds nothing of what was asked for"):
        series_of(ADDRESS + "&FrameOfReferenceUID=1.2.3&Modality=CT")
    twin = import_patient(ADDRESS + "&FrameOfReferenceUID=1.2.826.0.1.99.8&Modality=CT,RTSTRUCT")
    assert not twin.doses and "not fetched: CT, 1 object: no object of this kind is read" in twin.notes


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_what_came_before_a_break_is_not_fetched_again(way, orthanc, connect, patient, road, tmp_path):
    orthanc.keep(patient)
    known = getattr(orthanc, way)
    way_there = road(
        orthanc.http_port if way == "web" else orthanc.dicom_port, 40_000 if way == "web" else 12_000, 99
    )
    broken = {
        k: v.replace(str(way_there.to), str(way_there.port)) if isinstance(v, str) else v
        for k, v in known.items()
    }
    connect(ward={**broken, "tries": 1})
    with pytest.raises(
        InputError, match=r"the archive ward .*; tried 1 times, the same command goes on from here"
    ):
        import_patient(ADDRESS)
    kept = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "cache").rglob("*.dcm")}
    assert 0 < len(kept) < 11
    way_there.times = 0
    with pytest.raises(
        InputError, match="no structure of that name"
    ):  # what was fetched outlasts the question
        import_patient(ADDRESS, gtv="none")
    fetched = {f.name: f.stat().st_mtime_ns for f in (tmp_path / "cache").rglob("*.dcm")}
    assert len(fetched) == 11 and fetched.items() >= kept.items()
    way_there.bytes = 0
    same(import_patient(ADDRESS), import_patient(patient))
    assert way_there.bytes < 30_000  # answers to questions alone


def test_a_way_that_breaks_twice_is_gone_again(orthanc, connect, patient, road):
    orthanc.keep(patient)
    way_there = road(orthanc.http_port, 1_000, 2)
    connect(ward={**orthanc.web, "dicomweb": f"http://127.0.0.1:{way_there.port}/dicom-web", "tries": 3})
    same(import_patient(ADDRESS), import_patient(patient))
    assert way_there.times == 0


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_what_is_simulated_is_sent_once_and_nothing_else(way, orthanc, connect, patient, simulated):
    pydicom.dcmread(next(patient.glob("ct*"))).save_as(simulated / "acquired.dcm")
    connect(ward=getattr(orthanc, way))
    done = send(simulated, "ward")
    assert (done.sent, done.there, done.unmarked) == (11, 0, 1)
    (patient_there,) = orthanc.rest("patients?expand")
    assert patient_there["MainDicomTags"]["PatientID"] == "P-0123456789ab"
    instances = orthanc.rest("instances")
    tags = [orthanc.rest(f"instances/{i}/simplified-tags") for i in instances]
    assert len(tags) == 11 and all("SIMULATED" in t["StudyDescription"] for t in tags)
    done = send(simulated, "ward")
    assert (done.sent, done.there) == (0, 11)


@pytest.mark.parametrize("way", ["dimse", "web"])
def test_pseudonyms_are_mapped_back_on_the_way_alone(way, orthanc, connect, simulated, tmp_path):
    (tmp_path / "who.yaml").write_text(f"P-0123456789ab: {IDENTITY}")
    connect(ward=getattr(orthanc, way))
    before = {p: p.read_bytes() for p in simulated.rglob("*")}
    assert send(simulated, "ward", Identities(tmp_path / "who.yaml")).sent == 11
    assert before == {p: p.read_bytes() for p in simulated.rglob("*")}
    assert send(simulated, "ward").sent == 11  # under the pseudonym these are other objects
    found = {p["MainDicomTags"]["PatientID"]: p for p in orthanc.rest("patients?expand")}
    assert found.keys() == {"HOSP-4711", "P-0123456789ab"}
    assert found["HOSP-4711"]["MainDicomTags"]["PatientName"] == "Zebra^Quentin"
    shown = {s.modality: s for s in series_of(ADDRESS)}
    assert shown["CT"].frame and len(shown["CT"].objects) == 8
    twin = import_patient(ADDRESS)  # and references still hold
    assert twin.contours.gtv().any() and len(twin.doses) == 1


@pytest.mark.parametrize("way", ["web"])
def test_the_whole_way_on_the_command_line(way, orthanc, connect, patient, tmp_path):
    """A patient from an archive, and a run's follow-ups to it, by the commands themselves."""
    orthanc.keep(patient)
    connect(ward=getattr(orthanc, way))
    run = Path(__file__).parents[2] / "fixtures" / "formats" / "v1" / "run"

    def rt_twin(*words):
        done = CliRunner().invoke(app, [str(w) for w in words])
        assert done.exit_code == 0, done.exception
        return done.output

    assert "ward answers" in rt_twin("pacs", "echo", "ward")
    assert "CT        8 objects" in rt_twin("pacs", "list", ADDRESS)
    assert "GTV-1" in rt_twin("import", ADDRESS, "--list")
    assert "GTV 0.7 cm3" in rt_twin("import", ADDRESS, tmp_path / "p.twin", "--gtv", "GTV-1")
    sent = rt_twin("export", run, "--to", "ward")
    assert (
        int(re.search(r"ward: (\d+) objects sent", sent)[1])
        == orthanc.rest("statistics")["CountInstances"] - 11
    )
    assert "ward: 0 objects sent, " in rt_twin("export", run, "--to", "ward")


def certificate(folder):
    """A certificate that signs itself, for 127.0.0.1."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_tls_certificates_and_passwords(start_orthanc, road, connect, monkeypatch, simulated, tmp_path):
    """By DIMSE with certificates on both sides; DICOMweb behind a door with TLS, as clinics have it, and a password."""
    cert, key = certificate(tmp_path)
    guarded = start_orthanc(
        DicomTlsEnabled=True, DicomTlsCertificate=cert, DicomTlsPrivateKey=key, DicomTlsTrustedCertificates=cert,
        AuthenticationEnabled=True, RegisteredUsers={"reader": "a-word"},
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    door = road(guarded.http_port, tls=context)
    web = {"dicomweb": f"https://127.0.0.1:{door.port}/dicom-web", "tries": 1}
    connect(ward={**guarded.dimse, "tls": True, "tries": 1}, web=web)
    for name in ("ward", "web"):
        with pytest.raises(InputError, match=r"certificate cannot be trusted: self.signed certificate"):
            opened(name, connection_named(name)).echo()
        monkeypatch.setenv(f"RT_TWIN_PACS_{name.upper()}_CA", str(tmp_path / "cert.pem"))
    with pytest.raises(InputError, match="asks for a user and password"):
        opened("web", connection_named("web")).echo()
    monkeypatch.setenv("RT_TWIN_PACS_WEB_USER", "reader")
    monkeypatch.setenv("RT_TWIN_PACS_WEB_PASSWORD", "a-word")
    monkeypatch.setenv("RT_TWIN_PACS_WARD_CERT", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("RT_TWIN_PACS_WARD_KEY", str(tmp_path / "key.pem"))
    for name in ("ward", "web"):
        opened(name, connection_named(name)).echo()
    assert send(simulated, "ward").sent == 11
    assert send(simulated, "web").there == 11
    assert len([o for s in series_of("pacs://web?PatientID=P-0123456789ab") for o in s.objects]) == 11
    assert import_patient("pacs://ward?PatientID=P-0123456789ab").contours.gtv().any()
