"""What was planned and given, from plans, doses and treatment records."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.dicom.naming import Names
from twin.dicom.rtdose import RtDose, summed
from twin.dicom.rtplan import Plan, Session
from twin.dose import DoseGrid, Fraction
from twin.errors import InputError
from twin.structures import StructureSet
from twin.volume import Volume

_CLOCK = 0.375  # 09:00, where no record keeps the time


@dataclass(frozen=True, eq=False)
class Treatment:
    """A patient's dose history.

    Args:
        doses: one grid a plan.
        fractions: what was delivered, by time.
        notes: what was assumed or not counted.
    """

    doses: tuple[DoseGrid, ...]
    fractions: tuple[Fraction, ...]
    notes: tuple[str, ...]


def treatment(
    plans: Sequence[Plan],
    doses: Sequence[RtDose],
    sessions: Sequence[Session],
    *,
    contours: StructureSet | None,
    day0: datetime.date | None,
    delivered_from: float | None = None,
) -> Treatment:
    """The dose history of one patient.

    Delivered are the sessions of the treatment records; where there is none, all fractions of the plans from
    the day that the user gives, on weekdays at 09:00; else nothing.

    Args:
        plans: all RTPLANs.
        doses: all RTDOSEs, in the baseline's frame.
        sessions: all treatment records.
        contours: structures with a GTV, whose median dose stands for a prescription that no plan states.
        day0: the date of day 0, or None where it is unknown.
        delivered_from: day of the first fraction.

    Raises:
        InputError: a dose that is zero, a record of an unknown plan, or no date to count days from.
    """
    known = {plan.uid: plan for plan in plans}
    of_plan: dict[str, list[RtDose]] = defaultdict(list)
    for dose in doses:
        of_plan[dose.plan_uid].append(dose)
    notes: list[str] = []
    names = Names()
    grids: dict[str, DoseGrid] = {}
    for uid, parts in of_plan.items():
        plan = known.get(uid)
        volume = summed(parts, plan.fractions if plan else 1)
        if plan is None or not plan.stated:
            stands_gy = _median_gtv_gy(volume, contours)
            notes.append(
                f"no plan states a prescription; {stands_gy:g} Gy, the median dose in the GTV, stands for it"
            )
            plan = replace(plan, prescription_gy=stands_gy) if plan else None
            known |= {uid: plan} if plan else {}
            grids[uid] = DoseGrid(names.free(plan.name if plan else "dose"), volume, stands_gy)
        else:
            grids[uid] = DoseGrid(names.free(plan.name), volume, plan.prescription_gy)
    fractions = _recorded(sessions, known, grids, day0)
    if not fractions and delivered_from is not None:
        fractions = _assumed(list(known.values()), grids, day0, delivered_from)
    if not fractions:
        for plan in known.values():
            notes.append(
                f"plan {plan.name} was not counted as delivered: no treatment record, no --delivered-from"
            )
    ordered = tuple(sorted(fractions, key=lambda f: f.time_days))
    return Treatment(tuple(grids.values()), ordered, tuple(notes))


def _median_gtv_gy(volume: Volume, contours: StructureSet | None) -> float:
    if contours is None:
        raise InputError(
            "an RTDOSE has neither a plan that states its prescription nor a GTV; add one of them"
        )
    median = float(np.median(volume.on(contours.geometry)[contours.gtv()]))
    if median <= 0:
        raise InputError("an RTDOSE whose plan states no prescription gives the GTV no dose; add its RTPLAN")
    return round(median, 1)


def _recorded(
    sessions: Sequence[Session],
    plans: Mapping[str, Plan],
    grids: Mapping[str, DoseGrid],
    day0: datetime.date | None,
) -> list[Fraction]:
    """One fraction for each session, however many beams' records it left."""
    once = {(s.plan_uid, s.date, s.number): s for s in sessions}
    found = []
    for session in once.values():
        plan = plans.get(session.plan_uid)
        if plan is None:
            raise InputError("a treatment record names an RTPLAN that is not in the set; add it")
        if day0 is None:
            raise InputError("treatment records have no place in time: the planning CT has no StudyDate")
        found.append(_fraction((session.date - day0).days + session.clock, plan, grids))
    return found


def _assumed(
    plans: Sequence[Plan], grids: Mapping[str, DoseGrid], day0: datetime.date | None, first: float
) -> list[Fraction]:
    """All fractions of the plans one after the other, on weekdays at 09:00."""
    if day0 is None:
        raise InputError("fractions cannot be laid on weekdays: the planning CT has no StudyDate")
    day, found = int(first), []
    for plan in plans:
        for _ in range(plan.fractions):
            while (day0.weekday() + day) % 7 >= 5:
                day += 1
            found.append(_fraction(day + _CLOCK, plan, grids))
            day += 1
    return found


def _fraction(time_days: float, plan: Plan, grids: Mapping[str, DoseGrid]) -> Fraction:
    grid = grids.get(plan.uid)
    if grid is None:
        return Fraction(time_days, plan.fraction_gy)
    return Fraction(time_days, plan.fraction_gy, grid.name, 1.0 / plan.fractions)
