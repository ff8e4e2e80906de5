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
from scenarios.records.budget import afford_clinic
from twin import InputError
from twin.inputs.bounds import bounded
from twin.inputs.quantities import ClinicDays, Seed, SomeSamples, WarmUpDays

_LONGEST_DAYS = 3660


@bounded
def simulate_clinic(
    clinic: Clinic | None = None,
    referrals: Referrals | None = None,
    *,
    days: ClinicDays = 365,
    warm_up_days: WarmUpDays = 0,
    seed: Seed = 0,
    samples: SomeSamples = 64,
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
    if whole > _LONGEST_DAYS:
        raise InputError(
            f"a clinic cannot be simulated for {days} days after {warm_up_days}; give {_LONGEST_DAYS} in all"
        )
    afford_clinic(referrals.per_year * whole / 365, samples)
    flow = Flow(clinic, referrals, whole, seed)
    flow.run()
    if samples:
        with_control(flow.patients, whole, samples, seed)
    return ClinicRun(clinic, referrals, whole, seed, tables(flow, warm_up_days), warm_up_days, samples)
