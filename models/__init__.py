"""Floor 2: the translation engine, task times family. Knows tensors, not patients."""

from importlib import import_module
from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

_HOME = {
    "Batch": "batch",
    "Channel": "channel",
    "Condition": "condition",
    "FAMILIES": "families",
    "Family": "family",
    "FamilyConfig": "family",
    "Registry": "registry",
    "Task": "task",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
