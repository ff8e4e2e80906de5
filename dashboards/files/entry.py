"""One thing in the opened folder: its key, its place, and what may be read of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from twin.errors import InputError


@dataclass(frozen=True)
class Entry:
    """One run, twin, study or department in the opened folder.

    Args:
        key: how pages and URLs name it: its path below the opened folder.
        path: where it lies.
        changed: time of the last change, seconds since 1970.
    """

    key: str
    path: Path
    changed: float

    @property
    def version(self) -> str:
        """Changes whenever the folder's content does, so that browsers may keep what they fetched."""
        return blake2b(os.fsencode(self.path) + repr(self.changed).encode(), digest_size=6).hexdigest()

    def inside(self, name: str) -> Path:
        """A path that the folder's record names, which must lie in the folder.

        Args:
            name: of the file, relative to the folder.

        Raises:
            InputError: it lies elsewhere.
        """
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise InputError(f"the record of {self.path.name} names a file outside the run: {name}")
        return path
