"""Settings from YAML files: what a file may hold is bounded before anything is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twin.errors import InputError
from twin.inputs.bounds import shortened

_MOST_BYTES = 256 * 1024  # a hundred times the largest in use
_MOST_PARTS = 20_000  # values, lists and mappings, each counted as often as aliases repeat it
_DEEPEST = 20
_LONGEST = 4000  # characters of one value
_LONGEST_NUMBER = 40


def read_mapping(path: Path) -> dict[str, Any]:
    """A mapping from a YAML file; nothing in it is executed.

    Args:
        path: the file.

    Raises:
        InputError: no such file, not YAML, no mapping of names, or larger, deeper or longer than settings can be.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise InputError(
                f"the file {path} is larger than {_MOST_BYTES // 1024} kB, which no settings are"
            )
        _check_depth(path, yaml.parse(text, Loader=loader))
        reader = loader(text)
        node = reader.get_single_node()
        if node is not None:
            _check_size(path, node)
        data = None if node is None else reader.construct_document(node)
    except OSError as error:
        raise InputError(f"the file {path} cannot be read: {error.strerror}") from None
    except InputError:
        raise
    except (yaml.YAMLError, ValueError):  # ValueError: a date that there is not, text that is not UTF-8
        raise InputError(f"the file {path} is not valid YAML") from None
    if not isinstance(data, dict):
        raise InputError(f"{path} holds no settings: it needs a mapping, NAME: VALUE on each line")
    return data


def _check_depth(path: Path, events: Any) -> None:
    """Refuse what is nested too deep for the functions that follow, and tags, which make other things than values."""
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if depth > _DEEPEST:
            raise InputError(f"{path} is nested deeper than the {_DEEPEST} levels that settings may have")
        if getattr(event, "tag", None) not in (None, "!"):
            raise InputError(f"{path} is YAML with the tag {shortened(event.tag)}; settings are plain values")


def _check_size(path: Path, root: Any) -> None:
    """Refuse more parts than settings have, aliases written out, and values that are too long.

    Raises:
        InputError: also for a mapping whose names are no text, and for a part that contains itself.
    """
    known: dict[int, int] = {}  # node -> parts; 0 while it is being counted

    def size(node: Any) -> int:
        if id(node) in known:
            if not known[id(node)]:
                raise InputError(f"{path} holds a part that contains itself")
            return known[id(node)]
        known[id(node)] = 0
        if node.id == "scalar":
            _check_value(path, node)
            below = 0
        elif node.id == "mapping":
            for name, _ in node.value:
                if name.id != "scalar" or not name.tag.endswith((":str", ":merge")):
                    raise InputError(f"{path} is not settings: {shortened(name.value)} is no name")
            below = sum(size(part) for pair in node.value for part in pair)
        else:
            below = sum(map(size, node.value))
        known[id(node)] = 1 + below
        if known[id(node)] > _MOST_PARTS:
            raise InputError(f"{path} holds more than the {_MOST_PARTS} values that settings may have")
        return known[id(node)]

    size(root)


def _check_value(path: Path, node: Any) -> None:
    longest = _LONGEST if node.tag.endswith(":str") else _LONGEST_NUMBER
    if len(node.value) > longest:
        raise InputError(f"{path} has a value of {len(node.value)} characters: {shortened(node.value)}")
