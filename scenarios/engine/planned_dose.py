"""The dose grid of each plan on the baseline CT, and the method by which it was calculated.

A planning system's dose serves all plans of its technique for its target, scaled by their prescription; other plans
take one that is calculated here (docs/model.md, 6). Doses are told apart by what they prescribe and to which target,
never by their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.targets import targets
from twin import DoseGrid, InputError, PatientTwin, StructureSet, Volume
from twin.dicom.naming import Names
from twin.patient import NO_REFERENCE
from twin.structures import bounding_box

_REACHED = 0.9  # of the prescription, median over the GTV: otherwise the dose is of another target
_SAME = 1e-3  # relative: rounding of a prescription
_REFERENCE = {False: (60.0, 30), True: (54.0, 3)}  # Gy and fractions, by whether the technique is SBRT


@dataclass(frozen=True, eq=False)
class Planned:
    """The doses of plans.

    Args:
        twin: the patient; a dose of his that bears a plan's name and is not that plan's has another name here.
        doses: his own doses, and each plan's by its label.
    """

    twin: PatientTwin
    doses: Mapping[str, DoseGrid]


def planned_doses(twin: PatientTwin, plans: Sequence[TreatmentPlan], grown: Targets | None = None) -> Planned:
    """The dose of each plan, and the twin's own.

    Plans of one technique differ by their prescription only: the planning system's dose, or else one calculation of
    the technique's reference prescription, serves them all, and no plan's dose depends on the others in the comparison.

    Args:
        twin: the patient.
        plans: whose doses.
        grown: the patient's targets, where they are grown already.

    Raises:
        InputError: which of the planning system's doses to take, or what it prescribes, must be asked.
    """
    grown = grown or Targets(twin)
    own = Own(twin)
    units: dict[bool, DoseGrid] = {}
    scaled: dict[tuple[int, float], Volume] = {}
    made: dict[str, DoseGrid] = {}
    for plan in plans:
        if plan.total_gy == 0 or plan.label in made:
            continue
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        unit = own.planning_system(plan) or own.calculated(plan)
        if unit is None:
            if sbrt not in units:
                units[sbrt] = approximate_dose(
                    twin.baseline, twin.contours, *_REFERENCE[sbrt], targets=grown.of(plan)
                )
            unit = units[sbrt]
        if _is_of(unit, plan) and unit.name == plan.label:
            made[plan.label] = unit
            continue
        at = id(unit), plan.total_gy
        scaled[at] = scaled.get(at) or _times(unit.volume, plan.total_gy / unit.prescription_gy)
        made[plan.label] = DoseGrid(plan.label, scaled[at], plan.total_gy, unit.method, plan.fractions)
    apart = _without_namesakes(twin, made)
    return Planned(apart, {**apart.doses, **made})


def _times(volume: Volume, factor: float) -> Volume:
    return Volume(volume.geometry, (volume.array * factor).astype("float32"), "DOSE", "Gy")


def _is_of(dose: DoseGrid, plan: TreatmentPlan) -> bool:
    """Whether a dose prescribes what a plan does."""
    same = abs(dose.prescription_gy - plan.total_gy) <= _SAME * plan.total_gy
    return same and dose.fractions == plan.fractions


def _one_distribution(one: DoseGrid, other: DoseGrid) -> bool:
    """Whether two doses differ by their prescription only."""
    if not one.volume.geometry.same_grid(other.volume.geometry):
        return False
    ratio = np.float32(other.prescription_gy / one.prescription_gy)
    near = _SAME * other.prescription_gy
    return bool(np.abs(one.volume.array * ratio - other.volume.array).max() <= near)


def _without_namesakes(twin: PatientTwin, made: Mapping[str, DoseGrid]) -> PatientTwin:
    """The twin with other names for doses that bear a plan's label and are not the plan's."""
    names, other = Names([*twin.doses, *made]), dict[str, str]()
    for name, dose in twin.doses.items():
        if name in made and made[name] is not dose:
            other[name] = names.free(f"{name}, {dose.method}")
    if not other:
        return twin
    doses = {other.get(n, n): replace(d, name=other.get(n, n)) for n, d in twin.doses.items()}
    given = tuple(replace(f, grid=other.get(f.grid or "", f.grid)) for f in twin.fractions)
    reference = twin.reference and other.get(twin.reference, twin.reference)
    return twin.fork(doses=doses, fractions=given, reference=reference)


class Own:
    """The doses that a twin holds, by what they prescribe to its tumour.

    Args:
        twin: the patient.
    """

    def __init__(self, twin: PatientTwin) -> None:
        self._twin = twin
        meant = [
            d
            for d in twin.doses.values()
            if not d.approximate
            and (d.name == twin.reference or (twin.reference is None and self._reaches(d)))
        ]
        self._known = [d for d in meant if d.fractions]
        self._unknown = [d for d in meant if not d.fractions]

    def planning_system(self, plan: TreatmentPlan) -> DoseGrid | None:
        """The planning system's dose from which a plan takes its own: of the same prescription, else technique.

        Args:
            plan: with dose.

        Returns:
            None where there is none.

        Raises:
            InputError: several could be meant, or it is not known what one prescribes.
        """
        exact = [d for d in self._known if _is_of(d, plan)]
        sbrt = plan.largest_fraction_gy >= SBRT_GY
        found = exact or [d for d in self._known if ((d.fraction_gy or 0) >= SBRT_GY) == sbrt]
        several = any(not _one_distribution(found[0], other) for other in found[1:])
        if several or (found and self._unknown and not exact):
            names = ", ".join(d.name for d in (*found, *([] if exact else self._unknown)))
            raise InputError(
                f"several doses of the planning system could be the one of {plan.label}: {names}; choose with rt-twin "
                f"edit TWIN --reference NAME, or {NO_REFERENCE}"
            )
        if not found and self._unknown:
            name = self._unknown[0].name
            raise InputError(
                f"it is not known what the planning system's dose {name!r} prescribes to the tumour, so {plan.label} "
                f"cannot be scaled from it; say it with rt-twin edit TWIN --reference {name}=GY/FRACTIONS, or "
                f"{NO_REFERENCE} to leave it"
            )
        return found[0] if found else None

    def calculated(self, plan: TreatmentPlan) -> DoseGrid | None:
        """A dose of a plan's prescription that was calculated here before: a fluence plan's, else an approximate one.

        Args:
            plan: with dose.
        """
        own = [d for d in self._twin.doses.values() if d.approximate and _is_of(d, plan) and self._reaches(d)]
        return min(own, key=lambda d: d.method != "fluence plan", default=None)

    def _reaches(self, dose: DoseGrid) -> bool:
        """Whether a dose is of the tumour."""
        gtv = self._twin.contours.gtv()
        box = bounding_box(gtv)
        there = dose.volume.on(self._twin.contours.geometry.crop(box))[gtv[box]]
        return float(np.median(there)) >= _REACHED * dose.prescription_gy


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
