"""Floor 5: the clinician's dashboard. It reads run folders and starts rt-twin; it computes no physics."""

from importlib import import_module
from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

_HOME = {"create_app": "app", "serve": "app"}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
