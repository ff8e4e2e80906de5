"""Which doses belong to which plan, and the dose of a whole plan from what was exported of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from twin.dicom.left_out import LeftOut
from twin.dicom.treatment.rtdose import RtDose
from twin.dicom.treatment.rtplan import Plan
from twin.dose import Method, least_method
from twin.errors import InputError
from twin.geometry import Shape, Triple
from twin.volume import Volume

_MANY = "MULTI_PLAN"
_READ = ("PLAN", _MANY, "FRACTION", "FRACTION_SESSION", "BEAM", "BEAM_SESSION", "BRACHY", "")
_MAX_VOXELS = 1 << 27
_BY_BEAM = ("BEAM", "BEAM_SESSION", "BRACHY")


@dataclass(frozen=True, eq=False)
class PlanDose:
    """The dose of one plan, or the sum of several.

    Args:
        volume: Gy, of all fractions.
        plans: UIDs of the plans; empty where it cannot be told.
        total: it is a sum of several plans, whether the file names all of them or not.
        exact: it was exported as the dose of the whole; else it was put together from parts, which some systems
            export for one fraction though the standard means all of them.
        method: by which it was calculated.
    """

    volume: Volume
    plans: frozenset[str]
    total: bool
    exact: bool
    method: Method


def plan_doses(doses: Sequence[RtDose], plans: Mapping[str, Plan], left_out: LeftOut) -> list[PlanDose]:
    """One dose for each plan or sum of plans that the files hold.

    A dose belongs to the plans that it names, else to the one that names it, else to the only plan there is. What it
    is the dose of is its DoseSummationType (DICOM PS3.3 C.8.8.3): PLAN of all of one plan; MULTI_PLAN of several, so
    it is a sum of its own and never the dose of one of them; FRACTION and BEAM of one fraction group or beam over
    all fractions, FRACTION_SESSION and BEAM_SESSION of one fraction.

    Args:
        doses: each once, in the order in which they were made.
        plans: by UID.
        left_out: takes doses that are only a part or that a newer one replaces.
    """
    of: dict[tuple[frozenset[str], bool], list[RtDose]] = defaultdict(list)
    for dose in doses:
        if dose.summation not in _READ:
            _leave(left_out, [dose], f"a dose of {dose.summation} is not the dose of a plan")
            continue
        named = _plans_of(dose, plans)
        of[named, len(named) > 1 or dose.summation == _MANY].append(dose)
    found = []
    for (named, many), parts in sorted(of.items(), key=lambda item: (item[0][1], sorted(item[0][0]))):
        if many:
            found.append(_whole(_newest(parts, left_out), named, total=True))
            continue
        whole = [d for d in parts if d.summation == "PLAN"] or [
            d for d in parts if d.summation == "" and not d.beams
        ]
        if whole:
            found.append(_whole(_newest(whole, left_out), named, total=False))
            continue
        summed = _of_parts(parts, plans.get(next(iter(named), "")), left_out)
        if summed is not None:
            method = least_method(d.comment for d in parts)
            found.append(PlanDose(summed, named, total=False, exact=False, method=method))
    return found


def _whole(dose: RtDose, named: frozenset[str], *, total: bool) -> PlanDose:
    return PlanDose(dose.volume, named, total, exact=True, method=least_method([dose.comment]))


def _plans_of(dose: RtDose, plans: Mapping[str, Plan]) -> frozenset[str]:
    if dose.plans:
        return dose.plans
    naming = frozenset(uid for uid, plan in plans.items() if dose.uid in plan.doses)
    return naming or (frozenset(plans) if len(plans) == 1 else frozenset())


def _newest(doses: Sequence[RtDose], left_out: LeftOut) -> RtDose:
    """The dose that was made last; where nothing says which, the finest grid, then the order of their UIDs."""
    *others, newest = sorted(doses, key=lambda d: (d.made, -d.volume.geometry.voxel_cm3, d.uid))
    older = [d for d in others if not _equal(d.volume, newest.volume)]
    if older:
        _leave(left_out, older, "a newer dose of the same plan is used")
    return newest


def _equal(one: Volume, other: Volume) -> bool:
    return one.geometry.same_grid(other.geometry) and np.array_equal(one.array, other.array)


def _of_parts(doses: Sequence[RtDose], plan: Plan | None, left_out: LeftOut) -> Volume | None:
    """The dose of a plan from its fraction groups, else from its beams; None where some are missing."""
    by_group = [d for d in doses if d.summation.startswith("FRACTION")]
    if by_group:
        parts = _one_each(by_group, [d.groups for d in by_group], left_out)
        needed = frozenset(g.number for g in plan.groups) if plan else frozenset()
        named, what = frozenset(g for d in parts for g in d.groups), "fraction groups"
    else:
        by_beam = [d for d in doses if d.summation in _BY_BEAM or d.beams]
        parts = _one_each(by_beam, [d.beams for d in by_beam], left_out)
        needed = plan.needed if plan else frozenset()
        named, what = frozenset(b for d in parts for b in d.beams), "beams"
    missing = len(needed - named) if named & needed else len(needed) - len(parts)
    if missing > 0:
        _leave(left_out, parts, f"the doses of {missing} of the plan's {what} are missing")
        return None
    try:
        return sum_on_one_grid([_all_fractions(d, plan) for d in parts])
    except InputError as error:
        _leave(left_out, parts, error)
        return None


def _one_each(doses: Sequence[RtDose], parts: Sequence[frozenset[int]], left_out: LeftOut) -> list[RtDose]:
    """Doses of a beam or a group that was calculated twice, the newest; those that name none are all different."""
    of: dict[tuple[Any, ...], list[RtDose]] = defaultdict(list)
    for dose, numbers in zip(doses, parts, strict=True):
        of[(*sorted(numbers), *sorted(dose.groups)) or (dose.uid,)].append(dose)
    return [_newest(same, left_out) for _, same in sorted(of.items(), key=lambda item: str(item[0]))]


def _all_fractions(dose: RtDose, plan: Plan | None) -> Volume:
    if not dose.summation.endswith("_SESSION") or plan is None:
        return dose.volume
    own = [g.fractions for g in plan.groups if g.number in dose.groups]
    return times(dose.volume, sum(own) or plan.fractions)


def times(volume: Volume, factor: float) -> Volume:
    """A dose multiplied by a number of fractions."""
    return Volume(volume.geometry, volume.array * np.float32(factor), "DOSE", "Gy")


def sum_on_one_grid(volumes: Sequence[Volume]) -> Volume:
    """The sum of doses on a grid that holds all of them, as fine as the finest; a dose is 0 beyond its own grid.

    Args:
        volumes: at least one, Gy, axes upright.

    Raises:
        InputError: they lie so far apart that the grid would not fit.
    """
    finest = min(volumes, key=lambda v: (v.geometry.voxel_cm3, v.geometry.origin_mm)).geometry
    low, high = np.zeros(3), np.asarray(finest.shape) - 1.0
    for volume in volumes:
        corners = np.stack(np.meshgrid(*[(0, n - 1) for n in volume.geometry.shape]), axis=-1).reshape(-1, 3)
        index = finest.index(volume.geometry.lps(corners))
        low, high = np.minimum(low, index.min(axis=0)), np.maximum(high, index.max(axis=0))
    first, last = np.floor(low + 1e-3).astype(int), np.ceil(high - 1e-3).astype(int)
    shape = cast(Shape, tuple((last - first + 1).tolist()))
    if np.prod(shape, dtype=float) > _MAX_VOXELS:
        raise InputError("its beams lie too far apart to be summed")
    grid = replace(finest, shape=shape, origin_mm=cast(Triple, tuple(finest.lps(first).tolist())))
    total = np.zeros(grid.shape, dtype=np.float32)
    for volume in volumes:
        total += volume.on(grid)
    return Volume(grid, total, "DOSE", "Gy")


def _leave(left_out: LeftOut, doses: Sequence[RtDose], why: str | InputError) -> None:
    left_out.add("RTDOSE", [d.file for d in doses if d.file is not None], why)
