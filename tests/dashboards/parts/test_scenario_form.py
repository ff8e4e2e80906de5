import pytest

from dashboards.parts.scenario_form import Asked, Break, scenarios_of
from twin.errors import InputError


@pytest.mark.parametrize("plans", [[], ["60/30x"], ["/etc/passwd.yaml"], ["60/30", "60/30"], ["60/30"] * 5])
def test_plans_that_cannot_be_are_refused_before_anything_runs(plans):
    with pytest.raises(InputError):
        scenarios_of(plans)


def test_a_break_doubles_the_plans_and_no_more_than_four_are_compared():
    gap = Break(7, 14, "friday")
    labels = [s.label for s in scenarios_of(["60/30", "55/20"], Asked(gap))]
    assert labels[:2] == ["60/30", "55/20"] and "7 days off from day 14" in labels[2]
    with pytest.raises(InputError, match="6 scenarios"):
        scenarios_of(["60/30", "55/20", "60/15"], Asked(gap))
    with pytest.raises(InputError, match="the days off of a break must"):
        scenarios_of(["60/30"], Asked(Break(0, 14, "none")))


def test_policies_drugs_and_images_of_the_form_become_scenarios():
    asked = Asked(
        chemotherapy="sequential",
        immunotherapy=True,
        policies={"none": {}, "fixed replans": {"at_gy": "20, 40", "turnaround_days": 2}},
        during_days=5,
        after_days=None,
        also=(10.0,),
    )
    first, second = scenarios_of(["60/30"], asked)
    assert first.policy.kind == "none" and second.policy.at_gy == (20.0, 40.0)
    assert second.policy.turnaround_days == 2
    assert second.plan.chemotherapy.timing == "sequential" and second.plan.immunotherapy is not None
    assert (second.plan.imaging.during_days, second.plan.imaging.after_days) == (5, None)
    assert second.plan.imaging.also == (10.0,)
    assert type(second).model_validate(second.model_dump(mode="json")) == second


def test_drugs_are_not_given_without_radiation_and_a_trials_own_stay():
    (none,) = scenarios_of(["none"], Asked(chemotherapy="concurrent"))
    assert none.plan.chemotherapy is None
    (pacific,) = scenarios_of(["PACIFIC"], Asked(chemotherapy="sequential"))
    assert pacific.plan.chemotherapy.timing == "concurrent" and pacific.label == "PACIFIC"


@pytest.mark.parametrize(
    "asked",
    [Asked(policies={"volume trigger": {"loss": 7}}), Asked(policies={"fixed replans": {"at_gy": "x"}})],
)
def test_a_policys_parameter_that_cannot_be_is_said_in_a_sentence(asked):
    with pytest.raises(InputError):
        scenarios_of(["60/30"], asked)
