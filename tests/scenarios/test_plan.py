import pytest
from pydantic import ValidationError

from scenarios import Imaging, Phase, TreatmentPlan
from scenarios.scenario import distinct
from twin import InputError


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
