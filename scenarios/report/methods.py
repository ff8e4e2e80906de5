"""By which method doses were calculated, in words, where plans of a comparison differ in it."""

from __future__ import annotations

from collections.abc import Sequence

from scenarios.records.run import PlanRecord


def mixed(plans: Sequence[PlanRecord]) -> bool:
    """Whether more than one method calculated the doses of plans, of several or within one.

    Args:
        plans: of a run.
    """
    return len({m for p in plans if p.dose_method for m in p.dose_method.split(" and ")}) > 1


def head(plan: PlanRecord, plans: Sequence[PlanRecord]) -> str:
    """The method as it stands beside a plan's name or number; empty where all plans share it.

    Args:
        plan: one of the plans.
        plans: of the run.
    """
    return f"dose: {plan.dose_method}" if plan.dose_method and mixed(plans) else ""


def label(plan: PlanRecord, plans: Sequence[PlanRecord]) -> str:
    """A plan's label, with the method of its dose where plans differ in it.

    Args:
        plan: one of the plans.
        plans: of the run.
    """
    said = head(plan, plans)
    return f"{plan.label} ({said})" if said else plan.label


def words(method: str) -> str:
    """A method in full, where there is room for it.

    Args:
        method: as in the tables.

    Example:
        >>> words("planning system and fluence plan")
        'planning system and fluence plan, not a deliverable arc'
    """
    return method.replace("fluence plan", "fluence plan, not a deliverable arc")


def difference(method: str | None) -> str:
    """What is to be said beside a difference of two plans; nothing where one method served both throughout.

    Args:
        method: of a row of `contrasts`.

    Example:
        >>> difference("planning system"), difference("approximate - planning system")
        ('', ' doses by approximate - planning system')
    """
    return f" doses by {method}" if method and (" - " in method or " and " in method) else ""


def notes(plans: Sequence[PlanRecord]) -> list[str]:
    """What is to be said of the methods under a comparison, a sentence each.

    Args:
        plans: of the run.
    """
    by_method: dict[str, list[str]] = {}
    for plan in plans:
        if plan.dose_method:
            by_method.setdefault(plan.dose_method, []).append(plan.label)
    said = [f"Method of dose, {words(method)}: {', '.join(labels)}." for method, labels in by_method.items()]
    if len(by_method) > 1:
        said.append(
            "The methods differ between these plans: a part of any difference in organ doses, and in what follows from "
            "them, is the methods' and not the plans'."
        )
    elif mixed(plans):
        said.append(
            "Several methods calculated the doses of each course: the first plan's and its replans' differ."
        )
    return said
