"""Doses of a plan and of its replans, for a tumour that shrinks and moves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from scenarios.engine.fluence import FluencePlans
from scenarios.engine.library import LEVELS, PLANNED, DoseLibrary, Millimetres, State
from scenarios.engine.organ_dose import organ_quantiles
from scenarios.engine.replan_anatomy import DayAnatomy, sampled
from scenarios.plans.plan import TreatmentPlan
from simulators.core.course import Course, Event
from simulators.dose.approximate import SBRT_GY, approximate_dose
from simulators.dose.dvh import region
from simulators.dose.targets import targets
from twin import DoseGrid, InputError, PatientTwin, Volume

if TYPE_CHECKING:
    from simulators.planner import FluencePlan

_BINS = 20
_POINTS = 2000  # of the GTV, at which a moved tumour's dose is read
_ORGANS, _ORGAN_POINTS = ("Lungs-GTV", "Heart", "Esophagus"), 20_000


@dataclass(eq=False)
class PlanLibrary(DoseLibrary):
    """Dose grids of one plan, for a patient with images.

    The target of a replan is the first CTV carried by the tissue: what eroded keeps its dose, what was drawn in lets
    the target shrink (docs/policies.md). Its dose is computed on the anatomy of the day (`DayAnatomy`) and accumulates
    on the baseline anatomy. A replan for a tumour that has moved is that dose moved along; a plan that is not replanned
    stays fixed in the room.

    Args:
        twin: the patient.
        plan: whose doses.
        first: the dose of the plan on the baseline CT.
        fluence: plans replans; their doses are approximate where None.
        doses: state name -> dose on the organs, which stand still.
        tumour_doses: state name -> dose on the tumour's tissue, which moves.
        relative: state name -> (bins,) dose over prescription in the GTV's dose bins.
        known: (id of a dose, organ) -> (1000,) rising dose quantiles, Gy.
    """

    twin: PatientTwin
    plan: TreatmentPlan
    first: DoseGrid
    fluence: FluencePlans | None = None
    doses: dict[str, DoseGrid] = field(default_factory=dict)
    tumour_doses: dict[str, DoseGrid] = field(default_factory=dict)
    relative: dict[str, np.ndarray] = field(default_factory=dict)
    _levels: dict[int, tuple[DoseGrid, DoseGrid, np.ndarray]] = field(default_factory=dict)
    known: dict[tuple[int, str], np.ndarray] = field(default_factory=dict)
    _aimed: dict[str, DoseGrid] = field(default_factory=dict)
    _replans: dict[int, FluencePlan] = field(default_factory=dict)
    _even: dict[str, np.ndarray] = field(default_factory=dict)
    _unplannable: bool = False  # a replan: then all later ones are approximate

    def __post_init__(self) -> None:
        self.gtv_cm3 = self.twin.gtv_cm3
        for name, grid in self.twin.doses.items():
            self.doses[name] = self.tumour_doses[name] = grid
            self.relative[name] = self._bins_of(grid, self._points)
        self._levels[0] = self.first, self.first, self._points
        self.state(PLANNED)

    @cached_property
    def _points(self) -> np.ndarray:
        """(bins, points, 3) LPS positions in the GTV, ranked into bins by the first plan's dose."""
        contours = self.twin.contours
        found = np.argwhere(contours.gtv())
        chosen = found[:: max(1, len(found) // _POINTS)]
        chosen = (
            chosen[: len(chosen) // _BINS * _BINS] if len(chosen) >= _BINS else np.resize(chosen, (_BINS, 3))
        )
        points = contours.geometry.lps(chosen)
        order = np.argsort(sampled(self.first.volume, points), kind="stable")
        return points[order].reshape(_BINS, -1, 3)

    @property
    def bin_fraction(self) -> np.ndarray:
        """(bins,) share of the GTV in each bin."""
        return np.full(_BINS, 1 / _BINS)

    def state(self, state: State) -> str:
        """Name of the dose that is delivered in a state."""
        name = state.name(self.plan.label)
        if name not in self.relative:
            day, on_day_0, points = self._level(state.level)
            plan = state.plan_name(self.plan.label)
            if plan not in self._aimed:
                self._aimed[plan] = aimed = _moved(on_day_0, self._lps(state.aimed_mm))
                self._aim_at_organs(on_day_0, aimed)
            self.doses[name] = self._aimed[plan]
            self.tumour_doses[name] = _moved(on_day_0, -self._lps(state.moved_mm))
            self.relative[name] = self._bins_of(day, points + self._lps(state.moved_mm))
        return name

    def beams(self, state: State) -> FluencePlan:
        """The plan in use in a state, its beams moved to where it is aimed."""
        method = self._level(state.level)[0].method
        if self.fluence is None or method != "fluence plan":
            raise InputError(
                f"the dose of the day is recalculated with a plan's beams, which the {method} dose of "
                f"{state.plan_name(self.plan.label)} does not have; take a fluence plan (--dose fluence, and no dose "
                "of a planning system)"
            )
        planned = self._replans[state.level] if state.level else self.fluence.of(self.plan)
        aimed = planned.beams.isocentre + self._lps(state.aimed_mm)
        return replace(planned, beams=replace(planned.beams, isocentre=aimed))

    def organ_gy(self, organ: str, sample: int, course: Course, state: State, to_come: float) -> np.ndarray:
        """Dose quantiles of an organ, the same in all samples."""
        total = to_come * self._quantiles(self.state(state), organ)
        for i in course.of(Event.FRACTION):
            if course.grid[i] >= 0:
                total = total + course.scale[i] * self._quantiles(course.grids[course.grid[i]], organ)
        return total

    def _quantiles(self, name: str, organ: str) -> np.ndarray:
        return organ_quantiles(self.doses[name], self.twin, organ, self.known)

    def _aim_at_organs(self, dose: DoseGrid, aimed: DoseGrid) -> None:
        """Quantiles of a moved dose in the organs: those of the dose, and what moving it changes at some points."""
        if aimed is dose:
            return
        ranks = (np.arange(1000) + 0.5) / 1000
        for organ, points in self._organ_points.items():
            base = organ_quantiles(dose, self.twin, organ, self.known)
            after, before = (np.quantile(sampled(d.volume, points), ranks) for d in (aimed, dose))
            self.known[id(aimed), organ] = np.sort(np.maximum(base + after - before, 0.0))

    @cached_property
    def _organ_points(self) -> dict[str, np.ndarray]:
        """Organ -> (points, 3) LPS positions of some of its voxels; organs that are unknown have none."""
        points = {}
        for organ in _ORGANS:
            with suppress(InputError):
                points[organ] = self.points(organ)
        return points

    def _level(self, level: int) -> tuple[DoseGrid, DoseGrid, np.ndarray]:
        """Dose of a level on the day's anatomy, the same on the tissue of day 0, and the GTV's points on the day."""
        if level not in self._levels:
            anatomy = DayAnatomy.of(self.twin, LEVELS[level])
            dose = self._replanned(anatomy, level)
            self._levels[level] = dose, anatomy.on_day_0(dose), anatomy.follow(self._points)
        return self._levels[level]

    def _replanned(self, anatomy: DayAnatomy, level: int) -> DoseGrid:
        if self.fluence is not None and not self._unplannable:
            try:
                when = f"replan at {LEVELS[level]:.0%}"
                made = self.fluence.replanned(self.plan, anatomy.scan, anatomy.structures, when)
                self._replans[level] = made
                return made.dose
            except InputError as error:
                self.fluence.notes.append(f"Replans of {self.plan.label} are approximate: {error}.")
                self._unplannable = True
        sbrt = self.plan.largest_fraction_gy >= SBRT_GY
        prescription = (54.0, 3) if sbrt else (self.plan.total_gy, self.plan.fractions)
        target = targets(anatomy.scan, anatomy.structures, sbrt=sbrt, histology=self.twin.clinical.histology)
        grid = approximate_dose(anatomy.scan, anatomy.structures, *prescription, targets=target)
        array = (grid.volume.array * np.float32(self.plan.total_gy / grid.prescription_gy)).astype(np.float32)
        return replace(
            grid, volume=Volume(grid.volume.geometry, array, "DOSE", "Gy"), prescription_gy=self.plan.total_gy
        )

    def points(self, structure: str) -> np.ndarray:
        """(n, 3) LPS mm of even points of a structure of the first plan, on day 0."""
        if structure not in self._even:
            drawn = self.twin.contours if self.fluence is None else self.fluence.grown.of(self.plan)
            name = structure
            if structure == "target":
                name = next((n for n in ("CTV", "ITV") if n in drawn), "GTV")
            mask, _ = region(drawn, name)
            found = np.argwhere(mask.array)
            self._even[structure] = mask.geometry.lps(found[:: max(1, len(found) // _ORGAN_POINTS)])
        return self._even[structure]

    def _lps(self, mm: Millimetres) -> np.ndarray:
        axes = self.twin.contours.geometry.rotation[:, ::-1].T  # LPS directions of the z, y and x axes
        return np.asarray(mm) @ axes

    def _bins_of(self, grid: DoseGrid, points: np.ndarray) -> np.ndarray:
        return sampled(grid.volume, points).mean(axis=1) / grid.prescription_gy


def _moved(dose: DoseGrid, lps: np.ndarray) -> DoseGrid:
    """A dose moved in the room by LPS mm; it shares the array."""
    if not np.any(lps):
        return dose
    geometry = dose.volume.geometry
    x, y, z = (float(v) for v in np.asarray(geometry.origin_mm) + lps)
    volume = Volume(replace(geometry, origin_mm=(x, y, z)), dose.volume.array, "DOSE", "Gy")
    return replace(dose, volume=volume)
