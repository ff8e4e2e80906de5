"""Add what was measured, and what was delivered before it, to a twin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scenarios.engine.courses import remaining
from scenarios.engine.planned_dose import planned_doses
from scenarios.plans.scenario import Scenario
from twin import Fraction, InputError, Observation, PatientTwin, Scan, StructureSet
from twin.dicom.naming import Names
from twin.files.images import read_mask
from twin.importer import read_follow_up
from twin.inputs.bounds import bounded
from twin.inputs.quantities import Cm3, Suv, Time

# Relative error of a tumour's volume by a contour that was carried over, beside what a drawn one has: root mean square
# of benchmarks/registration.py, most of it from tumours that shrank, whose carried contour stays too large.
CARRIED_ERROR = {"CT": 0.4, "CBCT": 0.6}


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
    gtv: Sequence[str] = (),
    plan: Scenario | None = None,
) -> PatientTwin:
    """A new twin with one more observation.

    Args:
        twin: the patient; not changed.
        day: when, days from day 0.
        gtv_cm3: the measured volume, or
        suv: the tumour's SUVmax, or
        peak: with `suv`: it is SUVpeak.
        scan: the CT or cone-beam CT of that day, DICOM (a folder or zip, perhaps with an RTSTRUCT), NIfTI or NRRD. It
            is registered with the baseline CT and kept with its displacement field; what is not drawn on it is carried
            over from the baseline.
        mask: the tumour on that scan, NIfTI or NRRD; or
        gtv: names of its structures in the RTSTRUCT, where these do not say so themselves. Without either, the tumour
            is carried over too, and its volume counts with `CARRIED_ERROR` on top of a drawn contour's error.
        plan: whose fractions up to that day are recorded as delivered first.

    Raises:
        InputError: a day before the twin's now, none or several of a volume, an SUV and a scan, a scan that cannot be
            registered, or a plan that contradicts what was delivered.
    """
    if day < twin.now_days:
        raise InputError(f"--day must be {twin.now_days:g} or later, where the patient stands, not {day:g}")
    given = sum(one is not None for one in (gtv_cm3, suv, scan))
    if given != 1:
        raise InputError("give either --gtv-cm3, or --suv, or --scan")
    if scan is None and (mask is not None or gtv):
        raise InputError("--mask and --gtv say where the tumour is on a scan; give it with --scan")
    if peak and suv is None:
        raise InputError("--peak says that --suv is SUVpeak; give --suv with it")
    if plan is not None:
        twin = deliver_until(twin, plan, day)
    if gtv_cm3 is not None:
        return twin.observe(Observation(day, "gtv_cm3", gtv_cm3))
    if suv is not None:
        return twin.observe(Observation(day, "suv_peak" if peak else "suv_max", suv))
    return _scanned(twin, day, scan, mask, gtv)  # type: ignore[arg-type]


def _scanned(twin: PatientTwin, day: float, file: Path, mask: Path | None, gtv: Sequence[str]) -> PatientTwin:
    """A new twin with a scan that is registered with its baseline, and the volume of the tumour on it."""
    seen = read_follow_up(file, gtv=gtv)
    drawn, notes = seen.drawn, list(seen.notes)
    if mask is not None:
        read = read_mask(mask, drawn.geometry)
        drawn = drawn.with_mask("GTVp", "GTV", read.mask, source_name="mask")
        notes += read.notes
    name = Names(s.name for s in twin.scans).free(f"{seen.volume.modality} day {day:g}")
    laid = laid_on(twin, Scan(name, day, seen.volume, acquired=seen.acquired), drawn)
    if seen.patient is not None and seen.patient != twin.id and not twin.in_silico:
        notes.append(
            f"{name}: its files name another patient than those of this twin; make sure that it is the same"
        )
    after = twin.observe(laid.observation, laid.scan, laid.structures)
    return after.fork(notes=(*after.notes, *notes))


@dataclass(frozen=True, eq=False)
class Laid:
    """A scan of another day, laid on the baseline.

    Args:
        scan: in the baseline's frame, with its displacement field.
        structures: what is drawn on it, and what was carried to it from the baseline, marked.
        observation: the tumour's volume on it.
    """

    scan: Scan
    structures: StructureSet
    observation: Observation


def laid_on(twin: PatientTwin, scan: Scan, drawn: StructureSet) -> Laid:
    """Register a CT or cone-beam CT of another day with a patient's baseline, and carry over what is not drawn on it.

    Args:
        twin: the patient.
        scan: on its own grid, in any frame of reference.
        drawn: on it.

    Raises:
        InputError: it cannot be registered, or does not hold the tumour.
    """
    from simulators.registration import carried, moved, register  # loads SimpleITK

    found = register(scan.volume, twin.baseline.volume)
    structures = moved(drawn, found.matrix, scan.time_days)
    tumour = not structures.role("GTV")
    lacking = [
        s
        for s in twin.contours
        if s.name not in structures and (s.role == "OAR" or (s.role == "GTV" and tumour))
    ]  # the body is the scan's own, which is found when it is asked for
    over = carried(lacking, found.field, found.volume, source=twin.baseline.name, day=scan.time_days)
    structures = structures.extended(over)
    placed = replace(scan, volume=found.volume, registration=found.registration, deformation=found.field)
    error = CARRIED_ERROR[found.volume.modality] if tumour else 0.0
    seen = Observation(scan.time_days, "gtv_cm3", structures.gtv_cm3(), scan.name, error)
    return Laid(placed, structures, seen)


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
