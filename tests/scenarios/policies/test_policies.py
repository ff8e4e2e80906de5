"""Every policy of the registry, whoever offers it: found by its kind, read back from YAML, answers what it may."""

from typing import get_args

import pytest

from scenarios import Policy, Scenario, Seen, TreatmentPlan
from scenarios.plans.policy import POLICIES, Action, Decision, policies
from twin import InputError

PLAN = TreatmentPlan.parse("60/30")
SEEN = Seen(
    day=14.3, fractions_given=10, fractions_planned=30, fraction_gy=2.0, gtv_cm3=30.0, gtv_at_plan_cm3=60.0,
    suv_ratio=0.8, shift_mm=12.0, findings=("effusion",), mean_lung_gy=12.0, oesophagus_v60=0.1, replans=0,
)  # fmt: skip


def test_the_built_in_policies_are_those_of_the_docs():
    kinds = {"none", "fixed replans", "volume trigger", "traffic light", "isotoxic", "pet response"}
    assert kinds <= policies().keys()
    assert {kind.replace(" ", "-") for kind in kinds} <= set(POLICIES)


@pytest.mark.parametrize("name", list(POLICIES))
def test_a_policy_is_found_by_its_kind_and_goes_through_yaml(name, tmp_path):
    kind = name.replace("-", " ")
    policy = Policy.of(kind)
    assert policy == Policy.of({"kind": name}) == POLICIES[name]()
    assert policies()[policy.kind] is type(policy)
    scenario = Scenario(plan=PLAN, policy=kind)
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml())
    assert f"kind: {policy.kind}" in file.read_text()
    assert Scenario.parse(str(file)) == scenario


@pytest.mark.parametrize("name", list(POLICIES))
def test_a_policy_answers_with_a_decision_and_a_reason(name):
    decision = POLICIES[name]().decide(SEEN)
    assert isinstance(decision, Decision)
    assert decision.action in get_args(Action) and decision.reason


def test_a_wrong_kind_gets_the_list_of_right_ones():
    with pytest.raises(InputError, match=r"unknown policy 'volume-triger'; there are: .*volume-trigger"):
        Policy.of("volume triger")


def test_a_mistaken_parameter_is_refused():
    with pytest.raises(ValueError, match="loss"):
        Policy.of({"kind": "volume trigger", "loss": 2.0})
