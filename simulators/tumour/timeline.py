"""The events of several courses as flat arrays for the kernels: those that act on the tumour, and no others.

Images and fractions without dose leave no trace in the tumour's time steps, so looking at a patient and a plan of
zero dose change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulators.core.course import Course, Event
from simulators.core.kinetics import Params
from simulators.tumour.systemic import SEQUENTIAL_CYCLE
from twin import InputError
from twin.inputs.bounds import check
from twin.inputs.quantities import Time

SEQUENTIAL = 5  # what the kernels call a cycle of chemotherapy that is no part of a concurrent course

# The columns of the kernels' parameter table.
COLUMNS = (
    "alpha_per_gy",
    "alpha_beta_gy",
    "clearance_half_time_d",
    "growth_per_d",
    "capacity_cm3",
    "clonogen_density_per_cm3",
    "kickoff_d",
    "doubling_d",
    "hypoxic_fraction",
    "oer",
    "reoxygenation_half_time_d",
    "repair_half_time_h",
    "chemo_log_kill",
    "control_quantile",
    "regrowth_factor",
)


@dataclass(frozen=True, eq=False)
class Timeline:
    """Acting events of all courses, one course after the other.

    Args:
        begin: (courses + 1,) where each course's events begin.
        ordinal: (events,) the event's index in its own course.
        time_days, kind, dose_gy, scale: (events,) as in `Course`; a sequential cycle is of the kind `SEQUENTIAL`, and
            its scale is its log-kill over that of a whole concurrent course.
        grid: (events,) name of the dose grid or None.
        first_fraction: (courses,) time of the first fraction, days; nan where there is none.
    """

    begin: np.ndarray
    ordinal: np.ndarray
    time_days: np.ndarray
    kind: np.ndarray
    dose_gy: np.ndarray
    scale: np.ndarray
    grid: tuple[str | None, ...]
    first_fraction: np.ndarray

    @classmethod
    def of(cls, courses: Sequence[Course]) -> Timeline:
        """The acting events of courses.

        Args:
            courses: what was done.
        """
        chosen = [_acting(course) for course in courses]
        grids: list[str | None] = []
        for course, rows in zip(courses, chosen, strict=True):
            grids += [course.grids[g] if 0 <= g < len(course.grids) else None for g in course.grid[rows]]

        def joined(field: Callable[[Course], np.ndarray]) -> np.ndarray:
            return np.concatenate([field(c)[rows] for c, rows in zip(courses, chosen, strict=True)])

        kinds = joined(lambda c: c.kind).astype(np.int64)
        scales = joined(lambda c: c.scale).astype(np.float64)
        sequential = (kinds == Event.CHEMOTHERAPY) & (scales == 0)
        kinds[sequential], scales[sequential] = SEQUENTIAL, SEQUENTIAL_CYCLE
        times = joined(lambda c: c.time_days).astype(np.float64)
        begin = np.concatenate([[0], np.cumsum([len(rows) for rows in chosen])]).astype(np.int64)
        first = np.full(len(courses), np.nan)
        for c in range(len(courses)):
            part = slice(begin[c], begin[c + 1])
            fractions = times[part][kinds[part] == Event.FRACTION]
            first[c] = fractions[0] if fractions.size else np.nan
        return cls(
            begin=begin,
            ordinal=np.concatenate(chosen).astype(np.int64),
            time_days=times,
            kind=kinds,
            dose_gy=joined(lambda c: c.dose_gy).astype(np.float64),
            scale=scales,
            grid=tuple(grids),
            first_fraction=first,
        )

    def first_event(self, ordinals: np.ndarray) -> np.ndarray:
        """(courses,) index of the first event that has not happened, from the ordinals of a state.

        Args:
            ordinals: (courses,) of the first event that has not happened.
        """
        first = []
        for c, ordinal in enumerate(ordinals):
            lo, hi = self.begin[c], self.begin[c + 1]
            first.append(lo + np.searchsorted(self.ordinal[lo:hi], ordinal))
        return np.asarray(first, dtype=np.int64)

    def acts(self, first_event: np.ndarray, to_days: float) -> bool:
        """Whether anything happens to any tumour until a time.

        Args:
            first_event: (courses,) index of the first event that has not happened.
            to_days: the time, days.
        """
        ends = zip(first_event, self.begin[1:], strict=True)
        return any(e < end and self.time_days[e] <= to_days for e, end in ends)

    def last_fraction(self, first_event: np.ndarray) -> np.ndarray:
        """(courses,) time of the last fraction before an event index, nan where there is none.

        Args:
            first_event: (courses,) index of an event.
        """
        last = np.full(len(first_event), np.nan)
        for c, e in enumerate(first_event):
            part = slice(self.begin[c], e)
            fractions = self.time_days[part][self.kind[part] == Event.FRACTION]
            last[c] = fractions[-1] if fractions.size else np.nan
        return last

    def last_step(self, first_event: np.ndarray, t_days: float, step_days: float) -> np.ndarray:
        """(courses,) the latest time step at or before t: a multiple of the step, or an event.

        Args:
            first_event: (courses,) index of the first event that has not happened.
            t_days: the time, days.
            step_days: spacing of the time grid, days.
        """
        last = np.full(len(first_event), multiple_below(t_days, step_days))
        for c, e in enumerate(first_event):
            if e > self.begin[c]:
                last[c] = max(last[c], self.time_days[e - 1])
        return last


def multiple_below(t_days: float, step_days: float) -> float:
    """The largest multiple of the step at or before t, by the same arithmetic as in the kernels.

    Args:
        t_days: the time, days.
        step_days: spacing of the time grid, days.
    """
    from simulators.tumour.steps import next_multiple

    return (next_multiple.py_func(t_days, step_days) - 1) * step_days  # compiled, it would take a second


def _acting(course: Course) -> np.ndarray:
    """Ordinals of the events that do something to the tumour."""
    doses = (course.kind == Event.FRACTION) & (course.dose_gy > 0)
    drugs = course.kind == Event.CHEMOTHERAPY
    end = (course.kind == Event.COURSE_END) & (doses.any() or drugs.any())
    return np.flatnonzero(doses | drugs | end)


def ordinals_at(courses: Sequence[Course], t_days: float) -> np.ndarray:
    """(courses,) index of the first event after a time.

    Args:
        courses: sorted by time.
        t_days: the time, days.
    """
    return np.array([np.searchsorted(c.time_days, t_days, side="right") for c in courses], dtype=np.int64)


def check_batch(courses: Sequence[Course], batch: tuple[int, ...]) -> None:
    """Refuse courses that do not fit a batch.

    Args:
        courses: one for all, or one for each index of the batch's first axis.
        batch: of the parameters.

    Raises:
        InputError: there are several courses, and the batch does not begin with their number.
    """
    if len(courses) > 1 and (not batch or batch[0] != len(courses)):
        raise InputError(f"{len(courses)} courses need a batch that begins with {len(courses)}, not {batch}")


def check_forward(t_days: float, to_days: float) -> None:
    """Refuse to go back in time, or on for longer than anybody lives.

    Args:
        t_days: where the tumour stands, days.
        to_days: the wanted time, days.

    Raises:
        InputError: the wanted day lies before the one on which the tumour stands, or beyond all bounds.
    """
    check(Time, to_days, "the day to which a tumour is followed")
    if to_days < t_days:
        raise InputError(f"the tumour stands at day {t_days:g} and cannot go back to day {to_days:g}")


def batch_shape(params: Params) -> tuple[int, ...]:
    """The batch that the parameters broadcast to.

    Args:
        params: parameter -> (*B,).
    """
    return np.broadcast_shapes(*(np.shape(v) for v in params.values()))


def parameter_table(params: Params, batch: tuple[int, ...]) -> np.ndarray:
    """(columns, rows) float64 of the kernels' parameters, and last the normal quantile of the draw.

    Args:
        params: parameter -> (*B,).
        batch: to which they are broadcast.
    """
    from scipy.special import ndtri

    columns = [params[name] for name in COLUMNS]
    columns.append(ndtri(np.asarray(columns[COLUMNS.index("control_quantile")], np.float64)))
    table = np.empty((len(columns), *batch))
    for i, values in enumerate(columns):
        table[i, ...] = values
    return table.reshape(len(columns), -1)


def local_doses(timeline: Timeline, relative: Mapping[str, np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """(events, *shape) local dose of each fraction, Gy: its prescribed dose times the grid's local ratio.

    Without any ratios, and for fractions of which only the prescription is known, it is the prescribed dose.

    Args:
        timeline: of the courses.
        relative: dose grid name -> (*shape) ratio of the local dose to the prescribed one.
        shape: of the grain.

    Raises:
        InputError: a fraction's dose grid has no ratios among those given.
    """
    local = np.empty((len(timeline.grid), *shape))
    for e, name in enumerate(timeline.grid):
        if relative and name is not None and name not in relative:
            raise InputError(f"fractions use the dose grid {name!r}, of which the kinetics know no dose")
        local[e] = timeline.dose_gy[e] * (relative[name] if relative and name is not None else 1.0)
    return local
