"""A real archive: Orthanc, on loopback, with its DICOMweb plugin, for a test session alone."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from twin import Geometry, StructureSet, Volume
from twin.export import Origin, write_rtdose, write_rtplan, write_rtstruct, write_scan

PLUGIN = "libOrthancDicomWeb.so"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@dataclass
class Orthanc:
    """A running archive."""

    dicom_port: int
    http_port: int
    move_port: int

    @property
    def dimse(self) -> dict:
        return {"dimse": f"127.0.0.1:{self.dicom_port}", "title": "ORTHANC", "timeout_s": 60, "tries": 2}

    @property
    def move(self) -> dict:
        return {**self.dimse, "retrieve": "move", "listen": f"127.0.0.1:{self.move_port}"}

    @property
    def web(self) -> dict:
        return {"dicomweb": f"http://127.0.0.1:{self.http_port}/dicom-web", "timeout_s": 60, "tries": 2}

    def rest(self, path: str, body: bytes | None = None, method: str | None = None):
        """Orthanc's own interface, to look at it from another side."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}/{path}", body, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def keep(self, folder: Path) -> None:
        for file in sorted(folder.rglob("*.dcm")):
            self.rest("instances", file.read_bytes())

    def empty(self) -> None:
        for patient in self.rest("patients"):
            self.rest(f"patients/{patient}", method="DELETE")


def is_open(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


def start(place: Path, **changes):
    """A process of Orthanc, its ports and what it was told; skips where it is not installed."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    plugin = next((p for p in Path("/usr").glob(f"*/orthanc/plugins/{PLUGIN}")), None)
    if program is None or plugin is None:
        pytest.skip("Orthanc with its DICOMweb plugin is not installed (Debian: orthanc orthanc-dicomweb)")
    archive = Orthanc(free_port(), free_port(), free_port())
    told = {
        "Name": "test",
        "StorageDirectory": str(place / "db"),
        "IndexDirectory": str(place / "db"),
        "Plugins": [str(plugin)],
        "HttpPort": archive.http_port,
        "DicomPort": archive.dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomModalities": {"twin": {"AET": "RT-TWIN", "Host": "127.0.0.1", "Port": archive.move_port}},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        **changes,
    }
    (place / "orthanc.json").write_text(json.dumps(told))
    log = (place / "log").open("wb")
    process = subprocess.Popen([program, str(place / "orthanc.json")], stdout=log, stderr=log, cwd=place)
    for _ in range(1200):  # two minutes
        if all(is_open(port) for port in (archive.dicom_port, archive.http_port)):
            return process, archive
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError((place / "log").read_text()[-2000:])


def stop(process) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    process, archive = start(tmp_path_factory.mktemp("orthanc"))
    yield archive
    stop(process)


@pytest.fixture
def start_orthanc(tmp_path):
    """Starts one of its own, told otherwise."""
    processes = []

    def begin(**changes) -> Orthanc:
        process, archive = start(tmp_path, **changes)
        processes.append(process)
        return archive

    yield begin
    for process in processes:
        stop(process)


@pytest.fixture
def orthanc(running):
    running.empty()
    return running


@pytest.fixture
def connect(tmp_path, monkeypatch):
    """Writes the file of connections; caches and keys lie in the test's folder too."""
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "cache"))
    monkeypatch.setenv("RT_TWIN_KEY", "tests")

    def write(**connections) -> None:
        path = tmp_path / "pacs.yaml"
        path.write_text(yaml.safe_dump(connections))
        monkeypatch.setenv("RT_TWIN_PACS", str(path))

    return write


@pytest.fixture
def patient(dicom_set, make, add) -> Path:
    """A patient's set: CT, structures, a plan and its dose."""
    folder = dicom_set()
    add(folder, make.plan_file(), make.dose_file(np.full((8, 24, 32), 50.0)))
    return folder


@pytest.fixture
def simulated(tmp_path) -> Path:
    """A follow-up as an export writes it: eight slices, a tumour, a plan and its dose."""
    folder = tmp_path / "export"
    folder.mkdir()
    geometry = Geometry((8, 24, 32), (3.0, 1.5, 1.25), (-20.0, -18.0, 100.0))
    origin = Origin("P-0123456789ab", "a run", "a frame", "mechanistic", "1")
    ct = write_scan(
        folder, Volume(geometry, np.zeros((8, 24, 32), np.int16), "CT", "HU"), origin, description="x"
    )
    tumour = np.zeros((8, 24, 32), bool)
    tumour[2:6, 7:12, 10:16] = True
    drawn = StructureSet(geometry, ()).with_mask("GTVp", "GTV", tumour)
    structures = write_rtstruct(folder / "rtstruct.dcm", drawn, ct, label="x")
    plan = write_rtplan(
        folder / "rtplan.dcm", origin, prescription_gy=60.0, fractions=30, structure_set_uid=structures
    )
    dose = Volume(geometry, np.full((8, 24, 32), 50, np.float32), "DOSE", "Gy")
    write_rtdose(folder / "rtdose.dcm", dose, origin, plan_uid=plan, description="x")
    return folder


class Road:
    """A way to a port, maybe by TLS, on which connections are cut after some bytes have come back.

    Args:
        port: where it leads.
        after: bytes that come back over one connection before it is cut.
        times: how many connections are cut; the rest are whole.
        tls: of its near end.
    """

    def __init__(self, port: int, after: int = 0, times: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.to, self.after, self.times, self.tls = port, after, times, tls
        self.bytes = 0
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self.door.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self.door.accept()
            except OSError:
                return
            try:
                near = self.tls.wrap_socket(near, server_side=True) if self.tls else near
            except OSError:  # a client that does not trust it
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._pipe, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pipe, args=(far, near, True), daemon=True).start()

    def _pipe(self, source, target, back: bool) -> None:
        passed = 0
        try:
            while chunk := source.recv(4096):
                passed += len(chunk)
                self.bytes += len(chunk) if back else 0
                if back and self.times and passed > self.after:
                    self.times -= 1
                    break
                target.sendall(chunk)
        except OSError:
            pass
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def road():
    made = []

    def make(*args, **how) -> Road:
        made.append(Road(*args, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()
