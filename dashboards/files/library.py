"""What lies in the opened folder: runs, twins, studies and clinics. Nothing outside it is ever read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from dashboards.files.cache import BoundedCache
from dashboards.files.clinic_folder import ClinicFolder
from dashboards.files.entry import Entry
from dashboards.files.run_folder import RunFolder
from dashboards.files.twin_folder import TwinFolder
from scenarios.records.run import RunRecord, read_record
from scenarios.study.parts import Study, load_study
from twin.errors import InputError

T = TypeVar("T")
DEPTH = 3
_MARKERS = ("run.json", "twin.json", "study.json", "clinic.json")
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
                found = json.loads((entry.path / "twin.json").read_text(encoding="utf-8"))
                return str(found["id"])
            except (OSError, ValueError, KeyError, TypeError):
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

    def _found(self, marker: str) -> list[Entry]:
        entries = []
        for folder, subfolders, files in os.walk(self.root, followlinks=False):
            path = Path(folder)
            below = path.relative_to(self.root)
            leaf = any(name in files for name in _MARKERS)
            if leaf or len(below.parts) >= DEPTH:
                subfolders.clear()
            subfolders[:] = sorted(s for s in subfolders if not s.startswith("."))
            file = path / marker
            if marker in files and not file.is_symlink():
                key = below.as_posix() if below.parts else self.root.name
                entries.append(Entry(key, path, file.stat().st_mtime))
        return sorted(entries, key=lambda e: (-e.changed, e.key))


def _pick(entries: list[Entry], key: str, noun: str) -> Entry:
    for entry in entries:
        if entry.key == key:
            return entry
    raise InputError(f"there is no {noun} {key!r} in the opened folder")
