"""A department's run that its tests share."""

import pytest

from scenarios.clinic.department import Clinic, Referrals
from scenarios.clinic.simulation import simulate_clinic


@pytest.fixture(scope="session")
def small():
    """A small department with every trouble there is."""
    return Clinic(linacs=2, oncologists=1, planners=3, physicists=1, closed=(32,), downtime=0.06)


@pytest.fixture(scope="session")
def run(small):
    """Its first 150 days."""
    return simulate_clinic(small, Referrals(per_year=420, red=0.2), days=150, seed=4, samples=16)
