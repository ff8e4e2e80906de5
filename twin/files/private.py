"""Where identified data lie while they are worked on: nobody else may look, and nothing stays behind.

Each owner has a folder of its own in one place of the user, and holds a lock beside it while it lives. The system
frees the lock however the owner ends, so that the next start tells what was left behind from what is in use.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from twin.errors import InputError

if TYPE_CHECKING:
    from filelock import FileLock

_TURN = "turn.lock"  # who makes a folder and who sweeps take turns
_KEPT, _KEPT_S = "kept-", 7 * 86_400.0


class PrivateFolder:
    """A folder for identified data, removed at the end of its block, of the object or of the process.

    Args:
        path: where it lies; its name says nothing.

    Raises:
        InputError: the place of the user belongs to somebody else, or nothing can be written there.

    Example:
        >>> with PrivateFolder() as folder:
        ...     _ = (folder.path / "scan").write_bytes(b"1")
        >>> folder.path.exists()
        False
    """

    def __init__(self) -> None:
        from filelock import FileLock

        try:
            home = _home(make=True)
            with FileLock(home / _TURN):
                _sweep(home)
                self.path = Path(tempfile.mkdtemp(prefix="", dir=home))
                held = FileLock(_lock_of(self.path), thread_local=False)
                held.acquire(timeout=0)
        except OSError as error:
            raise InputError(
                f"no private folder can be made in {tempfile.gettempdir()}: {error.strerror}; set TMPDIR to "
                "another place"
            ) from error
        self._end = weakref.finalize(self, _remove, self.path, held, os.getpid())

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the folder with all that it holds; doing so twice is no harm."""
        self._end()


@contextmanager
def kept_folder(key: str) -> Iterator[Path]:
    """A folder for identified data that are long to get: removed where the block ends well, else kept for a week.

    Args:
        key: of what it is for, a word that names nobody; the same key finds the folder again.

    Raises:
        InputError: another process works with it, or it cannot be made.
    """
    from filelock import FileLock, Timeout

    try:
        home = _home(make=True)
        with FileLock(home / _TURN):
            _sweep(home)
            folder = home / f"{_KEPT}{key}"
            held = FileLock(_lock_of(folder), thread_local=False)
            held.acquire(timeout=0)
            folder.mkdir(mode=0o700, exist_ok=True)
    except Timeout:
        raise InputError("another command is fetching the same; wait for it") from None
    except OSError as error:
        raise InputError(
            f"no private folder can be made in {tempfile.gettempdir()}: {error.strerror}"
        ) from error
    try:
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if not folder.exists():
            with suppress(OSError):
                _lock_of(folder).unlink(missing_ok=True)
        held.release()


def sweep() -> None:
    """Remove what processes left behind that were killed; what belongs to a living one stays."""
    with suppress(OSError, InputError):
        home = _home(make=False)
        if any(path.is_dir() for path in home.iterdir()):
            from filelock import FileLock  # takes longer than all else here

            with FileLock(home / _TURN):
                _sweep(home)


def _home(*, make: bool) -> Path:
    """The user's place, for the user alone.

    Raises:
        InputError: somebody else made it.
        OSError: it cannot be made, or is not there.
    """
    home = Path(tempfile.gettempdir()) / f"rt-twin-{os.getuid()}"
    if make:
        home.mkdir(mode=0o700, exist_ok=True)
    found = home.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise InputError(f"{home} belongs to somebody else; set TMPDIR to a folder of your own")
    if stat.S_IMODE(found.st_mode) != 0o700:
        home.chmod(0o700)
    return home


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _sweep(home: Path) -> None:
    """Remove the folders whose owners live no more, and locks of folders that are gone."""
    from filelock import FileLock, Timeout

    for path in sorted(home.iterdir()):
        lock = path if path.suffix == ".lock" else _lock_of(path)
        if path.name == _TURN or (path is lock and path.with_suffix("").exists()):
            continue
        if path.name.startswith(_KEPT) and path is not lock and time.time() - path.stat().st_mtime < _KEPT_S:
            continue
        with suppress(Timeout, OSError), FileLock(lock, timeout=0):
            if path is not lock:
                shutil.rmtree(path, ignore_errors=True)
            lock.unlink(missing_ok=True)


def _remove(path: Path, held: FileLock, owner: int) -> None:
    """Remove a folder; a child that was forked from its owner leaves it alone."""
    if os.getpid() != owner:
        return
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        _lock_of(path).unlink(missing_ok=True)
    held.release()
