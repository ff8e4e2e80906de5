"""Zips from strangers: bounded before they are unpacked, and nothing leaves the target folder."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import InputError
from twin.files.private import PrivateFolder
from twin.nomenclature.labels import shown_path

MAX_FILES = 50_000
MAX_BYTES = 16 * 1024**3
_CHUNK = 1 << 20
# Scans shrink to a half or a quarter and masks to a hundredth; what shrinks further is no patient's data.
_MOST_PER_BYTE, _ALWAYS_BYTES = 200, 1 << 28


@contextmanager
def unpacked(src: str | os.PathLike[str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder that holds a source's files: a folder itself, or a zip's content in a private folder.

    Members are written flat under numbers, so that no name in the zip decides where a file goes or lies on the disk.

    Args:
        src: a folder or a zip file.

    Yields:
        The folder, and for each number the name in the zip; a private folder is removed at the end.

    Raises:
        InputError: no such file, not a zip, a damaged or encrypted zip, or one with too many files or bytes.
    """
    src = Path(src)
    if src.is_dir():
        yield src, {}
        return
    if not src.is_file():
        raise InputError(f"no such file or folder: {src}")
    with PrivateFolder() as private:
        yield private.path, _unpack(src, private.path)


def _unpack(src: Path, folder: Path) -> dict[str, str]:
    said, names = shown_path(src), {}
    try:
        with zipfile.ZipFile(src) as packed:
            members = [m for m in packed.infolist() if not m.is_dir()]
            _check(src, members, folder)
            left = min(MAX_BYTES, sum(m.file_size for m in members))
            for number, member in enumerate(members):
                names[f"{number:06d}"] = member.filename
                with packed.open(member) as source, (folder / f"{number:06d}").open("wb") as target:
                    while chunk := source.read(_CHUNK):
                        left -= len(chunk)
                        if left < 0:  # the directory of a hostile zip may lie about sizes
                            raise InputError(f"{said} unpacks to more than it says")
                        target.write(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        if isinstance(error, RuntimeError) and "password" in str(error):
            raise InputError(f"{said} is encrypted; unpack it first and give the folder") from error
        raise InputError(
            f"{said} is not a zip file or is damaged; give a DICOM folder or a whole zip"
        ) from error
    except OSError as error:
        raise InputError(f"cannot unpack {said}: {error.strerror or 'the disk does not answer'}") from error
    return names


def _check(src: Path, members: list[zipfile.ZipInfo], folder: Path) -> None:
    said = shown_path(src)
    if len(members) > MAX_FILES:
        raise InputError(f"{said} holds {len(members)} files; at most {MAX_FILES} are unpacked")
    total = sum(m.file_size for m in members)
    if total > MAX_BYTES:
        raise InputError(
            f"{said} unpacks to {total / 1024**3:.1f} GiB; at most {MAX_BYTES >> 30} are unpacked"
        )
    if total > src.stat().st_size * _MOST_PER_BYTE + _ALWAYS_BYTES:
        raise InputError(
            f"{said} unpacks to {total / 1024**3:.1f} GiB, {total // max(1, src.stat().st_size)} times its size, "
            "which no scan does"
        )
    if total > shutil.disk_usage(folder).free:
        raise InputError(f"no room to unpack {said} ({total / 1024**3:.2f} GiB) under {folder.parent}")
