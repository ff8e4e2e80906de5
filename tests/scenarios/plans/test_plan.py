from pathlib import Path

import pytest
from pydantic import ValidationError

from scenarios import Chemotherapy, Gap, Imaging, Immunotherapy, Phase, Scenario, TreatmentPlan, realise
from scenarios.plans.calendar import image_slots
from scenarios.plans.presets import PRESETS
from scenarios.plans.scenario import distinct
from scenarios.policies.fixed_replans import FixedReplans
from simulators import Event
from twin import InputError, PatientTwin


@pytest.mark.parametrize(
    ("text", "total_gy", "fractions", "per_day", "slug"),
    [
        ("60/30", 60, 30, 1, "60-30"),
        ("54/36 tid", 54, 36, 3, "54-36-tid"),
        ("69.6/58 bid", 69.6, 58, 2, "69.6-58-bid"),
        (" 54/3 ", 54, 3, 1, "54-3"),
    ],
)
def test_short_form_says_dose_fractions_and_rate(text, total_gy, fractions, per_day, slug):
    plan = TreatmentPlan.parse(text)
    assert (plan.total_gy, plan.fractions, plan.phases[0].per_day, plan.slug) == (
        total_gy,
        fractions,
        per_day,
        slug,
    )
    assert plan.label == text.strip()


def test_plus_means_more_from_now_and_none_means_no_treatment():
    assert TreatmentPlan.parse("+20/8").more
    assert TreatmentPlan.parse("none").phases == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60/",
        "/30",
        "0/30",
        "60/0",
        "-60/30",
        "60/30x",
        "1e9/30",
        "60/30 qid",
        "60/nan",
        "inf/30",
        "60//30",
    ],
)
def test_what_is_no_plan_is_refused_in_one_sentence_that_shows_the_forms(text):
    with pytest.raises(InputError, match="write it like 60/30") as error:
        TreatmentPlan.parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["201/30", "100/2", "60/101", "999/999"])
def test_impossible_doses_are_refused_by_name(text):
    with pytest.raises(InputError, match=text):
        TreatmentPlan.parse(text)


def test_yaml_gives_the_same_plan_back(tmp_path):
    plan = TreatmentPlan(
        name="induction and boost",
        phases=(Phase(total_gy=46, fractions=23), Phase(total_gy=20, fractions=10, per_day=2)),
        weekends=True,
        imaging=Imaging(during_days=3.5, also=(10.25,)),
    )
    file = tmp_path / "plan.yaml"
    file.write_text(plan.to_yaml())
    assert TreatmentPlan.parse(str(file)) == plan


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("phases: [{total_gy: 60, fractions: 30}]\ncolour: red", "colour"),
        ("phases: [{total_gy: .nan, fractions: 30}]", "total_gy"),
        ("!!python/object/apply:os.system ['true']", "YAML"),
        ("just words", "mapping"),
        ("a: [", "YAML"),
    ],
)
def test_a_broken_yaml_is_refused_with_what_is_wrong(tmp_path, content, says):
    file = tmp_path / "plan.yml"
    file.write_text(content)
    with pytest.raises(InputError, match=says):
        TreatmentPlan.parse(str(file))


def test_a_missing_yaml_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        TreatmentPlan.parse(str(tmp_path / "no.yaml"))


def test_plans_are_frozen_and_a_comparison_needs_distinct_ones():
    plan = TreatmentPlan.parse("60/30")
    with pytest.raises(ValidationError):
        plan.more = True
    with pytest.raises(InputError, match="twice"):
        distinct([plan, TreatmentPlan.parse("60/30")])
    with pytest.raises(InputError, match="at least one"):
        distinct([])


def test_every_field_of_a_plan_and_a_scenario_goes_through_yaml(tmp_path):
    plan = TreatmentPlan(
        phases=(
            Phase(total_gy=54, fractions=36, per_day=3, gap_hours=5.5),
            Phase(total_gy=10, fractions=2, every_days=3),
        ),
        weekends=True,
        chemotherapy=Chemotherapy(cycles=3, every_days=28, timing="sequential", wait_days=14),
        immunotherapy=Immunotherapy(wait_days=10, every_days=28, months=6, hazard_ratio=0.7),
        imaging=Imaging(during_days=3.5, after_days=None, also=(10.25,), spread_days=1),
    )
    scenario = Scenario(
        plan=plan, late_start_days=3, gaps=(Gap(from_day=60, days=4),), missed=(5, 7), make_up="friday", stop_after=30,
        policy=FixedReplans(at_gy=(20.0,), turnaround_days=1),
    )  # fmt: skip
    for model in (plan, scenario):
        unset = {
            name
            for name in type(model).model_fields
            if getattr(model, name) == type(model).model_fields[name].default
        }
        assert unset <= {"name", "more", "plan"}  # every other field is tried
        file = tmp_path / "it.yaml"
        file.write_text(model.to_yaml())
        assert Scenario.parse(str(file)) == Scenario.of(model)


def test_the_scenario_of_the_docs_runs_as_written(tmp_path):
    text = (Path(__file__).parents[3] / "docs" / "plans.md").read_text()
    file = tmp_path / "scenario.yaml"
    file.write_text(text.split("```yaml")[1].split("```")[0])
    scenario = Scenario.parse(str(file))
    course = realise(scenario.model_copy(update={"policy": None}), PatientTwin("p", day0_weekday=0), 200)
    fractions = course.of(Event.FRACTION)
    assert len(fractions) == 30 and int(course.time_days[fractions[0]]) == 66  # 63 days of drugs, 3 days late
    assert course.dose_gy[fractions[0]] == 2.0
    assert all(name in text for name in PRESETS)
    written = type(scenario).model_fields.keys() - scenario.model_fields_set
    assert written == {"name"}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"phases": [{"total_gy": 54, "fractions": 36, "per_day": 3, "gap_hours": 8}]}, "do not fit"),
        ({"phases": [], "chemotherapy": {}}, "has none"),
        (
            {"phases": [{"total_gy": 60, "fractions": 30}], "imaging": {"during_days": 7, "spread_days": 4}},
            "days off",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(fields, says):
    with pytest.raises(ValidationError, match=says):
        TreatmentPlan.model_validate(fields)


def test_imaging_stands_beside_a_short_form_and_says_its_spacing_in_words(tmp_path):
    file = tmp_path / "weekly.yaml"
    file.write_text("plan: 60/30\nimaging: {modality: cbct, every: week}\npolicy: dose of the day\n")
    scenario = Scenario.parse(str(file))
    assert (scenario.plan.imaging.modality, scenario.plan.imaging.during_days) == ("cbct", 7)
    assert scenario.plan.imaging.synthetic_ct == "cbct-ct"
    file.write_text(scenario.to_yaml())
    assert Scenario.parse(str(file)) == scenario


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("plan: 60/30\nimaging: {modality: mr}", "should be 'ct' or 'cbct'"),
        ("plan: 60/30\nimaging: {every: month}", "every is day or week"),
        ("plan: 60/30\nimaging: {every: [1]}", "every is day or week"),
        ("plan: 60/30\nimaging: {every: week, during_days: 3}", "say the same"),
        ("plan: 7\nimaging: {every: week}", "plan: it should be"),
    ],
)
def test_imaging_that_cannot_be_is_one_sentence(tmp_path, content, says):
    file = tmp_path / "weekly.yaml"
    file.write_text(content)
    with pytest.raises(InputError, match=says):
        Scenario.parse(str(file))


def test_a_replan_after_the_last_fraction_is_refused():
    with pytest.raises(ValidationError, match="after the last fraction of 54/3"):
        Scenario(plan=TreatmentPlan.parse("54/3"), policy=FixedReplans(at_gy=(54.0,)))


def test_irregular_images_are_off_by_the_patients_own_days_and_none_come_without_a_schedule():
    regular = [t for t, _ in image_slots(Imaging(), 0, 365, "p")]
    mine = [t for t, _ in image_slots(Imaging(spread_days=3), 0, 365, "p")]
    others = [t for t, _ in image_slots(Imaging(spread_days=3), 0, 365, "q")]
    assert mine == [t for t, _ in image_slots(Imaging(spread_days=3), 0, 365, "p")] != others
    assert mine != regular and all(min(abs(t - r) for r in regular) <= 3 for t in mine)
    only = image_slots(Imaging(during_days=None, after_days=None, also=(9.0, 40.0)), 0, 365)
    assert [int(t) for t, _ in only] == [9, 40]


def test_fields_that_there_are_not_are_named_all_at_once(tmp_path):
    file = tmp_path / "mistyped.yaml"
    file.write_text("plan: 60/30\nlate: 3\ngap: []")
    with pytest.raises(InputError, match="there is no field late, gap"):
        Scenario.parse(str(file))
