"""What lies in the opened folder: runs, twins, studies and clinics. Nothing outside it is ever read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hmac import compare_digest
from pathlib import Path
from typing import TypeVar

from dashboards.faults import words_of
from dashboards.files.cache import BoundedCache
from dashboards.files.clinic_folder import ClinicFolder
from dashboards.files.entry import Entry
from dashboards.files.run_folder import RunFolder
from dashboards.files.scan_pair import APART, ScanPair
from dashboards.files.twin_folder import TwinFolder
from scenarios.readers import ReaderStudy, load_reader_study
from scenarios.records.run import RunRecord, read_record
from scenarios.study.parts import Study, load_study
from twin.errors import InputError
from twin.files.json_file import read_json
from twin.files.names import text_of

T = TypeVar("T")
DEPTH = 3
_MARKERS = ("run.json", "twin.json", "study.json", "clinic.json", "reader-study.json")
_RECORDS_KEPT = 500
_KEPT_OPEN = 3  # subjects whose voxels stay in memory; a baseline CT is about 50 MB


@dataclass(eq=False)
class Library:
    """The runs and twins below one folder, found by their marker files; symbolic links are not followed.

    A key is only ever compared with what was found: it is never joined to a path.
    """

    root: Path
    _open: BoundedCache = field(default_factory=lambda: BoundedCache(_KEPT_OPEN), repr=False)
    _records: BoundedCache = field(default_factory=lambda: BoundedCache(_RECORDS_KEPT), repr=False)

    def runs(self) -> list[Entry]:
        """All run folders, the newest first."""
        return self._found("run.json")

    def twins(self) -> list[Entry]:
        """All twin folders that are not a run's baseline, the newest first."""
        return self._found("twin.json")

    def studies(self) -> list[Entry]:
        """All study folders, the newest first."""
        return self._found("study.json")

    def clinics(self) -> list[Entry]:
        """All folders of simulated departments, the newest first."""
        return self._found("clinic.json")

    def reader_studies(self) -> list[Entry]:
        """All folders of reader studies, the newest first."""
        return self._found("reader-study.json")

    def reader_study(self, key: str) -> ReaderStudy:
        """The reader study of a key.

        Args:
            key: of the study.

        Raises:
            InputError: no such study in the folder, or a broken one.
        """
        return load_reader_study(_pick(self.reader_studies(), key, "reader study").path)

    def reader_of(self, code: str) -> tuple[str, str] | None:
        """Whose link has a code: the key of a reader study, and the name of one of its readers.

        Args:
            code: of a link.
        """
        for entry in self.reader_studies():
            with suppress(InputError):
                for reader in load_reader_study(entry.path).record.readers:
                    if compare_digest(reader.code.encode(), code.encode(errors="replace")):
                        return entry.key, reader.name
        return None

    def clinic(self, key: str) -> ClinicFolder:
        """The department of a key.

        Args:
            key: of the department.

        Raises:
            InputError: no such department in the folder.
        """
        return ClinicFolder(_pick(self.clinics(), key, "clinic"))

    def study(self, key: str) -> Study:
        """The study of a key; its tables are read when asked for.

        Args:
            key: of the study.

        Raises:
            InputError: no such study in the folder, or a broken or unfinished one.
        """
        return load_study(_pick(self.studies(), key, "study").path)

    def run(self, key: str) -> RunFolder:
        """The run of a key.

        Args:
            key: of the run.

        Raises:
            InputError: no such run in the folder, or a broken one.
        """
        entry = _pick(self.runs(), key, "run")
        return self._open.get((entry.path, entry.version), lambda: RunFolder(entry))

    def runs_of(self, patient: str) -> list[Entry]:
        """The runs of a patient, the newest first.

        Args:
            patient: the id.
        """
        found = ((entry, self.record(entry)) for entry in self.runs())
        return [entry for entry, record in found if record is not None and record.patient.id == patient]

    def twin_named(self, patient: str) -> Entry | None:
        """The twin of a patient's id, or None; the newest where there are several.

        Args:
            patient: the id.
        """

        def name(entry: Entry) -> str | None:
            try:
                return str(read_json(entry.path / "twin.json")["id"])
            except (InputError, KeyError, TypeError):
                return None

        for entry in self.twins():
            if self._records.get((entry.path, entry.version, "id"), partial(name, entry)) == patient:
                return entry
        return None

    def record(self, entry: Entry) -> RunRecord | None:
        """What a run is about, without opening its images; None where it cannot be read.

        Args:
            entry: of the run.
        """

        def read() -> RunRecord | None:
            try:
                return read_record(entry.path)
            except InputError:
                return None

        return self._records.get((entry.path, entry.version), read)

    def noted(self, entry: Entry, make: Callable[[Path], T]) -> T:
        """Something small about a folder, made once for each of its versions; no open subject gives way to it.

        Args:
            entry: the folder.
            make: makes it of the folder's path.
        """
        return self._records.get((entry.path, entry.version, make), lambda: make(entry.path))

    def twin(self, key: str) -> TwinFolder:
        """The twin of a key.

        Args:
            key: of the twin.

        Raises:
            InputError: no such twin in the folder, or a broken one.
        """
        entry = _pick(self.twins(), key, "twin")
        return self._open.get((entry.path, entry.version), lambda: TwinFolder(entry))

    def scan_pair(self, key: str) -> ScanPair:
        """A virtual scan beside its source.

        Args:
            key: of the twin, name of the scan, and of what it is held against, apart by `::`.

        Raises:
            InputError: no such twin or scan.
        """
        twin, made, truth = [*key.split(APART), "", ""][:3]
        subject = self.twin(twin)
        return ScanPair(subject.entry, subject.twin, made, truth)

    def version(self, kind: str, key: str) -> str:
        """What changes with the content of a run, twin or study; empty where it is gone.

        Args:
            kind: run, twin or study.
            key: of it.
        """
        found = {"run": self.runs, "twin": self.twins, "study": self.studies}.get(kind, list)()
        return next((entry.version for entry in found if entry.key == key), "")

    def entry(self, kind: str, key: str) -> Entry:
        """Where something lies, whether or not it can be read.

        Args:
            kind: runs, twins, studies or clinics.
            key: of it.

        Raises:
            InputError: there is none.
        """
        found = {"runs": self.runs, "twins": self.twins, "studies": self.studies, "clinics": self.clinics}
        return _pick(found.get(kind, list)(), key, "such thing as")

    def faults(self) -> list[tuple[str, str]]:
        """What cannot even be looked into: its name and why."""
        found: list[tuple[str, str]] = []
        for path, key, files in self._folders(found):
            markers = [name for name in _MARKERS if name in files]
            found += [(key, why) for name in markers if (why := _irregular(path / name))]
            if path.suffix == ".twin" and not markers:
                found.append((key, "twin.json is missing"))
        return sorted(found)

    def _found(self, marker: str) -> list[Entry]:
        entries = []
        for path, key, files in self._folders([]):
            if marker in files and not _irregular(path / marker):
                with suppress(OSError):  # it has just gone
                    entries.append(Entry(key, path, (path / marker).stat().st_mtime))
        return sorted(entries, key=lambda e: (-e.changed, e.key))

    def _folders(self, faults: list[tuple[str, str]]) -> Iterator[tuple[Path, str, list[str]]]:
        """Path, key and entries of each folder that may be something; why others cannot be looked into is added."""

        def refused(error: OSError) -> None:
            name = os.path.relpath(error.filename, self.root)
            faults.append((text_of(name), f"it cannot be read: {error.strerror}"))

        for folder, subfolders, files in os.walk(self.root, onerror=refused, followlinks=False):
            path = Path(folder)
            below = path.relative_to(self.root)
            entries = [*files, *subfolders]
            if any(name in entries for name in _MARKERS) or len(below.parts) >= DEPTH:
                subfolders.clear()
            shown = sorted(s for s in subfolders if not s.startswith("."))
            subfolders[:] = [s for s in shown if text_of(s) == s]
            faults += [(text_of(s), "its name is no text; rename it") for s in shown if text_of(s) != s]
            yield path, below.as_posix() if below.parts else text_of(self.root.name), entries


def newest(keys: Iterable[str], make: Callable[[str], T]) -> T:
    """What can be made of the newest of some entries; a damaged one does not hide those before it.

    Args:
        keys: the newest first, at least one.
        make: makes it of a key.

    Raises:
        InputError: it can be made of none; the reason is that of the newest.
    """
    reason = ""
    for key in keys:
        try:
            return make(key)
        except Exception as error:  # whatever it is, the next one may be sound
            reason = reason or words_of(error)
    raise InputError(reason)


def _irregular(marker: Path) -> str | None:
    """Why a marker is none: a link may lead out of the folder, and a pipe would be waited for."""
    if marker.is_symlink():
        return f"{marker.name} is a link, which is not followed"
    return None if marker.is_file() or not marker.exists() else f"{marker.name} is no regular file"


def _pick(entries: list[Entry], key: str, noun: str) -> Entry:
    for entry in entries:
        if entry.key == key:
            return entry
    raise InputError(f"there is no {noun} {key!r} in the opened folder")
