"""The dose grid of each plan on the baseline CT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.targets import targets
from twin import DoseGrid, PatientTwin, StructureSet, Volume

_REFERENCE = {False: (60.0, 30), True: (54.0, 3)}  # Gy and fractions, by whether the technique is SBRT


def planned_doses(
    twin: PatientTwin, plans: Sequence[TreatmentPlan], grown: Targets | None = None
) -> Mapping[str, DoseGrid]:
    """Dose grids by name: the twin's own, and for each plan without one an approximate one.

    Plans of one technique differ by their prescription only: one calculation, of the technique's reference
    prescription, serves them all, and no plan's dose depends on the others in the comparison.

    Args:
        twin: the patient.
        plans: whose doses.
        grown: the patient's targets, where they are grown already.
    """
    grown = grown or Targets(twin)
    doses = dict(twin.doses)
    units: dict[bool, DoseGrid] = {}
    for plan in plans:
        if plan.total_gy == 0 or plan.label in doses:
            continue
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        if sbrt not in units:
            units[sbrt] = approximate_dose(
                twin.baseline, twin.contours, *_REFERENCE[sbrt], targets=grown.of(plan)
            )
        unit = units[sbrt]
        array = unit.volume.array * (plan.total_gy / unit.prescription_gy)
        volume = Volume(unit.volume.geometry, array.astype("float32"), "DOSE", "Gy")
        doses[plan.label] = DoseGrid(plan.label, volume, plan.total_gy, approximate=True)
    return doses


class Targets:
    """A patient's structures with the CTV and PTV of each technique, grown once where none were drawn.

    Args:
        twin: the patient.
    """

    def __init__(self, twin: PatientTwin) -> None:
        self._twin, self._known = twin, dict[bool, StructureSet]()

    def of(self, plan: TreatmentPlan) -> StructureSet:
        """The structures for a plan."""
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        if sbrt not in self._known:
            self._known[sbrt] = self._grown(sbrt)
        return self._known[sbrt]

    def _grown(self, sbrt: bool) -> StructureSet:
        contours = self._twin.contours
        if contours.role("PTV"):
            return contours
        histology = self._twin.clinical.histology
        grown = targets(self._twin.baseline, contours, sbrt=sbrt, histology=histology)
        return contours.extended(s for s in grown if s.name not in contours)
