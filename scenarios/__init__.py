"""Floor 4: plans, the scenario engine, comparisons, results and the command line."""

from importlib import import_module
from pathlib import Path
from runpy import run_path

run_path(str(Path(__file__).parents[1] / "twin" / "rooms.py"))  # by its path: a room may be hidden

_HOME = {
    "Case": "clinic.department",
    "Chemotherapy": "plans.plan",
    "Clinic": "clinic.department",
    "ClinicRun": "clinic.run",
    "Comparison": "records.run",
    "Decision": "plans.policy",
    "FolderCohort": "study.cohort",
    "Imaging": "plans.plan",
    "Immunotherapy": "plans.plan",
    "Gap": "plans.scenario",
    "Phase": "plans.plan",
    "Policy": "plans.policy",
    "Referrals": "clinic.department",
    "SampledCohort": "study.cohort",
    "Scenario": "plans.scenario",
    "Seen": "plans.policy",
    "Study": "study.parts",
    "TableCohort": "study.cohort",
    "TreatmentPlan": "plans.plan",
    "clinic_from_yaml": "clinic.department",
    "compare": "comparison.steps",
    "load": "records.run",
    "load_clinic": "clinic.run",
    "load_study": "study.parts",
    "outside_context": "plans.context",
    "preset": "plans.plan",
    "realise": "engine.courses",
    "run_study": "study.parts",
    "scenario_preset": "plans.scenario",
    "simulate_clinic": "clinic.simulation",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
