"""Files that browsers send, kept in a private folder until they are used, and the names of what is made of them."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import threading
from itertools import count
from pathlib import Path

from dashboards.access.visitor import current, hold_runner
from twin.errors import InputError
from twin.files.private import PrivateFolder


class Uploads:
    """Files that were sent by a browser: bounded, in a private folder of this server, removed after use.

    Their names may name a patient and are not kept; nor do browsers send more of them than the ending.
    """

    largest = 2 * 2**30  # bytes; a 4D-CT of a thorax is about 1 GB
    most_files = 6000  # of a folder; ten phases of a 4D-CT are about 2,000
    endings = (".zip", ".nii", ".nii.gz", ".nrrd", ".dcm", ".json", ".csv")

    def __init__(self) -> None:
        self._private: PrivateFolder | None = None  # made for the first file
        self._files: dict[str, Path] = {}
        self._owners: dict[str, str] = {}  # token -> name of the user who sent it
        self._held: dict[
            str, list[int]
        ] = {}  # token of a folder -> files and bytes that were announced for it
        self._lock = threading.Lock()

    def begin(self) -> str:
        """An empty folder for the files of one that was dropped, and under which token.

        Raises:
            InputError: the disk is full.
        """
        path = self._new("dicom")
        path.mkdir()
        token = self._remember(path)
        self._held[token] = [0, 0]
        return token

    def add(self, token: str, stream, length: int | None) -> None:
        """Keep one file of a folder, under a number.

        Args:
            token: of the folder.
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
                    f"the folder holds more than {self.most_files} files or {self.largest / 2**30:g} GiB; import it "
                    "with rt-twin import"
                )
            held[0] += 1
            held[1] += length
            number = held[0]
        self._store(path / f"{number:05d}", stream, length)

    def receive(self, name: str, stream, length: int | None) -> str:
        """Keep what is sent, and say under which token.

        Args:
            name: a name with the file's ending, of which only the ending is used.
            stream: with `read(n)`.
            length: how many bytes were announced.

        Raises:
            InputError: a kind of file that cannot be imported, too large, or the disk is full.
        """
        ending = next((e for e in self.endings if name.lower().endswith(e)), None)
        if ending is None:
            raise InputError(
                "such a file cannot be imported; choose a zip of DICOM files, a NIfTI or an NRRD"
            )
        if length is None or length > self.largest:
            raise InputError(
                f"the file is larger than {self.largest / 2**30:g} GiB; import it with rt-twin import"
            )
        path = self._new(f"upload{ending}")
        try:
            self._store(path, stream, length)
        except InputError:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        return self._remember(path)

    def _new(self, name: str) -> Path:
        """A path of a plain name in a new folder of the private one.

        Raises:
            InputError: the disk is full, or who asks may only look.
        """
        hold_runner()
        with self._lock:
            if self._private is None:
                self._private = PrivateFolder()
        try:
            return Path(tempfile.mkdtemp(dir=self._private.path)) / name
        except OSError as error:
            raise InputError(f"no file can be kept: {error.strerror}") from None

    @staticmethod
    def _store(path: Path, stream, length: int) -> None:
        left = length
        try:
            with path.open("wb") as file:
                while left > 0 and (chunk := stream.read(min(left, 2**20))):
                    file.write(chunk)
                    left -= len(chunk)
        except OSError as error:
            raise InputError(f"the file cannot be kept: {error.strerror}") from None
        if left:
            path.unlink()
            raise InputError("the file came incompletely; send it again")

    def write(self, name: str, text: str) -> str:
        """Keep a text of the pages' own under a plain name, and say under which token.

        Args:
            name: plain.
            text: what is kept.
        """
        path = self._new(name)
        path.write_text(text, encoding="utf-8")
        return self._remember(path)

    def _remember(self, path: Path) -> str:
        token = secrets.token_urlsafe(12)
        self._owners[token] = current().name
        self._files[token] = path
        return token

    def path(self, token: str) -> Path:
        """Where the file of a token lies.

        Args:
            token: that was given for the file.

        Raises:
            InputError: there is none.
        """
        if token not in self._files or self._owners[token] != current().name:
            raise InputError("the uploaded file is no longer here; send it again")
        return self._files[token]

    def holds(self, token: str) -> bool:
        """Whether the file of a token is still here.

        Args:
            token: that was given for the file.
        """
        return token in self._files

    def forget(self, *tokens: str) -> None:
        """Remove files.

        Args:
            *tokens: of the files.
        """
        for token in tokens:
            path = self._files.pop(token, None)
            self._held.pop(token, None)
            self._owners.pop(token, None)
            if path is not None:
                shutil.rmtree(path.parent, ignore_errors=True)

    def clear(self) -> None:
        """Remove all files."""
        self._files.clear()
        if self._private is not None:
            self._private.close()


def plain_name(text: str) -> str:
    """A file name of plain characters that neither hides nor leads anywhere.

    Args:
        text: any text.

    Example:
        >>> plain_name("../../My run (1).twin"), plain_name(" .. ")
        ('My-run-1-.twin', '')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.strip()).strip(".-_ ")[:80].lstrip(".-_")


def new_path(root: Path, name: str, ending: str = "") -> Path:
    """Where something new of a name goes, directly in the opened folder.

    Args:
        root: the opened folder.
        name: that was asked for.
        ending: that the name gets, e.g. .twin.

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


def free_name(root: Path) -> str:
    """What a patient is called whom nobody named: never after a file, whose name may be the patient's own.

    Args:
        root: the opened folder.
    """
    return next(name for name in map("patient-{}".format, count(1)) if not (root / f"{name}.twin").exists())
