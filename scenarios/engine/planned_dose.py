"""The dose grid of each plan on the baseline CT, and the method by which it was calculated.

A planning system's dose serves all plans of its technique for its target, scaled by their prescription; other plans
take one that is calculated here (docs/model.md, 6). Doses are told apart by what they prescribe and to which target,
never by their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from scenarios.engine.fluence import FluencePlans
from scenarios.plans.plan import Phase, TreatmentPlan
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.dvh import share_outside
from simulators.dose.targets import motion_words
from twin import DoseGrid, InputError, PatientTwin, Volume
from twin.dicom.naming import Names
from twin.patient import NO_REFERENCE
from twin.structures import bounding_box

_REACHED = 0.9  # of the prescription, median over the GTV: otherwise the dose is of another target
_SAME = 1e-3  # relative: rounding of a prescription
Computed = Literal["fluence plan", "approximate"]
COMPUTED: Computed = "approximate"  # for many patients: a plan takes half a minute, this takes a second
DOSE_BY_DEFAULT = "fluence"  # of one patient: scenarios differ by what was planned
_NAMES: dict[str, Computed] = {"fluence": "fluence plan", "approximate": "approximate"}
_REFERENCE = {False: (60.0, 30), True: (54.0, 3)}  # Gy and fractions, by whether the technique is SBRT


@dataclass(frozen=True, eq=False)
class Planned:
    """The doses of plans.

    Args:
        twin: the patient; a dose of his that bears a plan's name and is not that plan's has another name here.
        doses: his own doses, and each plan's by its label.
        notes: what fluence plans give way in and leave out, and why one could not be made, a sentence each.
    """

    twin: PatientTwin
    doses: Mapping[str, DoseGrid]
    notes: tuple[str, ...]


def planned_doses(
    twin: PatientTwin,
    plans: Sequence[TreatmentPlan],
    fluence: FluencePlans | None = None,
    *,
    method: Computed = COMPUTED,
) -> Planned:
    """The dose of each plan, and the twin's own.

    A dose that the twin holds comes first: the planning system's for the target in the plan's technique, scaled, then
    one that was calculated for the plan before. No plan's dose depends on the others in the comparison.

    Args:
        twin: the patient.
        plans: whose doses.
        fluence: the patient's fluence plans, where some are made already.
        method: of a dose that the twin does not hold; approximate doses of what was given give way to fluence plans.

    Raises:
        InputError: which of the planning system's doses to take, or what it prescribes, must be asked.
    """
    fluence = fluence or FluencePlans(twin)
    own, calculated, templates = Own(twin), Calculated(twin, fluence), fluence.templates
    scaled: dict[tuple[int, float], Volume] = {}
    made: dict[str, DoseGrid] = {}
    for plan in plans:
        if plan.total_gy == 0 or plan.label in made:
            continue
        held = None if templates else own.calculated(plan, method)  # which was planned by the usual ones
        unit = own.planning_system(plan) or held or calculated.of(plan, method)
        if _is_of(unit, plan) and unit.name == plan.label:
            made[plan.label] = unit
            continue
        at = id(unit), plan.total_gy
        ratio = 1.0 if _is_of(unit, plan) else plan.total_gy / unit.prescription_gy
        scaled[at] = scaled.get(at) or (unit.volume if ratio == 1.0 else _times(unit.volume, ratio))
        made[plan.label] = DoseGrid(plan.label, scaled[at], plan.total_gy, unit.method, plan.fractions)
    if method == "fluence plan":
        twin = _planned_anew(twin, calculated)
    apart = _without_namesakes(twin, made)
    return Planned(apart, {**apart.doses, **made}, tuple(calculated.notes))


def method_named(name: str) -> Computed:
    """The method of doses that a user calls by a name.

    Args:
        name: fluence or approximate.

    Raises:
        InputError: there is no such method.

    Example:
        >>> method_named("fluence")
        'fluence plan'
    """
    if name not in _NAMES:
        raise InputError(f"no method of dose {name!r}; there are: {', '.join(_NAMES)}")
    return _NAMES[name]


class Calculated:
    """Doses that are calculated for a patient, each once.

    Args:
        twin: the patient.
        fluence: his fluence plans.

    Attributes:
        notes: what is to be said of them, a sentence each.
    """

    def __init__(self, twin: PatientTwin, fluence: FluencePlans) -> None:
        self._twin, self._fluence = twin, fluence
        self._known: dict[tuple[Computed, float, int], DoseGrid] = {}
        self.notes: list[str] = []

    def of(self, plan: TreatmentPlan, method: Computed) -> DoseGrid:
        """The dose of a plan, or one to scale it from: one approximation of a technique serves all its prescriptions.

        Args:
            plan: with dose.
            method: an approximation stands for a fluence plan that the CT does not allow, which is noted.
        """
        gy, fractions = plan.total_gy, plan.fractions
        if method == "approximate":
            gy, fractions = _REFERENCE[plan.largest_fraction_gy >= SBRT_GY]
        key = method, gy, fractions
        if key not in self._known:
            self._known[key] = self._planned(plan) if method == "fluence plan" else self._painted(plan)
        return self._known[key]

    def _painted(self, plan: TreatmentPlan) -> DoseGrid:
        reference = _REFERENCE[plan.largest_fraction_gy >= SBRT_GY]
        grown = self._fluence.grown.of(plan)
        said = f"In approximate doses {motion_words(grown)}."
        self.notes += [said] if said not in self.notes else []
        return approximate_dose(self._twin.baseline, self._twin.contours, *reference, targets=grown)

    def _planned(self, plan: TreatmentPlan) -> DoseGrid:
        try:
            found = self._fluence.of(plan)
        except InputError as error:
            self.notes.append(f"{plan.label} has an approximate dose instead of a fluence plan: {error}.")
            return self.of(plan, "approximate")
        self.notes += [f"{plan.label}: {note}." for note in (*self._fluence.limits(plan), *found.notes)]
        return found.dose


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


def _planned_anew(twin: PatientTwin, calculated: Calculated) -> PatientTwin:
    """The twin with fluence plans in the place of the approximate doses that were given: what was given of a plan and
    what is to come of it have one method."""
    doses = dict(twin.doses)
    for name in {f.grid: None for f in twin.fractions if f.grid is not None}:
        former = doses[name]
        if former.method == "approximate" and former.fractions:
            phase = Phase(total_gy=former.prescription_gy, fractions=former.fractions)
            made = calculated.of(TreatmentPlan(phases=(phase,)), "fluence plan")
            if made.method == "fluence plan":
                doses[name] = made if made.name == name else replace(made, name=name)
    return twin.fork(doses=doses)


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
        if found:
            self._covers(found[0])
        return found[0] if found else None

    def _covers(self, dose: DoseGrid) -> None:
        """Refuse a dose beyond whose grid a part of the tumour lies.

        Raises:
            InputError: it does.
        """
        for gtv in self._twin.contours.role("GTV"):
            outside = share_outside(dose.volume, gtv.mask)
            if 0 < outside < 1:  # what lies wholly outside is not what was treated
                raise InputError(
                    f"the grid of the planning system's dose {dose.name} does not cover the target: {outside:.0%} of "
                    f"{gtv.name} lies outside it; import the whole dose, or leave it: rt-twin edit TWIN --reference "
                    f"{NO_REFERENCE}"
                )

    def calculated(self, plan: TreatmentPlan, method: Computed) -> DoseGrid | None:
        """A dose of a plan's prescription that was calculated here before: a fluence plan's, else one by the method.

        Args:
            plan: with dose.
            method: that is asked for.
        """
        for wanted in ("fluence plan", method):
            for dose in self._twin.doses.values():
                if dose.method == wanted and _is_of(dose, plan) and self._reaches(dose):
                    return dose
        return None

    def _reaches(self, dose: DoseGrid) -> bool:
        """Whether a dose is of the tumour."""
        gtv = self._twin.contours.gtv()
        box = bounding_box(gtv)
        there = dose.volume.on(self._twin.contours.geometry.crop(box))[gtv[box]]
        return float(np.median(there)) >= _REACHED * dose.prescription_gy
