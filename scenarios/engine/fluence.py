"""Fluence plans of a patient: one of a technique, scaled to its prescriptions; and replans that begin with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from scenarios.plans.plan import TreatmentPlan
from simulators.dose.approximate import SBRT_GY
from simulators.dose.targets import breathing_phases, targets
from twin import DoseGrid, PatientTwin, Scan, StructureSet
from twin.dicom.naming import Names

if TYPE_CHECKING:
    from simulators.planner import FluencePlan
    from simulators.planner.template import Template

Told = Callable[[str, float], None]  # a step in words, and the share of it that is done
# Gy and fractions at which a technique is optimised. Doses of other prescriptions are these, scaled.
_REFERENCE = {"conventional": (60.0, 30), "hypofractionated": (55.0, 20), "stereotactic": (54.0, 3)}


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
        phases = breathing_phases(self._twin)
        grown = targets(self._twin.baseline, contours, sbrt=sbrt, histology=histology, phases=phases)
        return contours.extended(s for s in grown if s.name not in contours)


class FluencePlans:
    """Plans that are optimised on a patient's CT.

    Args:
        twin: the patient.
        grown: his targets, where they are grown already.
        told: hears what is being planned.
        templates: by technique, where they are not the usual ones.

    Attributes:
        grown: the targets.
        templates: as given.
        notes: what is to be said of replans, a sentence each.
    """

    def __init__(
        self,
        twin: PatientTwin,
        grown: Targets | None = None,
        told: Told = lambda step, share: None,
        templates: Mapping[str, Template] | None = None,
    ) -> None:
        self._twin, self.grown, self._told = twin, grown or Targets(twin), told
        self.templates = templates or {}
        self.notes: list[str] = []
        self._optimised: dict[tuple[str, float, int], FluencePlan] = {}
        self._limits: dict[tuple[str, float, int], tuple[str, ...]] = {}

    def of(self, plan: TreatmentPlan) -> FluencePlan:
        """The plan of a prescription: its technique's, scaled, where that keeps organs' limits; else one of its own.

        Args:
            plan: with dose.

        Raises:
            InputError: a CT that cannot be planned on.
        """
        return self._optimised_for(plan).scaled(plan.total_gy, plan.fractions)

    def limits(self, plan: TreatmentPlan) -> tuple[str, ...]:
        """Which of its technique's limits a prescription's plan does not keep, a sentence each.

        Args:
            plan: with dose.

        Raises:
            InputError: a CT that cannot be planned on.
        """
        self._optimised_for(plan)
        return self._limits[self._key(plan)]

    def replanned(self, plan: TreatmentPlan, scan: Scan, structures: StructureSet, when: str) -> FluencePlan:
        """A replan on another anatomy, which begins with the plan's fluence.

        Args:
            plan: that is replanned.
            scan: the CT of the day.
            structures: on it, with the tumour.
            when: of the replan, in words.

        Raises:
            InputError: a CT that cannot be planned on.
        """
        from simulators.planner import kept_plan  # loads numba

        first = self._optimised_for(plan)
        sbrt = first.template.name == "stereotactic"
        target = targets(scan, structures, sbrt=sbrt, histology=self._twin.clinical.histology)
        made = kept_plan(
            scan, structures, first.dose.prescription_gy, first.dose.fractions or 1, targets=target,
            template=first.template, start=first,
            told=lambda share: self._told(f"planning {plan.label}, {when}", share),
        )  # fmt: skip
        return made.scaled(plan.total_gy, plan.fractions)

    def _template(self, plan: TreatmentPlan) -> Template:
        from simulators.planner import template_for

        usual = template_for(plan.largest_fraction_gy)
        return self.templates.get(usual.name, usual)

    def _key(self, plan: TreatmentPlan) -> tuple[str, float, int]:
        return self._template(plan).name, plan.total_gy, plan.fractions

    def _optimised_for(self, plan: TreatmentPlan) -> FluencePlan:
        """The optimised plan that a prescription takes its own from."""
        from simulators.planner import beyond_limits, measures, of_organs

        key = self._key(plan)
        if key not in self._optimised:
            for gy, fractions in dict.fromkeys((_REFERENCE[key[0]], key[1:])):
                made = self._made(plan, gy, fractions)
                scaled = made.scaled(plan.total_gy, plan.fractions)
                found = measures(scaled.dose, self._twin.contours, scaled.targets)
                self._optimised[key], self._limits[key] = made, beyond_limits(found, made.template)
                if not beyond_limits(of_organs(found), made.template):
                    break
        return self._optimised[key]

    def _made(self, plan: TreatmentPlan, gy: float, fractions: int) -> FluencePlan:
        from simulators.planner import kept_plan  # loads numba

        return kept_plan(
            self._twin.baseline, self._twin.contours, gy, fractions, targets=self.grown.of(plan),
            template=self._template(plan),
            told=lambda share: self._told(f"planning {plan.label}", share),
        )  # fmt: skip


def kept(twin: PatientTwin, dose: DoseGrid) -> PatientTwin:
    """The twin with a plan's dose, which comparisons of that plan then take, in the place of a former one.

    Args:
        twin: the patient.
        dose: of a fluence plan on the baseline CT.
    """
    for former in twin.doses.values():
        if (former.method, former.prescription_gy, former.fractions) == (
            dose.method, dose.prescription_gy, dose.fractions,
        ):  # fmt: skip
            return twin.keeping(replace(dose, name=former.name))
    return twin.keeping(replace(dose, name=Names(twin.doses).free(f"{dose.name}, {dose.method}")))
