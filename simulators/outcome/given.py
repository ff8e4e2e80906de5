"""What courses mean to the calibrated outcome model: dose, time and drugs, and how much of the tumour has its dose."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulators.core.course import Course, Event
from simulators.outcome.schedule import Schedule

# Trials prescribe to a target whose margin has 95 % (ICRU 62), and count as the whole dose what that gives the tumour.
_ACCEPTED = 0.95
_ALPHA_PER_GY, _ALPHA_BETA_GY = 0.33, 11.0  # the middle of the posterior, for a tumour of uneven dose


@dataclass(frozen=True, eq=False)
class Given:
    """What was given, as arrays of any one shape.

    Args:
        total_gy: total dose.
        size_gy: dose a fraction with its factor of incomplete repair.
        days: of the course, the first one counted.
        drugs, concurrent, immune: 1 with any drugs, concurrent ones, consolidation by an immune checkpoint inhibitor.
    """

    total_gy: np.ndarray
    size_gy: np.ndarray
    days: np.ndarray
    drugs: np.ndarray
    concurrent: np.ndarray
    immune: np.ndarray

    @classmethod
    def of(
        cls,
        courses: Sequence[Course],
        relative: Sequence[Mapping[str, np.ndarray]] = ({},),
        bin_fraction: np.ndarray | float = 1.0,
    ) -> Given:
        """That of courses, (courses,).

        Args:
            courses: with their drugs.
            relative: for equal shares of the courses in turn, dose grid -> (bins,) dose over prescription in the
                tumour; a grid that is not in it gives the prescription everywhere.
            bin_fraction: (bins,) share of the tumour in each bin.
        """
        each = max(1, len(courses) // len(relative))
        known: dict[tuple, tuple[float, ...]] = {}
        rows = []
        for i, course in enumerate(courses):
            own = relative[min(i // each, len(relative) - 1)]
            key = (id(own), *_content(course))
            if key not in known:
                known[key] = _facts(course, own, np.atleast_1d(bin_fraction))
            rows.append(known[key])
        return cls(*np.array(rows, dtype=np.float64).T)

    @classmethod
    def stacked(cls, each: Sequence[Given]) -> Given:
        """Several of one shape under a new first axis.

        Args:
            each: of them.
        """
        return cls(*(np.stack([getattr(g, name) for g in each]) for name in vars(each[0])))

    def __getitem__(self, at: Any) -> Given:
        return Given(*(values[at] for values in vars(self).values()))

    def reshaped(self, *shape: int) -> Given:
        """The same with arrays of another shape.

        Args:
            *shape: of them.
        """
        return Given(*(np.reshape(values, shape) for values in vars(self).values()))

    def broadcast(self, *shape: int) -> Given:
        """The same for more of them.

        Args:
            *shape: to which the arrays broadcast.
        """
        return Given(*(np.broadcast_to(values, shape) for values in vars(self).values()))


def plan_of(course: Course) -> str:
    """A name of what a course gives, for the chance of its arm: the same fractions have the same.

    Args:
        course: any.
    """
    times, dose = _fractions(course)
    return hashlib.sha256(repr([times.tolist(), dose.tolist()]).encode()).hexdigest()


def _fractions(course: Course) -> tuple[np.ndarray, np.ndarray]:
    fractions = course.of(Event.FRACTION)
    return course.time_days[fractions], course.dose_gy[fractions]


def _content(course: Course) -> tuple[bytes, ...]:
    return tuple(
        a.tobytes() for a in (course.time_days, course.kind, course.dose_gy, course.grid, course.scale)
    )


def _facts(course: Course, relative: Mapping[str, np.ndarray], bin_fraction: np.ndarray) -> tuple[float, ...]:
    cycles = course.of(Event.CHEMOTHERAPY)
    drugs = (
        float(cycles.size > 0),
        float((course.scale[cycles] > 0).any()),
        float(course.of(Event.IMMUNOTHERAPY).size > 0),
    )
    schedule = Schedule.of(course)
    if not schedule.total_gy:
        return (0.0, 0.0, 0.0, *drugs)
    reached = _reached(course, relative, bin_fraction)
    return (reached * schedule.total_gy, reached * schedule.size_gy, schedule.days, *drugs)


def _reached(course: Course, relative: Mapping[str, np.ndarray], bin_fraction: np.ndarray) -> float:
    """Equivalent uniform dose of the tumour over the prescription (Niemierko 1997), 1 where trials' plans reach it.

    More dose than prescribed counts no more: no trial says what it does to a part of the tumour.
    """
    fractions = course.of(Event.FRACTION)
    dose, grid = course.dose_gy[fractions], course.grid[fractions]
    local = np.ones((len(dose), len(bin_fraction)))
    for i, name in enumerate(course.grids):
        if name in relative:
            local[grid == i] = relative[name]
    given = dose[:, None] * np.minimum(local / _ACCEPTED, 1.0)
    kill = _ALPHA_PER_GY * (given * (1.0 + given / _ALPHA_BETA_GY)).sum(axis=0)
    least = kill.min()
    effect = (least - np.log((bin_fraction * np.exp(least - kill)).sum())) / _ALPHA_PER_GY
    total, per_size = dose.sum(), (dose**2).sum() / _ALPHA_BETA_GY  # effect = f total + f^2 per_size
    reached = (np.sqrt(total**2 + 4.0 * per_size * effect) - total) / (2.0 * per_size)
    return float(min(1.0, reached))
