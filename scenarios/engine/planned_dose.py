"""The dose grid of each plan on the baseline CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.targets import targets
from twin import DoseGrid, PatientTwin, StructureSet, Volume

_REFERENCE = {False: (60.0, 30), True: (54.0, 3)}  # Gy and fractions, by whether the technique is SBRT


def planned_doses(twin: PatientTwin, plans: Sequence[TreatmentPlan]) -> Mapping[str, DoseGrid]:
    """Dose grids by name: the twin's own, and for each plan without one an approximate one.

    Plans of one technique differ by their prescription only: one calculation, of the technique's reference
    prescription, serves them all, and no plan's dose depends on the others in the comparison.
    """
    doses = dict(twin.doses)
    units: dict[bool, DoseGrid] = {}
    for plan in plans:
        if plan.total_gy == 0 or plan.label in doses:
            continue
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        if sbrt not in units:
            units[sbrt] = approximate_dose(
                twin.baseline, twin.contours, *_REFERENCE[sbrt], targets=with_targets(twin, plan)
            )
        unit = units[sbrt]
        array = unit.volume.array * (plan.total_gy / unit.prescription_gy)
        volume = Volume(unit.volume.geometry, array.astype("float32"), "DOSE", "Gy")
        doses[plan.label] = DoseGrid(plan.label, volume, plan.total_gy, approximate=True)
    return doses


def with_targets(twin: PatientTwin, plan: TreatmentPlan) -> StructureSet:
    """The patient's structures with the CTV and PTV of the plan's technique where none were drawn."""
    contours = twin.contours
    if contours.role("PTV"):
        return contours
    sbrt = plan.largest_fraction_gy >= SBRT_GY
    grown = targets(twin.baseline, contours, sbrt=sbrt, histology=twin.clinical.histology)
    return contours.extended(s for s in grown if s.name not in contours)


def all_targets(twin: PatientTwin, plans: Sequence[TreatmentPlan]) -> list[StructureSet]:
    """`with_targets` of each plan; plans of one technique share theirs."""
    known: dict[bool, StructureSet] = {}
    for plan in plans:
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        if sbrt not in known:
            known[sbrt] = with_targets(twin, plan)
    return [known[plan.largest_fraction_gy >= SBRT_GY] for plan in plans]
