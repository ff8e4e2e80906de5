"""The cards of generators and scanners: those that come with the software, and whatever weights are installed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.hub import Weights, every

_CARDS = Path(__file__).parents[1] / "assets" / "cards"
_LONGEST = 200_000  # characters of a card
_FACTS = 60
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)  # the hub's metadata, not for reading
_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:|data:|/)([\w.-]+\.(?:png|jpg|jpeg|svg))\)")
_FIXED = "\u00a0"  # a space at which no line breaks
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_INTERVAL = re.compile(
    r"\[(-?\d[^\[\]]*)\](?![(\[:])"
)  # [15.7 %, 23.0 %], which the page would take for a link
_HEAD = re.compile(
    r"# (.+)\n<!-- (.+) -->\n+(.*)", re.DOTALL
)  # title and kind of a built-in card, and its text
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
        weights: where they lie and what they translate; None for what needs none.
    """

    name: str
    title: str
    kind: str
    text: str
    facts: tuple[tuple[str, str], ...] = ()
    weights: Weights | None = None


def built_in() -> list[Card]:
    """A card for each file in assets/cards: of the generators and scanners that need no weights."""
    cards = []
    for file in sorted(_CARDS.glob("*.md")):
        title, kind, text = _HEAD.fullmatch(_read(file)).groups()  # type: ignore[union-attr]
        cards.append(Card(file.stem, title, kind, text))
    return cards


def learned() -> list[Card]:
    """A card for each folder of weights; a folder without a card says so in its own."""
    cards = []
    for name, weights in _weights().items():
        folder = weights.folder
        text = _FRONT.sub("", _read(folder / "README.md"))
        found = _TITLE.match(text)
        title = found[1].strip() if found else name
        text = _TITLE.sub("", text) or "*There is no README.md beside these weights.*"
        text = _INTERVAL.sub(lambda found: f"\\[{found[1].replace(' ', _FIXED)}\\]", _COMMENT.sub("", text))
        text = text.replace(" %", f"{_FIXED}%")
        text = _PICTURE.sub(rf"![\1](/data/weights/{name}/\2)", text)
        said = _learned_from(weights)
        text = f"**{said[0].upper()}{said[1:]}.**\n\n{text}"
        facts = _facts(folder / "config.json")
        cards.append(Card(name, title, _kind(dict(facts)), text, facts, weights))
    return cards


def learned_from(generators: Iterable[str]) -> dict[str, str]:
    """What the learned ones among some generators learned from, by the name that stands beside their images.

    Args:
        generators: name and version, as a run's images have them.
    """
    known = {weights.name: _learned_from(weights) for weights in every()}
    return {g: known[g.split(" ")[0]] for g in set(generators) if g.split(" ")[0] in known}


def _learned_from(weights: Weights) -> str:
    """In words: weights say it in `learned_from` of their `config.json`, or nobody knows."""
    told = dict(_facts(weights.folder / "config.json")).get("learned_from")
    return f"learned from {told}" if told else "it is not said what it learned from"


def picture(name: str, file: str) -> Path | None:
    """A picture beside a model's card; names are compared with what is there, never joined to a path.

    Args:
        name: of the weights: TASK/NAME.
        file: its name in their folder.
    """
    found = _weights().get(name)
    for path in found.folder.iterdir() if found else ():
        if path.name == file and path.suffix in (".png", ".jpg", ".jpeg") and not path.is_symlink():
            return path
    return None


def _weights() -> dict[str, Weights]:
    """All installed weights by `TASK/NAME`, a user's own in the place of shipped ones of their name."""
    return {weights.address: weights for weights in every()}


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST)
    except OSError:
        return ""


def _facts(path: Path) -> tuple[tuple[str, str], ...]:
    """The configuration, flattened: `a.b` for an entry of an entry."""
    rows: list[tuple[str, str]] = []

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else str(key))
        elif value is not None and not name.startswith("guard."):  # its numbers say nothing to people
            rows.append((name, ", ".join(map(_named, value)) if isinstance(value, list) else str(value)))

    try:
        walk(json.loads(_read(path) or "{}"), "")
    except (ValueError, RecursionError):
        return (("config.json", "cannot be read"),)
    return tuple(rows[:_FACTS])


def _named(value: Any) -> str:
    return str(value.get("name", value)) if isinstance(value, dict) else str(value)


def _kind(facts: dict[str, str]) -> str:
    task = next((facts[k] for k in ("task.name", "role", "use") if k in facts), "learned")
    family = next((facts[k] for k in ("family", "kind", "method", "_class_name") if k in facts), "")
    return ", ".join(filter(None, (task, family)))
