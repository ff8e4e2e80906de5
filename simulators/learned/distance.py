"""How far a scan is from what a network learned from; no network is loaded."""

from __future__ import annotations

from models.guard import Guard
from simulators.core.imaging import scan_task
from simulators.learned.weights import facts, located, plain
from twin import InputError, Volume


def distance(scan: Volume, task: str, name: str | None = None) -> float | None:
    """How far a scan is from what was learned, in multiples of what 95 % of unseen such patients stay within.

    Args:
        scan: that may be translated.
        task: by whose network.
        name: of its weights; the task's preferred ones where None.

    Returns:
        1 or less within; None where task or weights have no guard, or there are no weights.
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
    return float(Guard.from_facts(told).distance(numbers[None])[0])


def far_words(distance: float | None) -> str | None:
    """A scan's distance from what was learned, in words; None where it has none.

    Args:
        distance: as above.
    """
    if distance is None:
        return None
    far = f"the scan is {distance:.1f} times as far from what was learned as 95 % of such scans stay"
    return far if distance <= 1 else f"{far}: do not rely on the result without looking at it"
