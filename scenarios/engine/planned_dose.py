"""The dose grid of each plan on the baseline CT.

A planning system's dose serves all plans of its technique, scaled by their prescription; where there is none, or
several, an approximate one does (docs/model.md, 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.targets import targets
from twin import DoseGrid, PatientTwin, StructureSet, Volume
from twin.structures import bounding_box

_SCHEDULE = re.compile(r"(?P<gy>\d+(\.\d+)?)/(?P<n>\d+)")  # what the import calls a planning system's dose
_REACHED = 0.9  # of the prescription, median over the GTV: otherwise the dose is of another target
_REFERENCE = {False: (60.0, 30), True: (54.0, 3)}  # Gy and fractions, by whether the technique is SBRT


def planned_doses(
    twin: PatientTwin, plans: Sequence[TreatmentPlan], grown: Targets | None = None
) -> Mapping[str, DoseGrid]:
    """Dose grids by name: the twin's own, and for each plan without one that of its technique, scaled.

    Plans of one technique differ by their prescription only: the planning system's dose, or else one calculation of
    the technique's reference prescription, serves them all, and no plan's dose depends on the others in the comparison.

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
            units[sbrt] = planning_system_dose(twin, sbrt) or approximate_dose(
                twin.baseline, twin.contours, *_REFERENCE[sbrt], targets=grown.of(plan)
            )
        unit = units[sbrt]
        array = unit.volume.array * (plan.total_gy / unit.prescription_gy)
        volume = Volume(unit.volume.geometry, array.astype("float32"), "DOSE", "Gy")
        doses[plan.label] = DoseGrid(plan.label, volume, plan.total_gy, unit.approximate)
    return doses


def planning_system_dose(twin: PatientTwin, sbrt: bool) -> DoseGrid | None:
    """The twin's one dose by a planning system for its tumour in a technique; None where there is none or several.

    Args:
        twin: the patient.
        sbrt: the technique.
    """
    found = []
    for dose in twin.doses.values():
        schedule = _SCHEDULE.match(dose.name)
        if dose.approximate or schedule is None:
            continue
        stereotactic = float(schedule["gy"]) / max(1, int(schedule["n"])) >= SBRT_GY
        if stereotactic == sbrt and _median_gy(twin, dose) >= _REACHED * dose.prescription_gy:
            found.append(dose)
    return found[0] if len(found) == 1 else None


def _median_gy(twin: PatientTwin, dose: DoseGrid) -> float:
    """Median dose of the GTV, Gy."""
    gtv = twin.contours.gtv()
    box = bounding_box(gtv)
    return float(np.median(dose.volume.on(twin.contours.geometry.crop(box))[gtv[box]]))


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
