"""What was planned and given, from plans, doses and treatment records."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.dicom.left_out import LeftOut
from twin.dicom.naming import Names
from twin.dicom.treatment.rtdose import RtDose
from twin.dicom.treatment.rtplan import FractionGroup, Plan
from twin.dicom.treatment.rtrecord import Session
from twin.dicom.treatment.summation import PlanDose, plan_doses, times
from twin.dose import DoseGrid, Fraction
from twin.errors import InputError
from twin.structures import StructureSet, bounding_box
from twin.volume import Volume

_CLOCK = 0.375  # 09:00, where no record keeps the time
_MOST_GY = 100.0  # more than any course of external beams gives: plans beyond it are choices, not phases
_REACHED = 0.5  # of the prescription, median over the tumour; below it the dose lies elsewhere


@dataclass(frozen=True, eq=False)
class Treatment:
    """A patient's dose history.

    Args:
        doses: one grid a plan, then sums of several plans.
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
    left_out: LeftOut,
    delivered_from: float | None = None,
) -> Treatment:
    """The dose history of one patient.

    Delivered are the sessions of the treatment records; where there is none, all fractions of the plans that were
    meant to be delivered from the day that the user gives, on weekdays at 09:00; else nothing.

    Args:
        plans: all RTPLANs.
        doses: all RTDOSEs, in the baseline's frame.
        sessions: all that treatment records tell.
        contours: structures with a GTV, whose median dose stands for a prescription that no plan states.
        day0: the date of day 0, or None where it is unknown.
        left_out: takes plans, doses and records that do not count.
        delivered_from: day of the first fraction.

    Raises:
        InputError: no date to lay fractions from that day on.
    """
    given = {s.plan_uid for s in sessions}
    counted = {p.uid: p for p in plans if _counts(p, p.uid in given, left_out)}
    void = {p.uid for p in plans} - set(counted)
    history = _History(counted, contours, day0, left_out)
    for dose in plan_doses(_without(doses, void, left_out), counted, left_out):
        history.lay(dose)
    fractions = history.recorded([s for s in sessions if s.plan_uid not in void])
    if not fractions and delivered_from is not None:
        fractions = history.assumed(delivered_from)
    elif not fractions:
        for plan in history.in_order():
            history.notes.append(
                f"plan {plan.name} was not counted as delivered: no treatment record, no --delivered-from"
            )
    ordered = tuple(sorted(fractions, key=lambda f: f.time_days))
    return Treatment(tuple(history.grids), ordered, tuple(history.notes))


def _counts(plan: Plan, recorded: bool, left_out: LeftOut) -> bool:
    """Whether a plan is a treatment: not meant for a phantom, and not rejected unless records say it was given."""
    if not plan.treats:
        left_out.add("RTPLAN", 1, f"a plan of intent {plan.intent} treats nobody")
    elif plan.status == "REJECTED" and not recorded:
        left_out.add("RTPLAN", 1, f"plan {plan.name} is REJECTED")
    else:
        return True
    return False


def _without(doses: Sequence[RtDose], void: set[str], left_out: LeftOut) -> list[RtDose]:
    """The doses that do not belong to plans that do not count alone."""
    kept = []
    for dose in doses:
        if dose.plans and dose.plans <= void:
            left_out.add("RTDOSE", 1, "a dose of a plan that was left out")
        else:
            kept.append(dose)
    return kept


class _History:
    """Doses and fractions on their way into the twin."""

    def __init__(
        self,
        plans: Mapping[str, Plan],
        contours: StructureSet | None,
        day0: datetime.date | None,
        left_out: LeftOut,
    ) -> None:
        self.plans, self.contours, self.day0, self.left_out = dict(plans), contours, day0, left_out
        self.grids: list[DoseGrid] = []
        self.of_plan: dict[str, DoseGrid] = {}
        self.sums: list[tuple[frozenset[str], DoseGrid]] = []
        self.notes: list[str] = []
        self.names = Names()

    def in_order(self) -> list[Plan]:
        """The plans in the order in which they were made, of one day the one with most fractions first."""
        return sorted(self.plans.values(), key=lambda p: (p.made, -p.fractions, -p.prescription_gy, p.uid))

    # Doses

    def lay(self, dose: PlanDose) -> None:
        """Take a plan's dose, or a sum of several."""
        parts = [p for p in self.in_order() if p.uid in dose.plans]
        whole = len(parts) == len(dose.plans) >= 1 + dose.total
        stated = whole and all(p.stated for p in parts)
        volume = dose.volume
        name = "+".join(p.name for p in parts)
        prescription_gy = sum(p.prescription_gy for p in parts)
        if stated and not dose.exact:
            volume = self._of_all_fractions(volume, parts[0])
        median_gy = self._median_gy(volume)
        if not stated:
            if not median_gy:
                self.left_out.add(
                    "RTDOSE", 1, "no plan states a prescription for it and it gives the tumour no dose"
                )
                return
            prescription_gy = median_gy
            name = "sum" if dose.total else self._stands_for(parts, median_gy)
        elif median_gy is not None and median_gy < _REACHED * prescription_gy:
            self.notes.append(
                f"WARNING: the dose {name} does not reach the tumour: its median there is {median_gy:g} Gy of "
                f"{prescription_gy:g} Gy prescribed; check that plan, dose and contours belong together"
            )
        fractions = self._fractions_of(parts) if stated else None
        grid = DoseGrid(self.names.free(name), volume, prescription_gy, dose.method, fractions)
        self.grids.append(grid)
        if dose.total:
            self.sums.append((dose.plans, grid))
        elif dose.plans:
            self.of_plan[next(iter(dose.plans))] = grid

    def _fractions_of(self, parts: Sequence[Plan]) -> int | None:
        """Fractions of plans with one target; None, and said, where one has several."""
        for plan in parts:
            if plan.targets > 1:
                self.notes.append(
                    f"plan {plan.name} prescribes {plan.targets} different doses to targets, the highest "
                    f"{plan.prescription_gy:g} Gy; say the tumour's with rt-twin edit TWIN --reference"
                )
                return None
        return sum(p.fractions for p in parts)

    def _stands_for(self, parts: list[Plan], median_gy: float) -> str:
        """The name of a dose whose prescription no plan states; a single plan gets the median in its place."""
        self.notes.append(
            f"no plan states a prescription; {median_gy:g} Gy, the median dose in the GTV, stands for it until one is "
            "given with rt-twin edit TWIN --reference"
        )
        if len(parts) != 1:
            return "dose"
        old = parts[0]
        ratio = median_gy / old.prescription_gy
        groups = tuple(replace(g, fraction_gy=g.fraction_gy * ratio) for g in old.groups)
        self.plans[old.uid] = replace(old, prescription_gy=median_gy, groups=groups)
        return self.plans[old.uid].name

    def _of_all_fractions(self, volume: Volume, plan: Plan) -> Volume:
        """A dose put together from beams or groups, over all fractions.

        The standard means all fractions by FRACTION and BEAM; where the dose at the tumour agrees with the dose of
        one fraction and not with the prescription, the file means one.
        """
        there = self._median_gy(volume) or float(volume.array.max())
        if there <= 0:
            return volume
        one_gy = plan.prescription_gy / plan.fractions
        if abs(np.log(there / one_gy)) >= abs(np.log(there / plan.prescription_gy)):
            return volume
        self.notes.append(
            f"the doses of plan {plan.name} are of one fraction by their size, and were multiplied by {plan.fractions}"
        )
        return times(volume, plan.fractions)

    def _median_gy(self, volume: Volume) -> float | None:
        """Median dose in the GTV, Gy; None where there is no GTV."""
        if self.contours is None:
            return None
        gtv = self.contours.gtv()
        box = bounding_box(gtv)
        return round(float(np.median(volume.on(self.contours.geometry.crop(box))[gtv[box]])), 1)

    # Fractions

    def recorded(self, sessions: Sequence[Session]) -> list[Fraction]:
        """The fractions that records tell, each with the share of its dose that was given."""
        found = []
        for session in sessions:
            plan = self.plans.get(session.plan_uid)
            if plan is None:
                self.left_out.add(
                    "RTRECORD", 1, "it names an RTPLAN that is not in the set or was left out; add it"
                )
                continue
            if self.day0 is None:
                self.left_out.add("RTRECORD", 1, "it has no place in time: the planning CT has no date")
                continue
            group = next((g for g in plan.groups if g.number == session.group), plan.groups[0])
            day = (session.date - self.day0).days + session.clock
            found.append(self._fraction(day, plan, group, session.share))
            if session.share < 1:
                self.notes.append(f"the fraction on day {day:.2f} was given to {100 * session.share:.0f} %")
            if session.days > 1:
                self.notes.append(
                    f"the fraction on day {day:.2f} was given on {session.days} days and counts once, "
                    "on the day of most"
                )
        return found

    def assumed(self, first: float) -> list[Fraction]:
        """All fractions of the plans one after the other, on weekdays at 09:00.

        Raises:
            InputError: the planning CT has no date.
        """
        if self.day0 is None:
            raise InputError("fractions cannot be laid on weekdays: the planning CT has no StudyDate")
        day, found = int(first), []
        for plan in self._one_course():
            for group in plan.groups:
                for _ in range(group.fractions):
                    while (self.day0.weekday() + day) % 7 >= 5:
                        day += 1
                    found.append(self._fraction(day + _CLOCK, plan, group, 1.0))
                    day += 1
        return found

    def _one_course(self) -> list[Plan]:
        """The plans that make one course: approved ones where any is, none that another replaces or repeats."""
        plans = [p for p in self.in_order() if p.intent != "RESEARCH"]
        approved = [p for p in plans if p.status == "APPROVED"]
        chosen = approved or plans
        replaced = {uid for p in chosen for uid in p.replaces}
        chosen = [p for p in chosen if p.uid not in replaced]
        last = {p.name: p for p in chosen}  # a copy of the same prescription is a revision
        chosen = [p for p in chosen if last[p.name] is p]
        if sum(p.prescription_gy for p in chosen) > _MOST_GY:
            chosen = chosen[-1:]
        for plan in plans:
            if plan not in chosen:
                used = " and ".join(p.name for p in chosen)
                why = (
                    "is not approved"
                    if approved and plan not in approved
                    else "is another choice for the same course"
                )
                self.notes.append(f"plan {plan.name} was not counted as delivered beside {used}: it {why}")
        return chosen

    def _fraction(self, time_days: float, plan: Plan, group: FractionGroup, share: float) -> Fraction:
        gy = group.fraction_gy * share
        grid = self.of_plan.get(plan.uid)
        if grid is not None:
            return Fraction(time_days, gy, grid.name, gy / plan.prescription_gy)
        for plans, whole in self.sums:
            if plan.uid in plans:
                note = f"plan {plan.name} has no dose of its own: its fractions are shares of the sum {whole.name}"
                if note not in self.notes:
                    self.notes.append(note)
                return Fraction(time_days, gy, whole.name, gy / whole.prescription_gy)
        return Fraction(time_days, gy)
