"""Names are planted into every text of every object, and found nowhere: not kept, shown, logged or left behind.

Names in ten scripts, some spelled in several ways, and dates; in every text tag of CT, RTSTRUCT, RTPLAN, RTDOSE,
RTRECORD, PET, REG and SEG, and in the names of files and folders. They are looked for in all encodings.
"""

import base64
import gzip
import html
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import unicodedata
import urllib.parse
import zipfile
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, Request, build_opener

import numpy as np
import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from twin import InputError, PatientTwin
from twin.importer import import_patient

pytestmark = pytest.mark.long

SECRETS = [
    "Zwirnmüller", unicodedata.normalize("NFD", "Zwirnmüller"), "Zwirnmueller", "ZWIRNMULLER", "Жабинский", "Παπαζώης",
    "欧阳", "髙橋", "곽준혁", "زهير", "קמינצקי", "चटर्जी", "ชัยวัฒน์", "Qvistgaard", "Zwirnheim", "Lindqvist^Åke",
    "03.02.1947", "19470203", "1947-02-03", "HOSP-471147",
]  # fmt: skip
DROPPED = "ZWIRNMULLER_ANNA_19470203"
TEXTS = ("PN", "LO", "SH", "ST", "LT", "UT", "UC", "CS")
# What decides how an object is read; a name in these is the matter of a test of its own.
DECIDES = {
    "SpecificCharacterSet", "Modality", "ImageType", "PhotometricInterpretation", "RescaleType", "Units",
    "DecayCorrection", "CorrectedImage", "DoseUnits", "DoseType", "DoseSummationType", "SegmentationType",
    "ApprovalStatus", "PlanIntent", "PatientSex", "PatientPosition", "PatientID", "BurnedInAnnotation",
    "TreatmentDeliveryType", "SUVType",
}  # fmt: skip
DESCRIBES = [
    (tag, vr, keyword)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items()
    if vr in TEXTS and keyword and keyword not in DECIDES and tag >> 16 not in (0x0000, 0x0002, 0x0004)
]


def planted(data, secrets, described):
    """The object with a name in every text tag that it has, and in every other one of a list."""
    for element in data:
        if element.VR == "SQ":
            for item in element.value:
                planted(item, secrets, ())
        elif element.VR in TEXTS[:-1] and element.keyword not in DECIDES:
            element.value = next(secrets)
    if isinstance(data, pydicom.FileDataset):
        data.SpecificCharacterSet, data.PatientBirthDate = "ISO_IR 192", "19470203"
        for tag, vr, _ in described:
            if tag not in data:
                data.add_new(tag, vr, next(s for s in secrets if vr != "CS" or s.isascii()))
    return data


def segmentation(make, mask):
    """A SEG of one mask on the CT's grid."""
    data = make.plan_file()
    del data.BeamSequence, data.DoseReferenceSequence, data.FractionGroupSequence
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.80"
    data.Modality, data.SegmentationType, data.ContentDate = "SEG", "BINARY", "20240101"
    data.Rows, data.Columns, data.NumberOfFrames = *mask.shape[1:], len(mask)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelData = mask.astype(np.uint8).tobytes()
    shared, measures, turned = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.25], 3.0
    turned.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [turned]
    data.SharedFunctionalGroupsSequence, data.PerFrameFunctionalGroupsSequence = [shared], []
    for z in range(len(mask)):
        frame, place, whose = Dataset(), Dataset(), Dataset()
        place.ImagePositionPatient, whose.ReferencedSegmentNumber = [-20.0, -18.0, 100.0 + 3.0 * z], 1
        frame.PlanePositionSequence, frame.SegmentIdentificationSequence = [place], [whose]
        data.PerFrameFunctionalGroupsSequence.append(frame)
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = 1, "x"
    data.SegmentSequence = [segment]
    return data


def registration(make):
    """A REG that leads from another frame to the CT's."""
    data = make.plan_file()
    del data.BeamSequence, data.DoseReferenceSequence, data.FractionGroupSequence
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.1"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.99.90"
    data.Modality = "REG"
    item, whole, step = Dataset(), Dataset(), Dataset()
    item.FrameOfReferenceUID, step.FrameOfReferenceTransformationMatrix = (
        "1.2.3.77",
        np.eye(4).ravel().tolist(),
    )
    whole.MatrixSequence, item.MatrixRegistrationSequence, data.RegistrationSequence = [step], [whole], [item]
    return data


@pytest.fixture
def objects(make, monkeypatch):
    """Makes one object of each kind, or the slices of one, with names in all their texts and further ones."""
    for mode in ("reading_validation_mode", "writing_validation_mode"):
        monkeypatch.setattr(pydicom.config.settings, mode, pydicom.config.IGNORE)

    def made(described=()):
        secrets = itertools.cycle(SECRETS)
        hu = make.hu_array()
        mask = np.zeros(hu.shape, bool)
        mask[2:6, 7:12, 10:16] = True
        rois = {f"{'Tumor ' * (n == 0)}{s}": [] for n, s in enumerate(SECRETS)}
        for n, name in enumerate(rois):
            rois[name] = [make.box_contour(z, (7, 12), (10, 16 - n // 5)) for z in (2, 3, 4, 5)]
        for name, columns in (("Lt Lung", (16, 30)), ("Lung R", (2, 10))):  # without them nothing grows
            rois[name] = [make.box_contour(z, (3, 20), columns) for z in range(1, 7)]
        drawn = make.rtstruct(rois)
        names = [item.ROIName for item in drawn.StructureSetROISequence]
        drawn.StructureSetDate = "20240306"
        dose = np.full(hu.shape, 60.0)
        found = [
            *(make.ct_slice(n, plane) for n, plane in enumerate(hu)),
            *(make.pet_slice(n, plane.clip(1) * 100.0) for n, plane in enumerate(hu + 1024)),
            drawn, make.plan_file(fractions=15), make.dose_file(dose), make.record_file("20240306", "090000", 1),
            segmentation(make, mask), registration(make),
        ]  # fmt: skip
        for data in found:
            planted(data, secrets, described)
            data.PatientID = "HOSP-471147"
        for item, name in zip(drawn.StructureSetROISequence, names, strict=True):
            item.ROIName = name
        return found

    return made


@pytest.fixture
def dropped(objects, tmp_path):
    """The zip as a user would drop it, with names in its own and all its folders' and files' names."""
    path = tmp_path / "from the clinic" / f"{DROPPED}.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as packed:
        for n, data in enumerate(objects(DESCRIBES)):
            file = tmp_path / "one.dcm"
            pydicom.dcmwrite(file, data)
            packed.write(file, f"{SECRETS[n % 16]}/{SECRETS[-n % 16]}_{n}.dcm")
            file.unlink()
    return path


def forms(secret):
    """The bytes of a name in all encodings that could carry it, in lower case."""
    found = {secret.encode(), secret.encode("utf-16-le"), urllib.parse.quote(secret).encode()}
    found |= {json.dumps(secret)[1:-1].encode(), html.escape(secret).encode()}
    found |= {secret.encode("ascii", "xmlcharrefreplace"), secret.encode("unicode_escape")}
    for code in (
        "latin-1",
        "shift_jis",
        "gb18030",
        "euc_kr",
        "iso8859_5",
        "iso8859_7",
        "iso8859_6",
        "iso8859_8",
    ):
        try:
            encoded = secret.encode(code)
        except UnicodeEncodeError:
            continue
        if len(encoded) > 5:  # fewer bytes come by chance
            found.add(encoded)
    for shift in range(3):  # in base64 a text looks different at each place
        whole = base64.b64encode(b"\0" * shift + secret.encode())
        found.add(whole[4 if shift else 0 : -4])
    return {f.lower() for f in found if len(f) > 5}


FORMS = {form: s for s in [*SECRETS, *SECRETS[15].split("^"), DROPPED] for form in forms(s)}


def found_in(content, where):
    """Which names some bytes hold, and where."""
    lower = content.lower()
    return [f"{where}: {secret}" for form, secret in FORMS.items() if form in lower]


def found_below(folder):
    """Which names the files of a folder hold, in what they hold and what they are called."""
    found = []
    for path in folder.rglob("*"):
        found += found_in(str(path.relative_to(folder)).encode(), "a file's name")
        if path.is_file():
            content = path.read_bytes()
            if content[:2] == b"\x1f\x8b":
                content += gzip.decompress(content)
            found += found_in(content, path.relative_to(folder))
    return found


@pytest.fixture
def watched(tmp_path):
    """What the temporary folder and the list of processes say while something runs; run(...) runs `rt-twin`."""
    temporary, said, ended = tmp_path / "temporary", [], threading.Event()
    temporary.mkdir()
    own = {str(os.getpid())}

    def watch():
        while not ended.wait(0.05):
            said.extend(str(p.relative_to(temporary)).encode() for p in temporary.rglob("*"))
            for process in set(filter(str.isdigit, os.listdir("/proc"))) - own:
                try:
                    status = Path(f"/proc/{process}/status").read_text()
                    if (
                        f"PPid:\t{os.getpid()}\n" not in status
                    ):  # what the test itself starts may say what it is told
                        said.append(Path(f"/proc/{process}/cmdline").read_bytes())
                except OSError:
                    continue

    thread = threading.Thread(target=watch)
    thread.start()

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "scenarios.commands.main", *map(str, arguments)],
            capture_output=True, check=False, cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)},
        )  # fmt: skip
        assert found_in(done.stdout + done.stderr, arguments[0]) == []
        return done

    run.temporary = temporary
    yield run
    ended.set()
    thread.join()
    assert found_in(b"\n".join(set(said)), "processes and temporary folders") == []
    left = [p for p in temporary.rglob("*") if p.is_file() and p.name != "turn.lock"]
    assert left == []


def test_nothing_of_a_patient_is_kept_or_said_from_the_import_to_the_export(dropped, watched, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    twin = out / "p.twin"
    tumour = f"Tumor {SECRETS[0]}"
    done = watched("import", dropped, twin, "--gtv", tumour, "--structures", "2")
    assert done.returncode == 0, done.stderr.decode()
    patient = PatientTwin.load(twin)
    assert {s.volume.modality for s in patient.scans} == {"CT", "PT"} and len(patient.fractions) == 1
    assert "60/15" in patient.doses and len(patient.contours.structures) >= len(SECRETS)
    assert patient.contours["GTVp"].role == "GTV"
    for command in (
        ("show", twin),
        ("show", twin, "--json"),
        ("compare", twin, "--plan", "60/15", "--days", "31", "--samples", "4", "--image-samples", "1",
         "--generator", "mechanistic", "--dose", "approximate", "--out", out / "run"),
        ("export", out / "run", "--dicom", out / "dicom"),
    ):  # fmt: skip
        done = watched(*command)
        assert done.returncode == 0, done.stderr.decode()
    assert (out / "run" / "report.html").is_file()
    assert found_below(out) == []
    assert found_in(zipfile.ZipFile(dropped).read(zipfile.ZipFile(dropped).namelist()[0]), "the source")


def test_the_one_who_holds_the_data_may_ask_for_the_names(dropped, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.commands.main", "import", str(dropped), "--list"],
        capture_output=True, check=True, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    said = done.stdout.decode()
    assert all(s in said for s in SECRETS[:16])


@pytest.mark.parametrize("keyword", sorted(DECIDES - {"PatientID", "SpecificCharacterSet"}))
def test_a_name_where_a_term_belongs_is_kept_and_said_by_nobody(objects, keyword, tmp_path):
    """A tag that decides how an object is read may refuse it, but never repeats what it holds."""
    folder = tmp_path / "set"
    folder.mkdir()
    for n, data in enumerate(objects()):
        for item in data.iterall():
            if item.keyword == keyword:
                item.value = "ZWIRNMULLER"
        if keyword not in data:
            setattr(data, keyword, "ZWIRNMULLER")
        pydicom.dcmwrite(folder / f"{n:02d}.dcm", data)
    said = ""
    try:
        import_patient(folder, gtv=["Tumor Zwirnmüller"], structures=["2"]).save(tmp_path / "p.twin")
    except InputError as error:
        said = str(error)
    assert found_in(said.encode(), "the refusal") == []
    assert found_below(tmp_path / "p.twin") == []


class Server:
    """`rt-twin app` as a user starts it, and its pages as a browser asks for them."""

    def __init__(self, folder, temporary, log):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.commands.main", "app", str(folder), "--port", "0"],
            stdout=subprocess.PIPE, stderr=log.open("wb"), text=True, env={**os.environ, "TMPDIR": str(temporary)},
        )  # fmt: skip
        line = self.process.stdout.readline()
        self.link = next(word for word in line.split() if word.startswith("http://"))
        self.said = [line]
        parts = urllib.parse.urlsplit(self.link)
        self.home = f"{parts.scheme}://{parts.netloc}"
        self.browser = build_opener(HTTPCookieProcessor(CookieJar()))
        self.browser.open(self.link).read()
        self.callbacks = json.loads(self.ask("/_dash-dependencies"))

    def ask(self, path, body=None, **headers):
        request = Request(self.home + path, body, headers)
        return self.browser.open(request, timeout=60).read()

    def call(self, output, values, changed):
        """What a callback of the page answers to some values, by `id.property`."""
        one = next(
            c for c in self.callbacks
            if output in (o.split("@")[0] for o in c["output"].strip(".").split("..."))
        )  # fmt: skip
        names = one["output"].strip(".").split("...")
        sides = {
            side: [p | {"value": values.get(f"{p['id']}.{p['property']}")} for p in one[side]]
            for side in ("inputs", "state")
        }
        outputs = [dict(zip(("id", "property"), n.split("@")[0].rsplit(".", 1), strict=True)) for n in names]
        for given, name in zip(outputs, names, strict=True):
            given["property"] = name.rsplit(".", 1)[1]
        body = {"output": one["output"], "outputs": outputs, "changedPropIds": [changed], **sides}
        return self.ask(
            "/_dash-update-component", json.dumps(body).encode(), **{"Content-Type": "application/json"}
        )


@pytest.mark.slow
def test_a_dropped_zip_names_neither_the_patient_nor_a_process_a_page_or_a_log(dropped, watched, tmp_path):
    opened, log = tmp_path / "opened", tmp_path / "log"
    opened.mkdir()
    server = Server(opened, watched.temporary, log)
    said = []

    def imported(gtv):
        """What the tray says of an import at its end."""
        address = f"/upload?name={urllib.parse.quote(dropped.name)}"
        said.append(server.ask(address, dropped.read_bytes(), **{"X-RT-Twin": "upload"}))
        values = {
            "import.n_clicks": 1,
            "upload-scan.data": json.loads(said[-1]),
            "import-gtv.value": gtv,
        }
        said.append(server.call("import-error.children", values, "import.n_clicks"))
        job = json.loads(said[-1])["response"]["job"]["data"]
        end = time.monotonic() + 240
        while b"Dismiss" not in said[-1]:
            assert time.monotonic() < end
            time.sleep(0.2)
            said.append(server.call("tray.children", {"jobs.data": [job]}, "jobs-poll.n_intervals"))
        return said[-1].decode()

    try:
        refused = imported("Anna Zwirnheim")
        assert "there is no structure of that name; there are: ROI-" in refused, refused
        assert "Import patient-1.twin" in imported(f"Tumor {SECRETS[0]}")
        for path, search in (
            ("/patients", ""),
            ("/twin", "?twin=patient-1.twin"),
            ("/new", "?twin=patient-1.twin"),
        ):
            said.append(
                server.call("page.children", {"url.pathname": path, "url.search": search}, "url.pathname")
            )
            assert b"patient-1" in said[-1]
        said.append(server.ask("/data/structures?of=twin&key=patient-1.twin"))
    finally:
        server.process.terminate()
        server.process.wait(120)
    assert found_in(b"\n".join(said), "answers") == []
    assert found_in(log.read_bytes() + server.process.stdout.read().encode(), "the log") == []
    assert found_below(opened) == []
