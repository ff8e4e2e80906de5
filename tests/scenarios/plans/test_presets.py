import pytest

from scenarios import Scenario, TreatmentPlan, realise
from scenarios.plans.calendar import fraction_times
from scenarios.plans.plan import preset
from scenarios.plans.presets import PRESETS
from scenarios.plans.scenario import scenario_preset
from simulators import Event
from twin import InputError, PatientTwin


def _days(plan, day0_weekday=0, **scenario):
    slots = fraction_times(Scenario(plan=plan, **scenario), day0_weekday)
    return [int(s.time_days) for s in slots]


def test_chart_gives_three_a_day_on_twelve_consecutive_days_six_hours_apart():
    slots = list(fraction_times(Scenario.parse("CHART"), day0_weekday=3))
    assert len(slots) == 36
    assert sorted({int(s.time_days) for s in slots}) == list(range(12))
    assert [round(24 * (s.time_days % 1), 6) for s in slots[:3]] == [9, 15, 21]
    assert all(s.dose_gy == 1.5 for s in slots)


def test_chartwel_leaves_weekends_out_and_ends_after_two_and_a_half_weeks():
    days = _days(TreatmentPlan.parse("chartwel"))
    assert len(days) == 40
    assert all(day % 7 < 5 for day in days)
    assert days[-1] == 17


@pytest.mark.parametrize(
    ("name", "weekday", "days"),
    [
        ("54/3", 0, [0, 2, 4]),
        ("50/5", 0, [0, 2, 4, 7, 9]),
        ("50/5", 3, [0, 4, 6, 8, 11]),
        ("48/4", 0, [0, 1, 2, 3]),
    ],
)
def test_sbrt_presets_keep_their_protocols_spacing(name, weekday, days):
    assert _days(preset(name), weekday) == days


def test_a_made_up_fraction_keeps_the_spacing_too_and_fridays_give_no_second_one():
    assert _days(preset("54/3"), missed=(2,)) == [0, 4, 7]
    assert _days(preset("54/3"), missed=(2,), make_up="friday") == [0, 4, 7]


def test_a_gap_shorter_than_the_spacing_costs_no_further_days():
    assert _days(preset("54/3"), gaps=({"from_day": 2, "days": 1},)) == [0, 3, 7]


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_has_a_source_and_goes_through_yaml_and_its_short_form(name, tmp_path):
    item, plan = PRESETS[name], preset(name)
    assert any(char.isdigit() for char in item.source)
    file = tmp_path / "plan.yaml"
    file.write_text(plan.to_yaml())
    assert TreatmentPlan.parse(str(file)) == plan
    if item.policy is None:
        assert TreatmentPlan.parse(plan.label) == plan
    scenario = scenario_preset(name)
    assert Scenario.parse(scenario.label) == scenario or item.policy is None
    file.write_text(scenario.to_yaml())
    assert Scenario.parse(str(file)) == scenario


def test_sequential_drugs_come_first_and_radiotherapy_on_day_49():
    course = realise(Scenario.parse("sequential"), PatientTwin("p", day0_weekday=0), 200)
    drugs = course.of(Event.CHEMOTHERAPY)
    assert [int(t) for t in course.time_days[drugs]] == [0, 28]
    assert course.scale[drugs].tolist() == [0, 0]  # no part of a concurrent course
    assert int(course.time_days[course.of(Event.FRACTION)[0]]) == 49
    assert course.dose_gy.sum() == pytest.approx(63)


def test_durvalumab_is_infused_every_two_weeks_for_a_year_from_four_weeks_after_radiotherapy():
    course = realise(Scenario.parse("PACIFIC"), PatientTwin("p", day0_weekday=0), 60)
    infusions = course.time_days[course.of(Event.IMMUNOTHERAPY)].astype(int)
    assert infusions[0] == 39 + 28
    assert set(infusions[1:] - infusions[:-1]) == {14} and len(infusions) == 27
    assert course.end_days == 39.375


def test_isotoxic_escalation_starts_at_50_gy_twice_a_day():
    scenario = scenario_preset("Isotoxic")
    assert scenario.plan.fractions * 1.8 == pytest.approx(50.4)
    assert scenario.policy.kind == "isotoxic" and scenario.label == "isotoxic"
    with pytest.raises(InputError, match="policy"):
        TreatmentPlan.parse("isotoxic")


def test_an_unknown_preset_is_refused_with_those_known():
    with pytest.raises(InputError, match="CHARTWEL"):
        preset("CHARTX")
