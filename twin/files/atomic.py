"""Writing that is whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import InputError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def _explained(error: OSError, path: Path) -> InputError:
    if error.errno in _FULL:
        return InputError(f"the disk is full while writing {path}; free some space or choose another place")
    return InputError(f"cannot write {path}: {error.strerror or error}")


def _open_permissions(path: Path, mode: int) -> None:
    """Give what `tempfile` made for its owner alone the permissions that `mkdir` and `open` would give."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, replace: bool = False) -> Iterator[Path]:
    """Fill a temporary folder beside `path`, which becomes `path` when the block ends without an error.

    Args:
        path: the folder to make.
        replace: whether an existing folder is exchanged for the new one.

    Yields:
        The temporary folder; it is removed when the block raises.

    Raises:
        InputError: `path` exists and is not to be replaced, cannot be written, or the disk is full.
    """
    path = Path(path)
    if path.exists() and not replace and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(f"{path} already exists; choose another name or remove it")
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        _open_permissions(part, 0o777)
        yield part
        if replace and path.exists():
            old = part.with_name(part.name + ".old")
            path.rename(old)
            part.rename(path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            part.rename(path)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        if part is not None and part.exists():
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a temporary file beside `path`, which becomes `path` when the block ends without an error.

    Yields:
        The temporary file's path; it is removed when the block raises.

    Raises:
        InputError: the file cannot be written, or the disk is full.
    """
    path = Path(path)
    part: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        part = Path(name)
        _open_permissions(part, 0o666)
        yield part
        part.replace(path)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
