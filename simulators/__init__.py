"""Floor 3: radiobiology, tumour kinetics, anatomy, dose, virtual treatment and virtual scanners."""

from importlib import import_module
from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

_HOME = {
    "Course": "core.course",
    "Event": "core.course",
    "FollowUp": "core.treatment",
    "Key": "core.chance",
    "Kinetics": "core.kinetics",
    "OutcomeModel": "core.outcome",
    "Purpose": "core.chance",
    "ScanRequest": "core.scanner",
    "TreatmentRequest": "core.treatment",
    "TumourModel": "core.kinetics",
    "TumourState": "core.kinetics",
    "TumourView": "core.treatment",
    "VirtualScanner": "core.scanner",
    "VirtualTreatment": "core.treatment",
    "generator_named": "names.generators",
    "kinetics_named": "names.kinetics",
    "outcome_model_named": "names.outcomes",
    "scanner_named": "names.scanners",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
