"""Floor 4: plans, the scenario engine, comparisons, results and the command line."""

from importlib import import_module

_HOME = {
    "Case": "clinic",
    "Chemotherapy": "plan",
    "Clinic": "clinic",
    "ClinicRun": "clinic_run",
    "Comparison": "results",
    "Decision": "policy",
    "FolderCohort": "cohort",
    "Imaging": "plan",
    "Immunotherapy": "plan",
    "Gap": "scenario",
    "Phase": "plan",
    "Policy": "policy",
    "Referrals": "clinic",
    "SampledCohort": "cohort",
    "Scenario": "scenario",
    "Seen": "policy",
    "Study": "study",
    "TableCohort": "cohort",
    "TreatmentPlan": "plan",
    "clinic_from_yaml": "clinic",
    "compare": "comparison",
    "load": "results",
    "load_clinic": "clinic_run",
    "load_study": "study",
    "outside_context": "context",
    "preset": "presets",
    "realise": "engine",
    "run_study": "study",
    "scenario_preset": "presets",
    "simulate_clinic": "clinic",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
