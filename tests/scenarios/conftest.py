"""A twin folder and a small run, made once a session with the real engine."""

import pytest

from scenarios import TreatmentPlan, compare

PLANS = ("60/30", "55/20")


@pytest.fixture(scope="session")
def patient_folder(phantom_twin, tmp_path_factory):
    path = tmp_path_factory.mktemp("twins") / "patient.twin"
    phantom_twin.save(path)
    return path


@pytest.fixture(scope="session")
def run(phantom_twin):
    plans = [TreatmentPlan.parse(p) for p in PLANS]
    return compare(
        phantom_twin,
        plans,
        days=95,
        samples=24,
        seed=3,
        scanners=["pet"],
        generator="mechanistic",
        dose="approximate",
    )


@pytest.fixture(scope="session")
def run_folder(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "small"
    run.save(path)
    return path
