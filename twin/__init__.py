"""Floor 1: the patient twin and its parts."""

from importlib import import_module
from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

_HOME = {
    "Belief": "belief",
    "ClinicalRecord": "clinical",
    "DoseGrid": "dose",
    "Fraction": "dose",
    "Geometry": "geometry",
    "InputError": "errors",
    "Observation": "observation",
    "PatientTwin": "patient",
    "Registration": "scan",
    "Scan": "scan",
    "Structure": "structures",
    "StructureSet": "structures",
    "Volume": "volume",
    "import_patient": "importer",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
