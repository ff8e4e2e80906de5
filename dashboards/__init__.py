"""Floor 5: the clinician's dashboard. It reads run folders and starts rt-twin; it computes no physics."""

from importlib import import_module

_HOME = {"create_app": "app", "serve": "app"}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
