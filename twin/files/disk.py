"""What is asked of the disk: two names exchanged in one step, bytes that outlast a power cut, and plain refusals."""

from __future__ import annotations

import ctypes
import errno
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from twin.errors import DiskError, InputError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (*_FULL, errno.EFBIG, errno.EIO, errno.EROFS)
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV)
_AT_ONCE = 16  # a disk writes many files together in the time that it takes for one
_AT_CWD, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux, renameat2(2)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step, so that neither is ever absent.

    Args:
        one, other: what stands there now; both do.

    Returns:
        False where the system or the file system has no such step, and nothing was done.
    """
    call = _renameat2()
    if call is None:
        return False
    if call(_AT_CWD, os.fsencode(one), _AT_CWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NO_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot for folders
            raise
    finally:
        os.close(handle)


def flush_all(folder: Path) -> None:
    """Wait until a folder and all that lies in it are on the disk."""
    places = [(Path(name), files) for name, _, files in os.walk(folder)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for paths in ([p / file for p, files in places for file in files], [p for p, _ in places]):
            list(pool.map(flush, paths))


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Turn what a disk refuses in the block into a sentence.

    Args:
        path: what is being written, as its user calls it.

    Raises:
        DiskError: the disk is full, or the path cannot be written.
        InputError: what is to be written from cannot be read.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        found = _refusal(error)
        if found is None:
            raise
        number, words = found
        if number in _FULL:
            raise DiskError(
                f"the disk is full while writing {path}; free some space or choose another place"
            ) from error
        other = getattr(error, "filename", None)
        if other is not None and not _belongs(str(other), path):
            raise InputError(f"cannot read {other}: {words}") from error
        raise DiskError(f"cannot write {path}: {words}") from error


def _belongs(name: str, path: Path) -> bool:
    """Whether a name that the disk refused is of what is written or stands above it, not something that was read."""
    return path.name in name or Path(name) in path.resolve().parents


def _refusal(error: BaseException) -> tuple[int | None, str] | None:
    """Number and words of what the disk said, or None where it said nothing.

    numpy says a short write without its number; libraries in Rust (polars, safetensors) say the number in their text
    only; torch raises an error of its own after the disk's.
    """
    text = str(error)
    if "requested and" in text and "written" in text:
        return errno.ENOSPC, text
    said = re.search(r"os error (\d+)", text)
    if said:
        return int(said[1]), os.strerror(int(said[1]))
    if isinstance(error, OSError):
        return error.errno, error.strerror or text
    before = error.__cause__ or error.__context__
    if isinstance(before, OSError) and before.errno in _REFUSED:
        return before.errno, before.strerror or str(before)
    return None


@cache
def _renameat2() -> Any:
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
