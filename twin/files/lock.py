"""Writers take turns: whoever holds a path is its only writer, and puts right what a killed one left beside it.

Beside `NAME` may lie, hidden, `.NAME.rt-twin-lock` (held by a live writer), `.NAME.rt-twin-part` (what it writes) and,
where two folders cannot be exchanged in one step, `.NAME.rt-twin-old` (what it replaces). The system itself lets go of
the lock of a process that died, so that a lock's file alone holds nobody up.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from twin.errors import InputError
from twin.files.disk import flush, refusals_explained

PATIENCE_S = 60.0  # a twin is changed in a few seconds, so that two writers need not know of each other
BRIEFLY_S = 2.0  # for what takes minutes or hours to write
_HIDDEN = re.compile(r"\.(.+)\.rt-twin-(?:lock|part|old)")
_unfinished: set[Path] = set()  # folders that this process fills: nobody else sees what lies in them


def hidden(path: Path, kind: str) -> Path:
    """Where the `lock`, `part` or `old` of a path lies."""
    return path.with_name(f".{path.name}.rt-twin-{kind}")


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Let what is written into a folder stand there at once, because the folder itself does not stand yet."""
    _unfinished.add(folder)
    try:
        yield
    finally:
        _unfinished.discard(folder)


def is_unfinished(path: Path) -> bool:
    """Whether a path is, or lies in, a folder that this process is filling."""
    return not _unfinished.isdisjoint((path, *path.parents))


@contextmanager
def held(path: str | os.PathLike[str], *, patience_s: float | None = None) -> Iterator[None]:
    """Be the only writer of a file or folder; one thread may hold it several times.

    What a killed writer left there is removed first, and an old folder that it moved aside is put back.

    Args:
        path: what is read, changed and written; it need not exist, nor need its parents.
        patience_s: how long to wait for another writer, in place of the usual time.

    Raises:
        InputError: another process holds it for longer, or nothing can be written there.
    """
    real = Path(os.path.realpath(path))
    if is_unfinished(real):
        yield
        return
    if not real.name:
        raise InputError(f"cannot write {path}: it is the root of all folders")
    with _parents(real, Path(path)):
        file = hidden(real, "lock")
        lock = FileLock(file, is_singleton=True)
        with refusals_explained(Path(path)):
            try:
                lock.acquire(timeout=PATIENCE_S if patience_s is None else patience_s)
            except Timeout:
                if not os.path.lexists(file):  # no file can be made there, and filelock waits for one
                    raise InputError(f"cannot write {path}: nothing can be made there") from None
                raise InputError(
                    f"another rt-twin is writing {path}; run the same command again when it has ended"
                ) from None
        try:
            if lock.lock_counter == 1:
                settle(real)
            yield
        finally:
            if lock.lock_counter == 1:  # whoever waits for it sees that the file is gone, and makes a new one
                file.unlink(missing_ok=True)
            lock.release()


def settle(path: Path) -> None:
    """Put right what lies beside a path that the caller holds: an old folder goes back where none took its place."""
    part, old = hidden(path, "part"), hidden(path, "old")
    if os.path.lexists(old) and not os.path.lexists(path):
        old.rename(path)
        flush(path.parent)
    remove(part)
    remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder as far as it can be; nothing happens where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def put_back(path: Path) -> None:
    """Put back a folder whose writer was killed while it moved it aside; for whoever wants to read it."""
    if os.path.lexists(hidden(path, "old")):
        with suppress(InputError), held(path):
            pass


def settle_below(folder: str | os.PathLike[str], depth: int | None = None) -> None:
    """Put right what killed writers left in a folder; what a live one is writing is let alone.

    Args:
        folder: where to look; nothing happens where it cannot be read or written.
        depth: of folders below it that are looked into; all where None.
    """
    for name, folders, files in os.walk(folder):
        found = {match[1] for entry in (*folders, *files) if (match := _HIDDEN.fullmatch(entry))}
        for own in found:
            with suppress(InputError), held(Path(name, own), patience_s=0.0):
                pass
        deep = len(Path(name).relative_to(folder).parts)
        folders[:] = [f for f in folders if not _HIDDEN.fullmatch(f) and (depth is None or deep < depth)]


@contextmanager
def _parents(real: Path, path: Path) -> Iterator[None]:
    """Make the folders above a path; those that nothing came into are removed again."""
    missing = [folder for folder in real.parents if not os.path.exists(folder)]
    with refusals_explained(path):
        real.parent.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            flush(folder.parent)
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
