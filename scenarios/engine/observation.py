"""Add what was measured, and what was delivered before it, to a twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scenarios.engine.courses import remaining
from scenarios.engine.planned_dose import planned_doses
from scenarios.plans.scenario import Scenario
from twin import Fraction, InputError, Observation, PatientTwin, Scan
from twin.dicom.naming import Names
from twin.importer import import_patient
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Cm3, Suv, Time


@bounded
def observe(
    twin: PatientTwin,
    day: Time,
    *,
    gtv_cm3: Cm3 | None = None,
    suv: Suv | None = None,
    peak: bool = False,
    scan: Path | None = None,
    mask: Path | None = None,
    plan: Scenario | None = None,
) -> PatientTwin:
    """A new twin with one more observation.

    Args:
        twin: the patient; not changed.
        day: when, days from day 0.
        gtv_cm3: the measured volume, or
        suv: the tumour's SUVmax, or
        peak: with `suv`: it is SUVpeak.
        scan, mask: the CT of that day and the tumour on it (NIfTI or NRRD, one grid).
        plan: whose fractions up to that day are recorded as delivered first.

    Raises:
        InputError: a day before the twin's now, none or several of a volume, an SUV and a scan with a mask, or a plan
            that contradicts what was delivered.
    """
    if day < twin.now_days:
        raise InputError(f"--day must be {twin.now_days:g} or later, where the patient stands, not {day:g}")
    given = sum(one is not None for one in (gtv_cm3, suv, scan))
    if given != 1 or (scan is None) != (mask is None):
        raise InputError("give either --gtv-cm3, or --suv, or --scan with --mask")
    if peak and suv is None:
        raise InputError("--peak says that --suv is SUVpeak; give --suv with it")
    if plan is not None:
        twin = deliver_until(twin, plan, day)
    if gtv_cm3 is not None:
        return twin.observe(Observation(day, "gtv_cm3", gtv_cm3))
    if suv is not None:
        return twin.observe(Observation(day, "suv_peak" if peak else "suv_max", suv))
    seen = import_patient(scan, mask=mask)  # type: ignore[arg-type]
    name = f"CT-{sum(s.volume.modality == 'CT' for s in twin.scans) + 1}"
    structures = seen.contours.at(day)
    return twin.observe(
        Observation(day, "gtv_cm3", seen.gtv_cm3, name), Scan(name, day, seen.baseline.volume), structures
    )


def deliver_until(twin: PatientTwin, scenario: Scenario, day: float) -> PatientTwin:
    """A new twin that has received the scenario's fractions up to a day.

    Raises:
        InputError: the plan contradicts what was delivered.
    """
    due = [slot for slot in remaining(scenario, twin) if slot.time_days <= day]
    if not due:
        return twin
    plan = scenario.plan
    grid = planned_doses(twin, [plan]).doses[plan.label]
    if twin.doses.get(grid.name, grid) is not grid:
        grid = replace(grid, name=Names(twin.doses).free(grid.name))
    fractions = [Fraction(s.time_days, s.dose_gy, grid.name, s.dose_gy / plan.total_gy) for s in due]
    return twin.deliver(fractions, [grid])
