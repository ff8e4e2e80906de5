"""Doses of a plan and of its replans for a patient without images, whose organ doses are a similar one's.

The organs of a replan's smaller target get less by the same regression on the tumour's volume by which a similar
patient's doses are scaled. A tumour that has moved is a sphere in a field of its technique's margins: what it gets,
relative to the tumour in its place, is a fall-off by distance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scenarios.engine.library import LEVELS, PLANNED, DoseLibrary, State
from scenarios.matching.doses import Matches, ReferencePatients
from scenarios.plans.plan import TreatmentPlan
from simulators.core.course import Course, Event
from twin import DoseGrid

_POINTS = 20  # of the sphere, each a bin
_MARGIN_MM = {False: 14.0, True: 5.0}  # GTV to PTV, by whether it is SBRT: CTV 6 to 8 mm and 7 mm more; 5 mm
# Fall-off of many beams around the target, 95 % at the PTV's edge; with 8 mm a moved sphere of 60 cm3 keeps the mean
# dose that an in-silico patient's tumour does by calculation, within 3 % up to 25 mm.
_FALL_MM = 8.0
_AT_EDGE = 1.645


@dataclass(eq=False)
class MatchedLibrary(DoseLibrary):
    """Doses of one plan, for a patient without images.

    Args:
        plan: whose doses.
        gtv_cm3: tumour volume at day 0, cm3.
        stereotactic: technique.
        references: of the technique.
        matches: of this patient, (1, samples).
        doses, tumour_doses: none; there is no grid.
        relative: state name -> (bins,) dose over prescription in the tumour.
        levels: state name -> index into LEVELS.
    """

    plan: TreatmentPlan
    gtv_cm3: float
    stereotactic: bool
    references: ReferencePatients
    matches: Matches
    doses: dict[str, DoseGrid] = field(default_factory=dict)
    tumour_doses: dict[str, DoseGrid] = field(default_factory=dict)
    relative: dict[str, np.ndarray] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.state(PLANNED)

    @property
    def bin_fraction(self) -> np.ndarray:
        """(bins,) share of the tumour in each bin."""
        return np.full(_POINTS, 1 / _POINTS)

    def state(self, state: State) -> str:
        """Name of the dose that is delivered in a state."""
        name = state.name(self.plan.label)
        if name not in self.relative:
            self.relative[name] = self._tumour_dose * self._kept(state.moved_mm)
            self.levels[name] = state.level
        return name

    def log_factors(self, courses: Sequence[Course], levels: Mapping[str, int]) -> Mapping[str, np.ndarray]:
        """Organ, or "integral" -> (courses,) logarithm of what replans left of its dose."""
        slopes = self.references.slopes
        found = {}
        for organ, slope in slopes.items():
            shrunk = np.array(LEVELS) ** slope
            found[organ] = np.log([_mean_over_fractions(c, levels, shrunk) for c in courses])
        return found

    def organ_gy(self, organ: str, sample: int, course: Course, state: State, to_come: float) -> np.ndarray:
        """Dose of the organ's parts: those of the similar patient, scaled."""
        shrunk = LEVELS[state.level] ** self.references.slopes[organ] * to_come
        for i in course.of(Event.FRACTION):
            level = self.levels.get(course.grids[course.grid[i]], 0) if course.grid[i] >= 0 else 0
            shrunk += course.scale[i] * LEVELS[level] ** self.references.slopes[organ]
        factor = np.exp(self.matches.log_factor[organ][0, sample])
        return (
            self.plan.total_gy
            * shrunk
            * factor
            * self.references.parts[organ][self.matches.reference[0, sample]]
        )

    @cached_property
    def _tumour_dose(self) -> float:
        return self.references.tumour_dose()

    @cached_property
    def _sphere(self) -> tuple[np.ndarray, float]:
        """(bins, 3) points that fill a sphere evenly, mm, and the distance at which the dose has fallen to half."""
        radius = (3000.0 * self.gtv_cm3 / (4 * np.pi)) ** (1 / 3)
        k = np.arange(_POINTS) + 0.5
        up, turn = 1 - 2 * k / _POINTS, np.pi * (1 + 5**0.5) * k  # Fibonacci's lattice on the sphere
        flat = np.sqrt(1 - up**2)
        directions = np.stack([up, flat * np.cos(turn), flat * np.sin(turn)], axis=1)
        depth = ((7 * np.arange(_POINTS) % _POINTS + 0.5) / _POINTS) ** (
            1 / 3
        )  # depths not tied to directions
        half = radius + _MARGIN_MM[self.stereotactic] + _AT_EDGE * _FALL_MM
        return radius * depth[:, None] * directions, half

    def _kept(self, moved_mm: tuple[float, float, float]) -> np.ndarray:
        """(bins,) dose of a moved tumour over that of one in its place."""
        from scipy.special import ndtr

        points, half = self._sphere
        near, far = (
            np.linalg.norm(points + np.asarray(by, dtype=np.float64), axis=1) for by in ((0, 0, 0), moved_mm)
        )
        return np.minimum(ndtr((half - far) / _FALL_MM) / ndtr((half - near) / _FALL_MM), 1.0)


def _mean_over_fractions(course: Course, levels: Mapping[str, int], shrunk: np.ndarray) -> float:
    """Mean of a factor by level over the fractions of a course, by their dose; 1 where there is none."""
    given = course.of(Event.FRACTION)
    total = course.scale[given].sum()
    if total == 0:
        return 1.0
    factors = [
        shrunk[levels.get(course.grids[course.grid[i]], 0)] if course.grid[i] >= 0 else 1.0 for i in given
    ]
    return float((course.scale[given] * factors).sum() / total)
