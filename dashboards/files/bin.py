"""The bin of the opened folder: what is deleted is moved there whole, and put back from there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboards.access.audit import noted
from dashboards.access.visitor import hold_runner
from dashboards.files.entry import Entry
from dashboards.files.uploads import plain_name
from twin.errors import InputError
from twin.files.atomic import atomic_file, move
from twin.files.disk import refusals_explained
from twin.files.json_file import read_json
from twin.files.lock import BRIEFLY_S, held, remove

_NOTE = "deleted.json"
_ENDING = ".twin"


@dataclass(frozen=True)
class Deleted:
    """Something in the bin.

    Args:
        token: names it there.
        key: what it was called in the opened folder.
    """

    token: str
    key: str


class Bin:
    """The bin of a folder: `.bin` in it, a folder for each thing that was deleted, which outlives the server.

    Moving is one step of the file system, so that of two browsers that delete the same thing one is told that it is
    gone, and nothing is ever half in the bin.

    Args:
        root: the opened folder.
    """

    def __init__(self, root: Path) -> None:
        self._root, self._place = root, root / ".bin"

    def delete(self, entry: Entry) -> str:
        """Move a run, twin, study or department into the bin.

        Args:
            entry: what is deleted.

        Returns:
            Its token.

        Raises:
            InputError: it is the opened folder itself, it has gone, something writes into it, or it cannot be moved.
        """
        with self._movable(entry):
            kept = self._place / secrets.token_hex(8)
            with atomic_file(kept / _NOTE) as part:
                part.write_text(json.dumps({"key": entry.key}), encoding="utf-8")
            _move(entry.path, kept / entry.path.name)
        noted("deleted", entry.key)
        return kept.name

    def listed(self) -> list[Deleted]:
        """What lies in the bin, the newest first."""
        notes = sorted(self._place.glob(f"*/{_NOTE}"), key=lambda note: -note.stat().st_mtime)
        found = ((note.parent, self._key(note)) for note in notes)
        return [Deleted(kept.name, key) for kept, key in found if (kept / Path(key).name).is_dir()]

    def put_back(self, token: str) -> str:
        """Put something back where it was.

        Args:
            token: of what is deleted.

        Returns:
            Its key.

        Raises:
            InputError: it is no longer in the bin, or its name has been taken since.
        """
        hold_runner()
        found = next((one for one in self.listed() if one.token == token), None)
        if found is None:
            raise InputError("it is no longer in the bin: somebody has put it back")
        target = self._root / found.key
        with held(target, patience_s=BRIEFLY_S), refusals_explained(target):
            _move(self._place / token / target.name, target)
        remove(self._place / token)
        noted("put back", found.key)
        return found.key

    def give_name(self, entry: Entry, name: str) -> str:
        """Give a run, twin, study or department another name in its folder.

        Args:
            entry: what is renamed.
            name: the new one, without folders; a twin's keeps its ending.

        Returns:
            Its new key.

        Raises:
            InputError: no usable name, one that is taken, or it cannot be moved.
        """
        ending = _ENDING if entry.path.suffix == _ENDING else ""
        plain = plain_name(name.removesuffix(ending))
        if not plain:
            raise InputError("give a name of letters and digits")
        target = entry.path.with_name(f"{plain}{ending}")
        if target == entry.path:
            return entry.key
        with self._movable(entry), held(target, patience_s=BRIEFLY_S):
            _move(entry.path, target)
        noted("renamed", f"{entry.key} to {target.name}")
        return target.relative_to(self._root).as_posix()

    @contextmanager
    def _movable(self, entry: Entry) -> Iterator[None]:
        hold_runner()
        if entry.path == self._root:
            raise InputError(
                f"{entry.key} is the opened folder itself; open the folder above it to change its name"
            )
        with held(entry.path, patience_s=BRIEFLY_S), refusals_explained(entry.path):
            yield

    def _key(self, note: Path) -> str:
        """Where something lay, below the opened folder: never above it, whatever the note says."""
        try:
            key = Path(str(read_json(note)["key"]))
        except (InputError, KeyError, TypeError):
            return note.parent.name
        return note.parent.name if key.is_absolute() or ".." in key.parts else key.as_posix()


def _move(source: Path, target: Path) -> None:
    """Rename a folder, never over another one.

    Raises:
        InputError: it has gone, or the name is taken.
    """
    if not source.is_dir():
        raise InputError(f"{source.name} is no longer there: somebody has deleted or renamed it")
    if os.path.lexists(target):
        raise InputError(f"{target.name} is already there; choose another name")
    move(source, target)
