"""A radiotherapy department day by day: what its queues do to treatment.

Patients arrive, are scanned, contoured, planned and checked, and are given appointments on a linac; breakdowns,
absences and replans move fractions, and what was moved is made up as each patient's scenario says. Time lost is
priced in tumour control by the engine's own kinetics.
"""

from __future__ import annotations

from scenarios.clinic.control import with_control
from scenarios.clinic.department import Clinic, Referrals
from scenarios.clinic.flow import Flow
from scenarios.clinic.run import ClinicRun
from scenarios.clinic.tables import tables
from twin import InputError

_LONGEST_DAYS = 3660


def simulate_clinic(
    clinic: Clinic | None = None,
    referrals: Referrals | None = None,
    *,
    days: int = 365,
    warm_up_days: int = 0,
    seed: int = 0,
    samples: int = 64,
) -> ClinicRun:
    """A department from an empty start to its last day.

    A patient's own chance (when he comes, what he has, what he misses) depends on the seed and his number only:
    two departments see the same patients.

    Args:
        clinic: the department.
        referrals: who comes.
        days: how long.
        warm_up_days: days before these, in which the department fills; the statistics leave them out.
        seed: root of all chance.
        samples: of the tumour's parameters, for the control that delays cost; 0 leaves it out.

    Raises:
        InputError: no day, or too many.
    """
    clinic, referrals = clinic or Clinic(), referrals or Referrals()
    whole = days + warm_up_days
    if days < 1 or warm_up_days < 0 or whole > _LONGEST_DAYS:
        asked = f"{days} days" + (f" after {warm_up_days}" if warm_up_days else "")
        raise InputError(f"a clinic cannot be simulated for {asked}; give 1 to {_LONGEST_DAYS} in all")
    if seed < 0 or samples < 0:
        raise InputError(f"seed and samples of a clinic cannot be negative, not {min(seed, samples)}")
    flow = Flow(clinic, referrals, whole, seed)
    flow.run()
    if samples:
        with_control(flow.patients, whole, samples, seed)
    return ClinicRun(clinic, referrals, whole, seed, tables(flow, warm_up_days), warm_up_days, samples)
