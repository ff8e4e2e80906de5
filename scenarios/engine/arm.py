"""One arm of a comparison: what a scenario became for all samples of a patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from simulators.anatomy.events import AnatomyEvents
from simulators.core.course import Course
from simulators.tumour.dose_volume import DoseVolumeKinetics
from twin import DoseGrid, PatientTwin
from twin.dose import Method


@dataclass(frozen=True, eq=False)
class Arm:
    """What one scenario became: a course for all samples, or one for each.

    Args:
        courses: one, or one for each sample.
        doses: dose grid by the name that the courses use, in the room.
        bin_fraction: (bins,) share of the GTV in each dose bin.
        relative: name -> (bins,) dose over prescription in the bins.
        decisions: rows of the `decisions` table.
        tumour_doses: the same as `doses` on the tissue of the tumour, where that moves; None where it does not.
        events: what happens to the samples' anatomy; None where nothing does.
    """

    courses: Sequence[Course]
    doses: Mapping[str, DoseGrid]
    bin_fraction: np.ndarray
    relative: Mapping[str, np.ndarray]
    decisions: list[dict[str, Any]] = field(default_factory=list)
    tumour_doses: Mapping[str, DoseGrid] | None = None
    events: AnatomyEvents | None = None

    @cached_property
    def delivered(self) -> tuple[DoseGrid, ...]:
        """The doses that the courses deliver."""
        return tuple(self.doses[n] for n in dict.fromkeys(n for course in self.courses for n in course.grids))

    @property
    def methods(self) -> tuple[Method, ...]:
        """By which the doses that the courses deliver were calculated."""
        return tuple(dict.fromkeys(dose.method for dose in self.delivered))

    @property
    def dose_method(self) -> str | None:
        """The methods in words; None where nothing is delivered."""
        return " and ".join(self.methods) or None

    def course(self, sample: int) -> Course:
        """The course of one sample."""
        return self.courses[sample if len(self.courses) > 1 else 0]

    def at_tumour(self, name: str) -> DoseGrid:
        """A dose on the tumour's tissue, where that was on day 0."""
        return (self.tumour_doses or self.doses)[name]

    @classmethod
    def open_loop(cls, twin: PatientTwin, course: Course, doses: Mapping[str, DoseGrid]) -> Arm:
        """The arm of a scenario that nobody decides upon: all samples share its course."""
        own = {name: doses[name] for name in course.grids}
        kinetics = DoseVolumeKinetics.from_dose(twin, own)  # bins are the arm's own, whatever the other plans
        return cls([course], own, kinetics.bin_fraction, kinetics.relative_dose)
