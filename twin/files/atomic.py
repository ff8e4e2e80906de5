"""Writing that is whole or not at all, also when the power goes: all that the product writes is written here.

A block that writes names what it fills `part`; a test holds that nothing is written elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from twin.errors import InputError
from twin.files.disk import exchange, flush, flush_all, refusals_explained
from twin.files.lock import BRIEFLY_S, held, hidden, is_unfinished, remove, settle, settle_below, unfinished


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Fill a hidden folder beside `path`, which becomes `path` when the block ends without an error.

    Args:
        path: the folder to make; within a folder that is itself being filled it is filled directly.
        replace: whether an existing folder is exchanged for the new one.

    Yields:
        The hidden folder; it is removed when the block raises, or by the next writer when the process is killed.

    Raises:
        InputError: `path` exists and is not to be replaced, is being written, cannot be, or the disk is full.
    """
    real = Path(os.path.realpath(path))
    if is_unfinished(real):
        real.mkdir(parents=True, exist_ok=True)
        yield real
        return
    with refusals_explained(Path(path)), held(path):
        if not replace and is_taken(real):
            raise InputError(f"{path} already exists; choose another name or remove it")
        part = hidden(real, "part")
        part.mkdir()
        try:
            with unfinished(part):
                yield part
            flush_all(part)
            _put(part, real)
            flush(real.parent)
        finally:
            settle(real)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a hidden file beside `path`, which becomes `path` when the block ends without an error.

    Args:
        path: the file to write; within a folder that is being filled it is written directly.

    Yields:
        The hidden file's path, which has an ending of its own; it is removed when the block raises, or by the next
        writer when the process is killed.

    Raises:
        InputError: the file is being written by another process, cannot be, or the disk is full.
    """
    real = Path(os.path.realpath(path))
    if is_unfinished(real):
        real.parent.mkdir(parents=True, exist_ok=True)
        yield real
        return
    with refusals_explained(Path(path)), held(path):
        part = hidden(real, "part")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield part
            flush(part)
            part.replace(real)
            flush(real.parent)
        finally:
            settle(real)


@contextmanager
def growing_folder(path: str | os.PathLike[str], *, worth: str = "*") -> Iterator[None]:
    """Be the only writer of a folder that is filled file by file, so that the same command goes on after a break.

    What a killed writer left in it is put right first.

    Args:
        path: the folder; the block makes it where it does not exist, by writing into it.
        worth: pattern of what one could go on from, below the folder: where the block fails before there is any,
            a folder that was not there, or was empty, is so again, and the mended command may use it.

    Raises:
        InputError: another process is filling it, or it cannot be written.
    """
    with held(path, patience_s=BRIEFLY_S):
        settle_below(path)
        folder = Path(path)
        existed, fresh = folder.exists(), not is_taken(folder)
        try:
            yield
        except Exception:
            if fresh and folder.is_dir() and not any(folder.glob(worth)):
                for inside in folder.iterdir():
                    remove(inside)
            raise
        finally:
            if not existed:
                with suppress(OSError):
                    folder.rmdir()  # only where nothing is left in it


def move(path: Path, target: Path) -> None:
    """Give a file or a folder another place on the same disk, for good; a file that was there is gone.

    Raises:
        InputError: the disk refuses it.
    """
    with refusals_explained(target):
        path.replace(target)
        flush(target.parent)


def append(path: Path, line: str) -> None:
    """Add a line to a file that only the caller writes; a power cut may cut it short, and the next one begins anew.

    Raises:
        InputError: the file cannot be written, or the disk is full.
    """
    with refusals_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1))
            begun = file.read(1) not in (b"", b"\n")
            file.write((b"\n" if begun else b"") + f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())


def is_taken(path: Path) -> bool:
    """Whether something stands at a path that writing there would lose: anything but an empty folder."""
    return os.path.lexists(path) and not (path.is_dir() and not any(path.iterdir()))


def _put(part: Path, path: Path) -> None:
    """Let a filled folder take its place."""
    if not is_taken(path):
        part.rename(path)
    elif not exchange(part, path):
        path.rename(hidden(path, "old"))  # killed after this, the next writer or reader puts it back
        part.rename(path)
