"""A patient's objects from an archive into a private folder, as far as they are not there already."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pydicom

from twin.dicom.instance import Instance
from twin.dicom.pseudonym import pseudonym
from twin.dicom.reader import KIND
from twin.dicom.terms import term
from twin.errors import InputError
from twin.files.archive import MAX_BYTES, MAX_FILES
from twin.files.atomic import atomic_file
from twin.files.lock import remove
from twin.files.private import kept_folder
from twin.nomenclature.labels import Shown
from twin.pacs.address import UID, Address
from twin.pacs.archive import Archive, Unreachable
from twin.pacs.connection import connection_named
from twin.pacs.opening import opened
from twin.pacs.retry import Patience

_MODALITIES = frozenset(KIND.values()) - {"DICOMDIR", "SUMMARY", "DEFORMABLE"}

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Listed:
    """A series as an archive lists it.

    Args:
        study: StudyInstanceUID.
        series: SeriesInstanceUID.
        modality: of it.
        frame: FrameOfReferenceUID; empty where the archive does not say it.
        objects: SOPInstanceUIDs of what an import may use.
        others: how many more objects there are, of kinds that no import reads.
        patient: PatientID, as the archive has it; empty where it does not say it.
    """

    study: str
    series: str
    modality: str
    frame: str
    objects: tuple[str, ...]
    others: int
    patient: str = field(default="", repr=False)


@dataclass(frozen=True)
class Fetched:
    """What was fetched.

    Args:
        folder: that holds it.
        notes: what was not fetched and why, one line each.
    """

    folder: Path
    notes: tuple[str, ...]


def listed(archive: Archive, address: Address, patience: Patience) -> list[Listed]:
    """All series of a patient that match an address.

    Args:
        archive: where to look.
        address: what for.
        patience: for failures.

    Raises:
        InputError: nothing of that patient is there, or the archive answers with another one's.
    """
    keys = {k: v for k, v in address.keys.items() if k in ("PatientID", "StudyInstanceUID", "StudyDate")}
    studies = patience.until(lambda: archive.find("STUDY", keys, ["StudyInstanceUID", "PatientID"]))
    wanted = address.keys.get("PatientID")
    patients = {s["PatientID"] for s in studies if s["PatientID"]} | ({wanted.strip()} if wanted else set())
    if len(patients) > 1:
        raise InputError(
            f"the archive {address.name} answers with studies of another patient than was asked for"
        )
    found = []
    for study in sorted({_uid(s["StudyInstanceUID"], address) for s in studies}):
        for series in patience.until(lambda study=study: _series(archive, study)):  # type: ignore[misc]
            if _matches(series, address):
                objects = patience.until(lambda study=study, series=series: _objects(archive, study, series))  # type: ignore[misc]
                found.append(_as_listed(study, series, objects, next(iter(patients), ""), address))
    if not any(s.objects for s in found):
        raise InputError(
            f"the archive {address.name} holds nothing of what was asked for that an import reads"
        )
    if sum(len(s.objects) for s in found) > MAX_FILES:
        raise InputError(f"the archive {address.name} finds more than {MAX_FILES} objects; ask for less")
    return sorted(found, key=lambda s: (s.study, s.series))


def _series(archive: Archive, study: str) -> list[dict[str, str]]:
    asked = ["SeriesInstanceUID", "Modality", "FrameOfReferenceUID"]
    return archive.find("SERIES", {"StudyInstanceUID": study}, asked)


def _objects(archive: Archive, study: str, series: dict[str, str]) -> list[dict[str, str]]:
    keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series["SeriesInstanceUID"]}
    return archive.find("IMAGE", keys, ["SOPInstanceUID", "SOPClassUID"])


def _matches(series: dict[str, str], address: Address) -> bool:
    modalities = address.keys.get("Modality")
    frame = address.keys.get("FrameOfReferenceUID", "")
    uid = _uid(series["SeriesInstanceUID"], address)
    return (
        series["Modality"] in (modalities.split(",") if modalities else _MODALITIES)
        and uid == address.keys.get("SeriesInstanceUID", uid)
        and (not frame or series["FrameOfReferenceUID"] in ("", frame))
    )


def _as_listed(
    study: str, series: dict[str, str], objects: Sequence[dict[str, str]], patient: str, address: Address
) -> Listed:
    read = {_uid(o["SOPInstanceUID"], address) for o in objects if o["SOPClassUID"] in ("", *KIND)}
    return Listed(
        study,
        series["SeriesInstanceUID"],
        term("Modality", series["Modality"]),
        series["FrameOfReferenceUID"],
        tuple(sorted(read)),
        len(objects) - len(read),
        patient,
    )


def _uid(text: str, address: Address) -> str:
    if not UID.fullmatch(text):
        raise InputError(f"the archive {address.name} sent an answer that cannot be read")
    return text


@contextmanager
def fetched(address: Address, progress: Progress | None = None) -> Iterator[Fetched]:
    """All objects of an address in a private folder.

    What an interrupted call fetched is not fetched again by the next one of the same address. When the block ends
    without an error, the folder is removed.

    Args:
        address: of one patient.
        progress: is told what is done, and its share of all.

    Raises:
        InputError: no such connection, nothing there, the archive cannot be reached in as many tries as its connection
            says, or what it sent is not what was asked for.
    """
    connection = connection_named(address.name)
    archive = opened(address.name, connection)
    patience = Patience(address.name, connection.tries)
    series = listed(archive, address, patience)
    wanted = {_file(uid) for s in series for uid in s.objects}
    with kept_folder(pseudonym(repr((address.name, sorted(address.keys.items()))))) as folder:
        for file in folder.iterdir():
            if file.name not in wanted:
                remove(file)
        intake = _Intake(address.name, folder, len(wanted), progress or (lambda step, share: None))
        for one in series:
            intake.show(one)
            _fetch(archive, one, intake, patience)
        yield Fetched(folder, _notes(series))


class _Intake:
    """Where objects come in.

    Args:
        name: of the archive.
        folder: where they are kept.
        wanted: how many there are to be.
        progress: is told what comes, and the share that is there.
    """

    def __init__(self, name: str, folder: Path, wanted: int, progress: Progress) -> None:
        self.name, self.folder, self.wanted, self.progress = name, folder, wanted, progress
        sizes = [f.stat().st_size for f in folder.iterdir()]
        self.bytes, self.count = sum(sizes), len(sizes)

    def show(self, series: Listed) -> None:
        """Tell how far it is."""
        self.progress(f"fetching {series.modality}", min(1.0, self.count / self.wanted))

    def missing(self, series: Listed) -> list[str]:
        """SOPInstanceUIDs of a series that are not there yet."""
        return [uid for uid in series.objects if not (self.folder / _file(uid)).exists()]

    def take(self, series: Listed, content: bytes) -> None:
        """Keep an object that was sent for a series.

        Raises:
            Unreachable: it cannot be read.
            InputError: it is not of the series or not of the patient, or there are too many bytes.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # they quote values
                file = Instance(
                    Shown("an object", ""), pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
                )
                patient, uid = file.text("PatientID"), file.text("SOPInstanceUID")
                place = file.text("StudyInstanceUID"), file.text("SeriesInstanceUID")
        except Exception as error:  # pydicom raises many types on damaged files
            raise Unreachable("sent an object that cannot be read") from error
        if series.patient and patient not in ("", series.patient):
            raise InputError(f"the archive {self.name} sent an object of another patient; it was not kept")
        if place != (series.study, series.series):
            raise InputError(
                f"the archive {self.name} sent an object that was not asked for; it was not kept"
            )
        if uid not in series.objects:
            return  # of a kind that is not read, or new since the list was made
        self.bytes += len(content)
        if self.bytes > MAX_BYTES:
            raise InputError(f"the archive {self.name} sends more than {MAX_BYTES >> 30} GiB; ask for less")
        with atomic_file(self.folder / _file(uid)) as part:
            part.chmod(0o600)
            part.write_bytes(content)
        self.count += 1
        self.show(series)


def _fetch(archive: Archive, series: Listed, intake: _Intake, patience: Patience) -> None:
    """Fetch what is missing of a series; again as long as more comes, or as patience lasts."""
    while missing := intake.missing(series):
        whole = len(missing) == len(series.objects) and not series.others
        try:
            archive.get(
                series.study,
                series.series,
                None if whole else missing,
                lambda content: intake.take(series, content),
            )
            failure = Unreachable(f"did not send all objects of a {series.modality} series")
        except Unreachable as error:
            failure = error
        left = intake.missing(series)
        if left:
            patience.again(failure, moved=len(left) < len(missing))
    patience.failed = 0


def _notes(series: Sequence[Listed]) -> tuple[str, ...]:
    count = Counter[str]()
    for one in series:
        count[one.modality] += one.others
    return tuple(
        f"not fetched: {modality}, {n} object{'s' * (n > 1)}: no object of this kind is read"
        for modality, n in sorted(count.items())
        if n
    )


def _file(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()[:32] + ".dcm"
