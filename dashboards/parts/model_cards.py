"""The cards of generators and scanners: those that come with the software, and whatever weights are installed."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_ASSETS = Path(__file__).parents[1] / "assets"
_LONGEST = 200_000  # characters of a card
_FACTS = 60
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)  # the hub's metadata, not for reading
_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:|data:|/)([\w.-]+\.(?:png|jpg|jpeg|svg))\)")
_FIXED = "\u00a0"  # a space at which no line breaks
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INTERVAL = re.compile(
    r"\[(-?\d[^\[\]]*)\](?![(\[:])"
)  # [15.7 %, 23.0 %], which the page would take for a link
_TITLE = re.compile(r"\A\s*# (.+)\n")


@dataclass(frozen=True)
class Card:
    """What is known of one generator or scanner.

    Args:
        name: by which `--generator` or `--scanner` takes it.
        title: for people.
        kind: what it is, in a few words.
        text: the card, Markdown.
        facts: entries of its configuration, name and value.
        folder: where its weights lie; None for what needs none.
    """

    name: str
    title: str
    kind: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()
    folder: Path | None = field(default=None, compare=False)


def built_in() -> list[Card]:
    """The generator and the scanner that need no weights."""
    return [
        Card(
            "mechanistic",
            "Mechanistic follow-up CT",
            "generator, equations",
            _read(_ASSETS / "card-mechanistic.md"),
        ),
        Card("pet", "Virtual FDG-PET", "scanner, physical", _read(_ASSETS / "card-pet.md")),
    ]


def learned() -> list[Card]:
    """A card for each folder of weights; a folder without a card says so in its own."""
    cards = []
    for folder in _weight_folders():
        text = _FRONT.sub("", _read(folder / "README.md"))
        found = _TITLE.match(text)
        title = found[1].strip() if found else folder.name
        text = _TITLE.sub("", text) or "*There is no README.md beside these weights.*"
        text = _INTERVAL.sub(lambda found: f"\\[{found[1].replace(' ', _FIXED)}\\]", _COMMENT.sub("", text))
        text = text.replace(" %", f"{_FIXED}%")
        text = _PICTURE.sub(rf"![\1](/data/weights/{folder.name}/\2)", text)
        facts = _facts(folder / "config.json")
        cards.append(Card(folder.name, title, _kind(dict(facts)), text, facts, folder))
    return cards


def picture(name: str, file: str) -> Path | None:
    """A picture beside a model's card; names are compared with what is there, never joined to a path."""
    for folder in _weight_folders():
        if folder.name == name:
            for path in folder.iterdir():
                if path.name == file and path.suffix in (".png", ".jpg", ".jpeg") and not path.is_symlink():
                    return path
    return None


def _weight_folders() -> list[Path]:
    """Folders of weights that come with the software, and the user's own in RT_TWIN_WEIGHTS; one a name."""
    spec = find_spec("models")
    roots = [Path(p) / "weights" for p in (spec.submodule_search_locations or ())] if spec else []
    if own := os.environ.get("RT_TWIN_WEIGHTS"):
        roots.insert(0, Path(own))
    found: dict[str, Path] = {}
    for root in roots:
        if root.is_dir():
            for folder in sorted(root.iterdir()):
                if (folder / "config.json").is_file() or (folder / "README.md").is_file():
                    found.setdefault(folder.name, folder)
    return list(found.values())


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""


def _facts(path: Path) -> tuple[tuple[str, str], ...]:
    """The configuration, flattened: `a.b` for an entry of an entry."""
    try:
        config = json.loads(_read(path) or "{}")
    except ValueError:
        return (("config.json", "cannot be read"),)
    rows: list[tuple[str, str]] = []

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else str(key))
        elif value is not None:
            rows.append((name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)))

    walk(config, "")
    return tuple(rows[:_FACTS])


def _kind(facts: dict[str, str]) -> str:
    role = next((facts[k] for k in ("role", "task", "use") if k in facts), "learned")
    method = next((facts[k] for k in ("kind", "family", "method", "_class_name") if k in facts), "")
    return ", ".join(filter(None, (role, method)))
