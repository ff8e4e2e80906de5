"""Whatever is asked for by name: where it lies, loaded when it is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from twin.errors import InputError, missing

GROUPS = "rt_twin"  # entry-point groups are rt_twin.families, rt_twin.tasks, ...


class Registry(Mapping[str, Any]):
    """Names of one kind of part, each with the place that it is loaded from.

    A part of this project is a file in a folder: the file's name, with dashes for underscores, is the part's name, and
    the file binds the part to a name in capitals, the kind's. Files of the folder that do not are no parts. Other
    installed packages offer theirs as entry points. Nothing is imported before it is asked for.

    Args:
        kind: what the parts are, in the singular, e.g. "family"; a file binds its part as `FAMILY`.
        group: the last word of the entry-point group: `rt_twin.GROUP`.
        folder: the package whose files are the parts of this project.

    Example:
        >>> families = Registry("family", "families", "models.families")
        >>> "bridge" in families
        True
    """

    def __init__(self, kind: str, group: str, folder: str) -> None:
        self.kind, self.group, self.folder = kind, f"{GROUPS}.{group}", folder

    def __getitem__(self, name: str) -> Any:
        """The part of a name.

        Raises:
            InputError: there is none of this name, or it cannot be loaded.
        """
        if name not in self._places:
            raise InputError(f"unknown {self.kind} {name!r}; there are: {', '.join(self)}")
        return self._load(name)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def made(self, asked: Any, parts: Sequence[str]) -> Any:
        """A part of its own class: a new one of a name; what is given itself is taken as it is.

        Args:
            asked: a name, or the part.
            parts: what such a part has.

        Raises:
            InputError: there is none of this name, or what was given is none.
        """
        if isinstance(asked, str):
            return self[asked]()
        lacking = ", ".join(part for part in parts if not hasattr(asked, part))
        if isinstance(asked, type) or lacking:
            why = f"it has no {lacking}" if lacking else "it is a class, of which one is to be made"
            raise InputError(f"{asked!r} cannot be the {self.kind}: {why}")
        return asked

    def source(self, name: str) -> str:
        """Where a part lies, as `module:attribute`."""
        return self._places[name].value

    @cached_property
    def _places(self) -> dict[str, EntryPoint]:
        own = {e.name: e for e in self._files()}
        offered = sorted(entry_points(group=self.group), key=lambda e: (e.name, e.value))
        others: dict[str, EntryPoint] = {}
        for entry in offered:
            if entry.name not in own:  # a built-in name means the same thing on every machine
                others.setdefault(entry.name, entry)
        return dict(sorted(own.items())) | others

    def _files(self) -> Iterator[EntryPoint]:
        spec = find_spec(self.folder)
        marker = re.compile(rf"^{self._bound}\b", re.MULTILINE)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            for file in sorted(Path(place).glob("*.py")):
                if marker.search(file.read_text(encoding="utf-8")):
                    name = file.stem.strip("_").replace("_", "-")
                    yield EntryPoint(name, f"{self.folder}.{file.stem}:{self._bound}", self.group)

    @property
    def _bound(self) -> str:
        return self.kind.upper().replace(" ", "_")

    def _load(self, name: str) -> Any:
        entry = self._places[name]
        try:
            return getattr(import_module(entry.module), entry.attr)
        except ImportError as error:
            lost = f"{self.kind} {name!r} cannot be loaded:"
            lacks = isinstance(error, ModuleNotFoundError)
            raise (missing(f"{lost} it needs", error) if lacks else InputError(f"{lost} {error}")) from None
        except AttributeError:
            raise InputError(
                f"{self.kind} {name!r} cannot be loaded: {entry.module} holds no {entry.attr}"
            ) from None


FAMILIES = Registry("family", "families", "models.families")  # name -> a class of `models.family.Family`
