import numpy as np
import pytest

from scenarios import Chemotherapy, Gap, Phase, Scenario, TreatmentPlan, realise
from scenarios.plans.calendar import fraction_times
from simulators import Event
from twin import Fraction, InputError, PatientTwin

PATIENT = PatientTwin("p", day0_weekday=0)


def fractions_of(course):
    return course.time_days[course.of(Event.FRACTION)]


def test_thirty_fractions_at_nine_on_weekdays_take_six_weeks_and_lose_nothing():
    course = realise(Scenario.parse("60/30"), PATIENT, 100)
    times = fractions_of(course)
    assert len(times) == 30
    assert course.dose_gy.sum() == pytest.approx(60)
    assert course.scale.sum() == pytest.approx(1)
    assert times[0] == 0.375 and times[-1] == 39.375
    assert {int(t) % 7 for t in times} == {0, 1, 2, 3, 4}


def test_a_start_on_saturday_waits_for_monday():
    friday, saturday = PATIENT.fork(day0_weekday=4), PATIENT.fork(day0_weekday=5)
    plan = Scenario.parse("54/3")
    assert fractions_of(realise(plan, friday, 30)).tolist() == [0.375, 3.375, 4.375]
    assert fractions_of(realise(plan, saturday, 30)).tolist() == [2.375, 3.375, 4.375]


def test_three_a_day_are_three_events_six_hours_apart():
    times = fractions_of(realise(Scenario.parse("54/36 tid"), PATIENT, 30))
    assert len(times) == 36
    assert times[:3].tolist() == [0.375, 0.625, 0.875]
    assert np.diff(times).min() == pytest.approx(0.25)


def test_chart_treats_weekends_and_takes_twelve_days():
    plan = TreatmentPlan.parse("54/36 tid").model_copy(update={"weekends": True})
    times = [s.time_days for s in fraction_times(Scenario(plan=plan), day0_weekday=0)]
    assert int(times[-1]) - int(times[0]) + 1 == 12


def test_images_come_weekly_during_treatment_and_monthly_after_on_common_days():
    days = {}
    for text in ("60/30", "55/20", "none"):
        course = realise(Scenario.parse(text), PATIENT, 180)
        days[text] = [int(t) for t in course.time_days[course.of(Event.IMAGING)]]
    assert days["60/30"] == [7, 14, 21, 28, 35, 60, 90, 120, 150]
    assert days["55/20"] == [7, 14, 21, 30, 60, 90, 120, 150]
    assert days["none"] == [30, 60, 90, 120, 150]


def test_an_image_precedes_the_fraction_of_its_morning_and_events_are_sorted():
    course = realise(Scenario.parse("60/30"), PATIENT, 60)
    assert (np.diff(course.time_days) >= 0).all()
    image = course.of(Event.IMAGING)[0]
    assert course.kind[image + 1] == Event.FRACTION
    assert course.kind[-2:].tolist() == [Event.FRACTION, Event.COURSE_END]


def test_a_plan_of_zero_dose_is_no_plan():
    zero = TreatmentPlan.model_validate({"phases": [{"total_gy": 0, "fractions": 30}]})
    kinds = realise(Scenario(plan=zero), PATIENT, 90).kind
    assert Event.FRACTION not in kinds and Event.COURSE_END not in kinds


def test_history_is_kept_and_only_the_rest_is_planned():
    plan = Scenario.parse("60/30")
    history = [Fraction(s.time_days, s.dose_gy) for s in fraction_times(plan, 0)][:8]
    patient = PATIENT.deliver(history)
    course, whole = realise(plan, patient, 100), realise(plan, PATIENT, 100)
    assert fractions_of(course).tolist() == fractions_of(whole).tolist()
    assert course.time_days[course.of(Event.IMAGING)].min() > patient.now_days


def test_a_plan_that_contradicts_what_was_delivered_is_refused():
    patient = PATIENT.deliver([Fraction(d + 0.375, 2.0) for d in range(3)])
    with pytest.raises(InputError, match="contradicts what was delivered"):
        realise(Scenario.parse("55/20"), patient, 100)
    with pytest.raises(InputError, match="contradicts"):
        realise(Scenario.parse("60/30"), patient.fork(now_days=9.5), 100)


def test_more_fractions_start_on_the_next_treatment_day():
    patient = PATIENT.deliver([Fraction(d + 0.375, 2.0) for d in range(5)])  # to Friday
    course = realise(Scenario.parse("+20/8"), patient, 100)
    assert fractions_of(course)[5:].tolist() == [7.375, 8.375, 9.375, 10.375, 11.375, 14.375, 15.375, 16.375]
    assert course.dose_gy.sum() == pytest.approx(30)


def days_of(scenario):
    return [int(t) for t in fractions_of(realise(scenario, PATIENT, 100))]


SHORT = TreatmentPlan.parse("20/10")  # two weeks, Monday to Friday


def test_a_gap_prolongs_the_course_by_its_treatment_days():
    off = Scenario(plan=SHORT, gaps=(Gap(from_day=2, days=7),))
    assert days_of(off) == [0, 1, 9, 10, 11, 14, 15, 16, 17, 18]


def test_a_missed_fraction_comes_at_the_end_or_on_a_friday_or_never():
    missed = {"plan": SHORT, "missed": (2,)}
    assert days_of(Scenario(**missed)) == [0, 2, 3, 4, 7, 8, 9, 10, 11, 14]
    assert days_of(Scenario(**missed, make_up="friday")) == [0, 2, 3, 4, 4, 7, 8, 9, 10, 11]
    assert days_of(Scenario(**missed, make_up="none")) == [0, 2, 3, 4, 7, 8, 9, 10, 11]


def test_friday_makes_up_a_gap_one_fraction_a_week_six_hours_apart():
    times = fractions_of(
        realise(Scenario(plan=SHORT, gaps=(Gap(from_day=1, days=2),), make_up="friday"), PATIENT, 99)
    )
    assert [int(t) for t in times] == [0, 3, 4, 4, 7, 8, 9, 10, 11, 11]
    assert np.diff(times).min() == pytest.approx(0.25)


def test_a_late_start_shifts_and_an_early_stop_cuts():
    assert days_of(Scenario(plan=SHORT, late_start_days=3, stop_after=4)) == [3, 4, 7, 8]
    assert days_of(Scenario(plan=SHORT, stop_after=0)) == []


def test_every_fraction_is_given_once_whatever_happens():
    for make_up in ("prolong", "friday"):
        happens = Scenario(plan=SHORT, gaps=(Gap(from_day=4, days=4),), missed=(1, 9, 10), make_up=make_up)
        numbers = [s.number for s in fraction_times(happens, 0)]
        assert sorted(numbers) == list(range(1, 11)), make_up


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"gaps": (Gap(from_day=60, days=3),)}, "after the last fraction"),
        ({"missed": (31,)}, "cannot be missed"),
    ],
)
def test_contradictory_scenarios_are_refused(fields, says):
    with pytest.raises(InputError, match=says):
        realise(Scenario(plan=SHORT, **fields), PATIENT, 100)


def test_chemotherapy_is_given_by_cycle_while_radiotherapy_lasts():
    drugs = Chemotherapy(cycles=3, every_days=21)
    long, short = (
        TreatmentPlan.parse(p).model_copy(update={"chemotherapy": drugs}) for p in ("60/30", "54/3")
    )
    course = realise(Scenario(plan=long), PATIENT, 100)
    given = course.of(Event.CHEMOTHERAPY)
    assert [int(t) for t in course.time_days[given]] == [
        0,
        21,
    ]  # the third would come after the last fraction
    assert course.scale[given].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert len(realise(Scenario(plan=short), PATIENT, 100).of(Event.CHEMOTHERAPY)) == 1


def test_a_gap_longer_than_the_course_is_refused():
    with pytest.raises(InputError, match="longer than the course"):
        realise(Scenario(plan=TreatmentPlan.parse("60/30"), gaps=(Gap(from_day=10, days=90),)), PATIENT, 100)


def test_fractions_of_a_day_keep_the_phases_own_gap():
    plan = TreatmentPlan(phases=(Phase(total_gy=69.6, fractions=58, per_day=2, gap_hours=8),))
    assert fractions_of(realise(Scenario(plan=plan), PATIENT, 60))[:2].tolist() == [0.375, 9 / 24 + 8 / 24]
