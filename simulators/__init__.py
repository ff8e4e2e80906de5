"""Floor 3: radiobiology, tumour kinetics, anatomy, dose, virtual treatment and virtual scanners."""

from importlib import import_module

_HOME = {
    "Course": "course",
    "Event": "course",
    "FollowUp": "treatment",
    "Key": "chance",
    "Kinetics": "kinetics",
    "Purpose": "chance",
    "TreatmentRequest": "treatment",
    "TumourState": "kinetics",
    "TumourView": "treatment",
    "VirtualScanner": "scanner",
    "VirtualTreatment": "treatment",
    "generator_named": "treatment",
    "scanner_named": "scanner",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
