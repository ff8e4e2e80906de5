"""How fractions are given, and the doses that they then deliver, whatever is known of the patient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scenarios.plans.plan import TreatmentPlan
from simulators.core.course import Course
from twin import DoseGrid, InputError

if TYPE_CHECKING:
    from simulators.planner import FluencePlan

# What is left of the target's volume on the scan of the replan; a sample takes the next larger one.
LEVELS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25)
Millimetres = tuple[float, float, float]  # (z, y, x)
_STILL: Millimetres = (0.0, 0.0, 0.0)
_STEP_MM = 2.0  # displacements are rounded to this


@dataclass(frozen=True)
class State:
    """How a fraction is given.

    Args:
        level: of the replan, index into LEVELS; 0 is the first plan.
        aimed_mm: by how much the plan was moved with the tumour, against the first one, mm.
        moved_mm: how far the tumour lies from where the plan has it, set-up errors and all, mm.

    Example:
        >>> State.of(2, [0.4, 0, 0], [3.1, -0.2, 0]).name("60/30")
        '60/30, replan at 70%, tumour moved by 4/0/0 mm'
    """

    level: int = 0
    aimed_mm: Millimetres = _STILL
    moved_mm: Millimetres = _STILL

    @classmethod
    def of(cls, level: int, aimed_mm: np.ndarray, moved_mm: np.ndarray) -> State:
        """With displacements rounded to 2 mm."""
        return cls(level, _rounded(aimed_mm), _rounded(moved_mm))

    def plan_name(self, plan: str) -> str:
        """What to call the plan that is in use."""
        if self.level:
            plan += f", replan at {LEVELS[self.level]:.0%}"
        return plan if self.aimed_mm == _STILL else f"{plan}, aimed {_words(self.aimed_mm)}"

    def name(self, plan: str) -> str:
        """What to call the dose."""
        name = self.plan_name(plan)
        return name if self.moved_mm == _STILL else f"{name}, tumour moved by {_words(self.moved_mm)}"


PLANNED = State()  # the first plan as it is meant to be given


def _rounded(mm: np.ndarray) -> Millimetres:
    z, y, x = (float(v) for v in np.rint(np.asarray(mm) / _STEP_MM) * _STEP_MM + 0.0)
    return z, y, x


def _words(mm: Millimetres) -> str:
    return "/".join(f"{v:g}" for v in mm) + " mm"


def level_of(measured_ratio: float, erosion: float) -> int:
    """Index of the smallest target that still covers a tumour of that relative volume.

    What eroded stays a target; what was drawn in lets it shrink.

    Example:
        >>> level_of(0.5, 0.0), level_of(0.5, 1.0)
        (3, 0)
    """
    left = 1 - (1 - erosion) * (1 - min(measured_ratio, 1.0))
    return max(k for k, share in enumerate(LEVELS) if share >= left - 1e-9)


class DoseLibrary(ABC):
    """Doses of one plan by the state in which a fraction is given, made when first needed.

    Attributes:
        plan: whose doses.
        gtv_cm3: tumour volume at day 0, cm3.
        doses: state name -> dose on the organs, which stand still.
        tumour_doses: state name -> dose on the tumour's tissue, which moves.
        relative: state name -> (bins,) dose over prescription in the tumour's dose bins.
    """

    plan: TreatmentPlan
    gtv_cm3: float
    doses: dict[str, DoseGrid]
    tumour_doses: dict[str, DoseGrid]
    relative: dict[str, np.ndarray]

    @property
    @abstractmethod
    def bin_fraction(self) -> np.ndarray:
        """(bins,) share of the tumour in each bin."""

    @abstractmethod
    def state(self, state: State) -> str:
        """Name of the dose that is delivered in a state."""

    def beams(self, state: State) -> FluencePlan:
        """The plan in use in a state, with its beams where it is aimed; the tumour's own place does not count.

        Args:
            state: of the plan.

        Raises:
            InputError: the plan has no beams here.
        """
        raise InputError("the dose of the day needs a patient with images")

    def points(self, structure: str) -> np.ndarray:
        """(n, 3) LPS mm of even points of a structure on day 0.

        Args:
            structure: of the plan, by its name, "Lungs-GTV", or "target": the CTV, else the ITV, else the GTVs.

        Raises:
            InputError: there is none of that name.
        """
        raise InputError("structures need a patient with images")

    @abstractmethod
    def organ_gy(self, organ: str, sample: int, course: Course, state: State, to_come: float) -> np.ndarray:
        """Dose of equal parts of an organ, of a sample's course and of what is to come in a state.

        Args:
            organ: its name.
            sample: whose.
            course: what was given.
            state: how the rest is given.
            to_come: what is to come, over the prescription.

        Returns:
            (parts,) Gy; nan where the organ is unknown.
        """

    def mean_lung_gy(
        self, sample: int, course: Course, state: State = PLANNED, to_come: float = 0.0
    ) -> float:
        """Mean dose of lungs - GTV of a course and of what is to come in a state, Gy; nan if unknown."""
        return float(self.organ_gy("Lungs-GTV", sample, course, state, to_come).mean())

    def oesophagus_v60(
        self, sample: int, course: Course, state: State = PLANNED, to_come: float = 0.0
    ) -> float:
        """Share of the oesophagus above 60 Gy of a course and of what is to come; nan if unknown."""
        dose = self.organ_gy("Esophagus", sample, course, state, to_come)
        return float("nan") if np.isnan(dose).any() else float((dose >= 60).mean())
