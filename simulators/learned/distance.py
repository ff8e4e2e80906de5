"""How far a scan is from what a network learned from; no network is loaded."""

from __future__ import annotations

from typing import NamedTuple

from models.guard import PATTERN, Guard
from simulators.core.imaging import scan_task
from simulators.learned.weights import facts, located, plain
from twin import InputError, Volume


class Far(NamedTuple):
    """How far a scan is from what was learned.

    Args:
        times: in multiples of what 95 % of unseen such patients stay within; 1 or less within.
        by: in what it is furthest, as `models.guard.Guard.furthest`.
    """

    times: float
    by: str


def distance(scan: Volume, task: str, name: str | None = None) -> Far | None:
    """How far a scan is from what was learned.

    Args:
        scan: that may be translated.
        task: by whose network.
        name: of its weights; the task's preferred ones where None.

    Returns:
        None where task or weights have no guard, or there are no weights.
    """
    imaging = scan_task(task)
    weights = plain(name or imaging.preferred)
    try:
        told = facts(located(weights, task).folder).get("guard")
    except InputError:
        return None
    numbers = imaging.numbers(scan) if told is not None else None
    if told is None or numbers is None:
        return None
    guard = Guard.from_facts(told)
    some = numbers[None, : guard.mean.size]  # later versions have further numbers
    return Far(float(guard.distance(some)[0]), guard.furthest(some)[0])


def far_words(far: Far | None) -> str | None:
    """A scan's distance from what was learned, in words; None where it has none.

    Args:
        far: as above.
    """
    if far is None:
        return None
    words = f"the scan is {far.times:.1f} times as far from what was learned as 95 % of such scans stay"
    if far.times <= 1:
        return words
    where = "" if far.by == PATTERN else f", most of all in its {far.by}"
    return f"{words}{where}: do not rely on the result without looking at it"
