"""Opening hours and the timetable of the linacs."""

import pytest

from scenarios.clinic.hours import Hours, Timetable, Visit


def test_hours_run_only_while_the_office_is_open():
    hours = Hours(8, 16, lambda day: day % 7 < 5)
    assert hours.begin(5.5) == pytest.approx(7 + 8 / 24)
    assert hours.finish(0.0, 20 / 24) == pytest.approx(2 + 12 / 24)
    assert hours.between(0.5, 7.5) == pytest.approx((4 + 4 * 8 + 4) / 24)
    assert hours.between(hours.begin(1.9), hours.finish(1.9, 1.3)) == pytest.approx(1.3)


def test_the_timetable_gives_no_slot_twice_and_takes_back_what_is_released():
    table = Timetable(1, 8, 9)
    slots = []
    for number in range(4):
        slot = table.fit(0, [3, 4], 1, 2, 2)
        if slot is not None:
            table.reserve([Visit(number, 2.0, 0, day, slot, 2) for day in (3, 4)])
        slots.append(slot)
    assert slots == [48, 50, 52, None]
    table.release([Visit(1, 2.0, 0, day, 50, 2) for day in (3, 4)])
    assert table.fit(0, [3, 4], 1, 2, 2) == 50
    assert table.fit(0, [3, 4], 1, 3, 3) is None
    late = table.squeeze(Visit(9, 2.0, 0, 3, 48, 2))
    assert (late.slot, late.reserved) == (50, True)
    assert not table.squeeze(Visit(9, 2.0, 0, 3, 48, 2)).reserved


def test_twice_a_day_needs_both_slots():
    table = Timetable(1, 8, 18)
    table.reserve([Visit(1, 2.0, 0, 0, 48 + 36, 2)])
    assert table.fit(0, [0], 2, 2, 2) == 50
