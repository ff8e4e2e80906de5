"""A twin folder and a small run, made once a session with the real engine."""

import pytest

from scenarios import TreatmentPlan, compare, load
from scenarios.engine.planned_dose import planned_doses
from simulators.planner import template_for
from twin import PatientTwin

PLANS = ("60/30", "55/20")


@pytest.fixture(scope="session")
def patient_folder(dosed_twin, tmp_path_factory):
    path = tmp_path_factory.mktemp("twins") / "patient.twin"
    dosed_twin.save(path)
    return path


@pytest.fixture(scope="session")
def dosed_twin(coarse_twin):
    """The in-silico patient on 3 mm with painted doses of the plans: a comparison takes half a second."""
    planned = planned_doses(coarse_twin, [TreatmentPlan.parse(p) for p in PLANS], method="approximate")
    return planned.twin.fork(doses=planned.doses)


@pytest.fixture(scope="session")
def run_folder(coarse_twin, made_once):
    """A run of the real engine with follow-up CTs, PETs and doses, as it was saved."""

    def make(folder):
        compare(
            coarse_twin,
            [TreatmentPlan.parse(p) for p in PLANS],
            days=95,
            samples=24,
            seed=3,
            scanners=["pet"],
            generator="mechanistic",
            dose="approximate",
        ).save(folder / "small")

    return made_once("run", make) / "small"


@pytest.fixture(scope="session")
def run(run_folder):
    """That run, read back."""
    return load(run_folder)


@pytest.fixture
def quick_plans(monkeypatch):
    """The conventional technique with few beams on a coarse grid."""
    rough = {"directions": 8, "spacing_mm": 8.0, "pixel_mm": 8.0, "rounds": 0}
    found = template_for(2.0).model_copy(update=rough)
    monkeypatch.setattr("simulators.planner.template_for", lambda fraction_gy: found)
    return found


@pytest.fixture
def boxes(thorax):
    scan, contours = thorax()
    return PatientTwin("boxes", scans=(scan,), structures=(contours,))
