"""Floor 2: neural image-to-image models. Knows tensors, not patients."""

from importlib import import_module

_HOME = {"CopyTranslator": "families.copy", "Translator": "families.translator"}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
