"""Floor 2: the translation engine, task times family. Knows tensors, not patients."""

from importlib import import_module

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
