"""Archives that lie, stop or send rubbish: a sentence, and nothing half-made."""

import http.server
import json
import threading
from io import BytesIO

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from twin import InputError, import_patient
from twin.pacs import Address, fetched

FIND, GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
CT = "1.2.840.10008.5.1.4.1.1.2"
KEYS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "SOPInstanceUID", "SOPClassUID")


@pytest.fixture
def ct(make):
    data = make.ct_slice(0, make.hu_array()[0])
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    return data


def bytes_of(data) -> bytes:
    content = BytesIO()
    pydicom.dcmwrite(content, data)
    return content.getvalue()


class Partner:
    """An application entity with one slice of one patient.

    Args:
        data: what it says to have.
        sends: what it sends instead.
        answers: what it says of itself instead, by keyword.
        status: of its answer to a C-GET; a callable is called before.
    """

    def __init__(self, data, sends=None, answers=(), status=0x0000) -> None:
        self.data, self.sends, self.answers, self.status = data, sends or data, dict(answers), status
        entity = AE("LIAR")
        entity.add_supported_context(FIND)
        entity.add_supported_context(GET)
        entity.add_supported_context(CT, scu_role=True, scp_role=True)
        handlers = [(evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        self.server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.port = self.server.socket.getsockname()[1]

    def _find(self, event):
        answer = Dataset()
        for keyword in KEYS:
            if keyword in event.identifier:
                setattr(answer, keyword, self.answers.get(keyword, getattr(self.data, keyword)))
        yield 0xFF00, answer

    def _get(self, event):
        if callable(self.status):
            self.status(event)
        yield 1
        yield 0xFF00, self.sends


@pytest.fixture
def partner(connect):
    servers = []

    def make(*args, timeout_s=30, **how):
        made = Partner(*args, **how)
        servers.append(made.server)
        at = f"127.0.0.1:{made.port}"
        connect(ward={"dimse": at, "title": "LIAR", "tries": 1, "timeout_s": timeout_s})
        return made

    yield make
    for server in servers:
        server.shutdown()


class Web(http.server.BaseHTTPRequestHandler):
    """A DICOMweb service with one slice of one patient; `tricks` of the server say how it misbehaves."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path, _, query = self.path.partition("?")
        tricks, server = self.server.tricks, self.server
        server.asked.append((self.path, self.headers.get("Authorization")))
        depth = path.rstrip("/").count("/")  # /studies, /studies/U/series, ...
        if "status" in tricks:
            return self._answer(tricks["status"], b"no", "text/plain", tricks.get("location"))
        if depth < 6:
            if "find" in tricks:
                return self._answer(200, tricks["find"], "application/dicom+json")
            item = json.loads(
                server.data.to_json(bulk_data_threshold=10, bulk_data_element_handler=lambda _: "x")
            )
            body = [] if "offset=0" not in query and "loop" not in tricks else [item]
            return self._answer(200, json.dumps(body).encode(), "application/dicom+json")
        if "silence" in tricks:
            tricks["silence"].wait(120)
        body = (
            b"--x\r\nContent-Type: application/dicom\r\n\r\n"
            + tricks.get("object", bytes_of(server.data))
            + b"\r\n--x--"
        )
        return self._answer(200, body, 'multipart/related; type="application/dicom"; boundary=x')

    def _answer(self, status, body, kind, location=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) + self.server.tricks.get("short", 0)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        if "short" in self.server.tricks:
            self.close_connection = True


@pytest.fixture
def web(connect, ct):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.data, server.tricks, server.asked = ct, {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connect(ward={"dicomweb": f"http://127.0.0.1:{server.server_port}", "tries": 1, "timeout_s": 30})
    yield server
    server.shutdown()


ADDRESS = "pacs://ward?PatientID=HOSP-4711"
BRIEFLY_S = 4  # where we break off, we wait that long for a partner that does not end


def refused(tmp_path, words):
    with pytest.raises(InputError, match=words) as error:
        import_patient(ADDRESS)
    assert "HOSP" not in str(error.value) and "Zebra" not in str(error.value)
    assert list((tmp_path / "cache").rglob("*.dcm")) == []


def test_an_honest_partner_and_an_honest_service(partner, web, ct, connect):
    for start in (
        lambda: partner(ct),
        lambda: connect(ward={"dicomweb": f"http://127.0.0.1:{web.server_port}"}),
    ):
        start()
        with fetched(Address.parse(ADDRESS)) as found:
            (file,) = found.folder.iterdir()
            assert pydicom.dcmread(file).pixel_array.tobytes() == ct.pixel_array.tobytes()


def test_another_patient_s_object_is_not_kept(partner, web, ct, tmp_path):
    other = pydicom.dcmread(BytesIO(bytes_of(ct)))
    other.PatientID = "HOSP-1"
    web.tricks["object"] = bytes_of(other)
    refused(tmp_path, "the archive ward sent an object of another patient; it was not kept")
    partner(ct, sends=other, timeout_s=BRIEFLY_S)
    refused(tmp_path, "the archive ward sent an object of another patient; it was not kept")


def test_an_object_that_was_not_asked_for_is_not_kept(partner, ct, tmp_path):
    other = pydicom.dcmread(BytesIO(bytes_of(ct)))
    other.SeriesInstanceUID = "1.2.3.4"
    partner(ct, sends=other, timeout_s=BRIEFLY_S)
    refused(tmp_path, "an object that was not asked for")
    other.SeriesInstanceUID, other.SOPInstanceUID = ct.SeriesInstanceUID, "1.2.3.5"
    partner(ct, sends=other, timeout_s=BRIEFLY_S)
    refused(tmp_path, "did not send all objects of a CT series")


@pytest.mark.parametrize("keyword", ["PatientID", "StudyInstanceUID", "SOPInstanceUID"])
def test_answers_that_cannot_be_are_refused(keyword, partner, ct, tmp_path):
    said = {"PatientID": "HOSP-1", "StudyInstanceUID": "../../etc", "SOPInstanceUID": "1.2/3"}[keyword]
    partner(ct, answers={keyword: said})
    refused(
        tmp_path, "studies of another patient" if keyword == "PatientID" else "answer that cannot be read"
    )


def test_an_association_that_is_aborted_in_the_middle(partner, ct, tmp_path):
    partner(ct, status=lambda event: event.assoc.abort())
    refused(tmp_path, "the archive ward broke off the connection")


@pytest.mark.parametrize(
    ("tricks", "words"),
    [
        ({"object": b"rubbish"}, "sent an answer that cannot be read"),
        ({"object": b"\0" * 128 + b"DICM" + b"\xff" * 200}, "cannot be read|not asked for"),
        ({"find": b"<html>log in</html>"}, "sent an answer that cannot be read"),
        ({"find": b'[{"00100020": 7}]'}, "sent an answer that cannot be read"),
        ({"find": b"[" * 100_000}, "sent an answer that cannot be read"),
        ({"find": b"[]"}, "holds nothing of what was asked for"),
        ({"status": 503}, r"failed \(HTTP 503\); tried 1 times"),
        ({"status": 401}, "asks for a user and password"),
        ({"status": 302, "location": "http://127.0.0.1:1/"}, "sends on to another address"),
        ({"short": 5000}, "ward .*; tried 1 times"),
    ],
)
def test_a_service_that_fails_or_lies(tricks, words, web, tmp_path):
    web.tricks |= tricks
    refused(tmp_path, words)


def test_a_service_that_falls_silent(web, connect, tmp_path):
    web.tricks["silence"] = threading.Event()
    connect(ward={"dicomweb": f"http://127.0.0.1:{web.server_port}", "tries": 1, "timeout_s": 2})
    refused(tmp_path, "did not answer in time; tried 1 times")
    web.tricks["silence"].set()


def test_a_service_that_turns_no_page_ends(web):
    web.tricks["loop"] = True
    with fetched(Address.parse(ADDRESS)) as found:
        assert len(list(found.folder.iterdir())) == 1


def test_an_object_without_end_is_cut(web, tmp_path, monkeypatch):
    monkeypatch.setattr("twin.pacs.web.MAX_OBJECT_BYTES", 1500)
    refused(tmp_path, "an object of more than")


def test_an_object_without_end_by_dimse_is_cut(partner, ct, tmp_path, monkeypatch):
    monkeypatch.setattr("twin.pacs.dimse.MAX_OBJECT_BYTES", 1500)
    partner(ct, timeout_s=BRIEFLY_S)
    refused(tmp_path, "an object of more than")


def test_nobody_there(connect, tmp_path):
    connect(
        ward={"dimse": "127.0.0.1:1", "tries": 1, "timeout_s": 2},
        web={"dicomweb": "http://127.0.0.1:1/dicom-web", "tries": 1, "timeout_s": 2},
    )
    for name in ("ward", "web"):
        with pytest.raises(InputError, match=f"the archive {name} cannot be reached: Connection refused"):
            import_patient(f"pacs://{name}?PatientID=1")


def test_a_port_that_speaks_something_else(web, connect, tmp_path):
    connect(ward={"dimse": f"127.0.0.1:{web.server_port}", "tries": 1, "timeout_s": 2})
    refused(tmp_path, "does not answer as a DICOM application entity")
