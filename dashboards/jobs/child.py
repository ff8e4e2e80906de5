"""Long work as `rt-twin` child processes: started, watched, and cancelled from the page that asked for it."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from twin.errors import InputError

State = Literal["running", "done", "failed", "cancelled"]
_AT_ONCE = 2  # more would only slow each other down on a small machine
_KEPT = 50
_PATIENCE_S = 10.0  # to leave no half-written folder after a cancel, before it is killed
_PROGRESS = re.compile(r"progress ([01]\.\d+) (.*)")
_MESSAGE = re.compile(r"rt-twin: (.*)")


@dataclass(eq=False)
class Job:
    """One child process.

    Args:
        id: a token that only the page that started it knows.
        title: what it does.
        opens: the address of what it makes.
        process: the child.
        state: how it stands.
        step: what it is doing now.
        share: how much of the work is done, 0 to 1; None where it cannot be said.
        message: what went wrong, in plain words.
    """

    id: str
    title: str
    opens: str
    process: subprocess.Popen[str]
    state: State = "running"
    step: str = "starting"
    share: float | None = None
    message: str = ""
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0


class Jobs:
    """The child processes of one dashboard, two at a time.

    Example:
        >>> jobs = Jobs()
        >>> job = jobs.start("dose", ["bed", "60/30"], opens="/")
        >>> _ = job.process.wait(60)
        >>> jobs.find("a guess") is None
        True
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(
        self, title: str, arguments: list[str], *, opens: str, after: Callable[[], None] = lambda: None
    ) -> Job:
        """Start `rt-twin` with arguments, none of which passes through a shell.

        Args:
            title: what it does, for people.
            arguments: of `rt-twin`.
            opens: the address of what it makes.
            after: called when it has ended, however.

        Raises:
            InputError: two jobs are running already.
        """
        with self._lock:
            if sum(job.state == "running" for job in self._jobs.values()) >= _AT_ONCE:
                raise InputError(f"{_AT_ONCE} jobs are running; wait for one to end or cancel it")
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scenarios.commands.main", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "RT_TWIN_PROGRESS": "lines"},
                start_new_session=True,
            )
            job = Job(secrets.token_urlsafe(12), title, opens, process)
            self._jobs[job.id] = job
            while len(self._jobs) > _KEPT:
                self._jobs.pop(next(iter(self._jobs)))
        threading.Thread(target=self._watch, args=(job, after), daemon=True).start()
        return job

    def find(self, token: str) -> Job | None:
        """The job of a token."""
        return self._jobs.get(token)

    def cancel(self, token: str) -> None:
        """End a job as Ctrl+C would, so that it tidies up; kill it where it does not end."""
        job = self.find(token)
        if job is None or job.state != "running":
            return
        job.state = "cancelled"
        job.process.send_signal(signal.SIGINT)
        threading.Thread(target=self._make_sure, args=(job,), daemon=True).start()

    def end_all(self) -> None:
        """Cancel what is running and wait for it; for the end of the server."""
        running = [job for job in self._jobs.values() if job.state == "running"]
        for job in running:
            self.cancel(job.id)
        for job in running:
            self._make_sure(job)

    @staticmethod
    def _make_sure(job: Job) -> None:
        try:
            job.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            job.process.kill()

    def _watch(self, job: Job, after: Callable[[], None]) -> None:
        last = ""
        assert job.process.stderr is not None
        for line in job.process.stderr:
            if found := _PROGRESS.fullmatch(line.strip()):
                job.share, job.step = float(found[1]), found[2]
            elif line.strip():
                last = line.strip()
        status = job.process.wait()
        job.seconds = time.monotonic() - job.began
        after()
        if job.state == "cancelled":
            return
        job.state = "done" if status == 0 else "failed"
        if status != 0:
            said = _MESSAGE.search(last)
            job.message = (
                said[1] if said else "it ended unexpectedly; run the same command in a terminal to see why"
            )


class Uploads:
    """Files that were sent by a browser: bounded, in a hidden folder of the opened one, removed after use.

    Args:
        root: the opened folder.
    """

    largest = 2 * 2**30  # bytes; a 4D-CT of a thorax is about 1 GB
    most_files = 6000  # of a folder; ten phases of a 4D-CT are about 2,000
    endings = (".zip", ".nii", ".nii.gz", ".nrrd", ".json", ".csv")

    def __init__(self, root: Path) -> None:
        self._folder = root / ".uploads"
        self._files: dict[str, Path] = {}
        self._held: dict[
            str, list[int]
        ] = {}  # token of a folder -> files and bytes that were announced for it
        self._lock = threading.Lock()

    def begin(self, name: str) -> str:
        """An empty folder for the files of one that was dropped, and under which token.

        Args:
            name: the folder's name as the browser says it.

        Raises:
            InputError: the disk is full.
        """
        plain = plain_name(Path(name.replace("\\", "/")).name) or "dicom"
        try:
            self._folder.mkdir(exist_ok=True)
            path = Path(tempfile.mkdtemp(dir=self._folder)) / plain
            path.mkdir()
        except OSError as error:
            raise InputError(f"{name} cannot be kept: {error.strerror}") from None
        token = self._remember(path)
        self._held[token] = [0, 0]
        return token

    def add(self, token: str, name: str, stream, length: int | None) -> None:
        """Keep one file of a folder, under a number of its own and its name, which errors may speak of.

        Args:
            token: of the folder.
            name: the file's name as the browser says it; only its last part's plain characters are used.
            stream: with `read(n)`.
            length: how many bytes were announced.

        Raises:
            InputError: no such folder, too many files, too large, incomplete, or the disk is full.
        """
        path = self.path(token)
        with self._lock:
            held = self._held.get(token)
            if held is None or length is None:
                raise InputError("this file belongs to no folder; drop the folder again")
            if held[0] >= self.most_files or held[1] + length > self.largest:
                raise InputError(
                    f"{path.name} holds more than {self.most_files} files or {self.largest / 2**30:g} GiB; import it "
                    "with rt-twin import"
                )
            held[0] += 1
            held[1] += length
            number = held[0]
        plain = plain_name(Path(name.replace("\\", "/")).name)
        self._store(path / "-".join(filter(None, (f"{number:05d}", plain))), path.name, stream, length)

    def receive(self, name: str, stream, length: int | None) -> str:
        """Keep what is sent, and say under which token.

        Args:
            name: the file's name as the browser says it; only its last part's plain characters are used.
            stream: with `read(n)`.
            length: how many bytes were announced.

        Raises:
            InputError: a kind of file that cannot be imported, too large, or the disk is full.
        """
        plain = plain_name(Path(name.replace("\\", "/")).name)
        if not plain.lower().endswith(self.endings):
            raise InputError(f"{name} cannot be imported; choose a zip of DICOM files, a NIfTI or an NRRD")
        if length is None or length > self.largest:
            raise InputError(
                f"{name} is larger than {self.largest / 2**30:g} GiB; import it with rt-twin import"
            )
        try:
            self._folder.mkdir(exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as error:
            raise InputError(f"{name} cannot be kept: {error.strerror}") from None
        try:
            self._store(folder / plain, name, stream, length)
        except InputError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return self._remember(folder / plain)

    @staticmethod
    def _store(path: Path, name: str, stream, length: int) -> None:
        left = length
        try:
            with path.open("wb") as file:
                while left > 0 and (chunk := stream.read(min(left, 2**20))):
                    file.write(chunk)
                    left -= len(chunk)
        except OSError as error:
            raise InputError(f"{name} cannot be kept: {error.strerror}") from None
        if left:
            path.unlink()
            raise InputError(f"{name} came incompletely; send it again")

    def write(self, name: str, text: str) -> str:
        """Keep a text of the pages' own under a plain name, and say under which token."""
        self._folder.mkdir(exist_ok=True)
        path = Path(tempfile.mkdtemp(dir=self._folder)) / name
        path.write_text(text, encoding="utf-8")
        return self._remember(path)

    def _remember(self, path: Path) -> str:
        token = secrets.token_urlsafe(12)
        self._files[token] = path
        return token

    def path(self, token: str) -> Path:
        """Where the file of a token lies.

        Raises:
            InputError: there is none.
        """
        if token not in self._files:
            raise InputError("the uploaded file is no longer here; send it again")
        return self._files[token]

    def forget(self, *tokens: str) -> None:
        """Remove files."""
        for token in tokens:
            path = self._files.pop(token, None)
            self._held.pop(token, None)
            if path is not None:
                shutil.rmtree(path.parent, ignore_errors=True)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def clear(self) -> None:
        """Remove all files, also those that an earlier server left."""
        self._files.clear()
        shutil.rmtree(self._folder, ignore_errors=True)


def plain_name(text: str) -> str:
    """A file name of plain characters that neither hides nor leads anywhere.

    Example:
        >>> plain_name("../../My run (1).twin"), plain_name(" .. ")
        ('My-run-1-.twin', '')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.strip()).strip(".-_ ")[:80].lstrip(".-_")


def new_path(root: Path, name: str, ending: str = "") -> Path:
    """Where something new of a name goes, directly in the opened folder.

    Raises:
        InputError: no usable name, or one that is taken.
    """
    plain = plain_name(name.removesuffix(ending))
    if not plain:
        raise InputError("give a name of letters and digits")
    path = root / f"{plain}{ending}"
    if path.exists():
        raise InputError(f"{path.name} is already there; choose another name")
    return path
