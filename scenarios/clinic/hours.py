"""Opening hours as a clock, and the timetable of the linacs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from scenarios.plans.calendar import GAP

SLOT = 10 / (24 * 60)  # the timetable's grain: ten minutes, as a part of a day
SLOTS_A_DAY = 144
GAP_SLOTS = round(GAP / SLOT)
LAST_SLOT = 138  # nobody is treated after 23:00
_WHOLE_DAY = (1 << SLOTS_A_DAY) - 1


class Hours:
    """Hours of work, and a clock that stands still outside them.

    Args:
        opens_h, closes_h: hours of the day.
        works: whether anybody works on a day.

    Example:
        >>> hours = Hours(8, 16, lambda day: day % 7 < 5)
        >>> round(hours.finish(4 + 15 / 24, 2 / 24), 6)  # from Friday 15:00, two hours: Monday 09:00
        7.375
    """

    def __init__(self, opens_h: float, closes_h: float, works: Callable[[int], bool]):
        self.opens, self.closes, self.works = opens_h / 24, closes_h / 24, works

    @property
    def length(self) -> float:
        """Length of a working day, days."""
        return self.closes - self.opens

    def begin(self, t: float) -> float:
        """The first time of work at or after t, days."""
        day = int(t)
        if self.works(day) and t < day + self.closes:
            return max(t, day + self.opens)
        day += 1
        while not self.works(day):
            day += 1
        return day + self.opens

    def finish(self, t: float, work: float) -> float:
        """When so much work, in days of 24 hours, is done that begins at or after t.

        Args:
            t: days.
            work: days of 24 hours.
        """
        t = self.begin(t)
        while True:
            room = int(t) + self.closes - t
            if work <= room:
                return t + work
            work -= room
            t = self.begin(int(t) + 1)

    def between(self, start: float, end: float) -> float:
        """Time of work between two times, days.

        Args:
            start: days.
            end: days.
        """
        total = 0.0
        for day in range(int(start), int(end) + 1):
            if self.works(day):
                total += max(0.0, min(end, day + self.closes) - max(start, day + self.opens))
        return total


@dataclass(slots=True)
class Visit:
    """An appointment for one fraction.

    Args:
        number: the fraction's number in the plan.
        dose_gy: its dose, Gy.
        linac: where.
        day, slot: when, in days and in slots of ten minutes.
        width: slots that it takes.
        reserved: whether these slots are its own; one that is squeezed in has none.
    """

    number: int
    dose_gy: float
    linac: int
    day: int
    slot: int
    width: int
    reserved: bool = True

    @property
    def time_days(self) -> float:
        """The time of the appointment, days."""
        return self.day + self.slot * SLOT


class Timetable:
    """Which slots of which linac are taken; a day is one integer of 144 bits.

    Args:
        linacs: how many.
        opens_h, closes_h: hours in which a day's first visit must lie.
    """

    def __init__(self, linacs: int, opens_h: float, closes_h: float):
        self.taken: list[dict[int, int]] = [{} for _ in range(linacs)]
        self.load = [0] * linacs
        self.opens, self.closes = round(opens_h / 24 / SLOT), round(closes_h / 24 / SLOT)

    def fit(self, linac: int, days: Sequence[int], per_day: int, width: int, first_width: int) -> int | None:
        """The first slot of the day that is free on all days, its later fractions each six hours after it.

        Args:
            linac: whose slots.
            days: of the course.
            per_day: fractions a day.
            width: slots that a fraction takes.
            first_width: slots that the first one takes.
        """
        taken = self.taken[linac]
        busy = 0
        for day in days:
            busy |= taken.get(day, 0)
        free = _runs(_WHOLE_DAY & ~busy, width)
        early = (1 << max(0, LAST_SLOT - width - (per_day - 1) * GAP_SLOTS + 1)) - 1
        starts = free & early & self._inside(width) & _runs(_WHOLE_DAY & ~taken.get(days[0], 0), first_width)
        for k in range(1, per_day):
            starts &= free >> (k * GAP_SLOTS)
        return _lowest(starts)

    def reserve(self, visits: Iterable[Visit]) -> None:
        """Take the slots of visits."""
        for v in visits:
            self.taken[v.linac][v.day] = self.taken[v.linac].get(v.day, 0) | v_mask(v)
            self.load[v.linac] += v.width

    def release(self, visits: Collection[Visit]) -> None:
        """Give the slots of visits back."""
        for v in visits:
            if v.reserved:
                self.taken[v.linac][v.day] &= ~v_mask(v)
                self.load[v.linac] -= v.width

    def squeeze(self, visit: Visit) -> Visit:
        """A visit on its day: in its own slot, else in the first that is free, else over the others."""
        free = _runs(_WHOLE_DAY & ~self.taken[visit.linac].get(visit.day, 0), visit.width)
        if not free >> visit.slot & 1:
            slot = _lowest(free & self._inside(visit.width))
            if slot is None:
                visit.reserved = False
                return visit
            visit.slot = slot
        self.reserve([visit])
        return visit

    def _inside(self, width: int) -> int:
        """Slots in which a visit may begin so that it ends before closing."""
        last = self.closes - width
        return ((1 << (last + 1)) - 1) & ~((1 << self.opens) - 1) if last >= self.opens else 0


def v_mask(visit: Visit) -> int:
    """The bits of a visit's slots."""
    return ((1 << visit.width) - 1) << visit.slot


def _runs(free: int, width: int) -> int:
    """Bits at which a run of so many free slots begins."""
    run = free
    for k in range(1, width):
        run &= free >> k
    return run


def _lowest(bits: int) -> int | None:
    return (bits & -bits).bit_length() - 1 if bits else None
