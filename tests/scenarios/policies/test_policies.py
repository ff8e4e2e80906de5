"""Every policy of the registry, whoever offers it: found by its kind, read back from YAML, answers what it may."""

from dataclasses import replace
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from scenarios import Policy, Scenario, Seen, TreatmentPlan
from scenarios.plans.policy import POLICIES, Action, Decision, policies
from scenarios.plans.sight import SeenDose
from scenarios.policies.dose_of_the_day import DoseOfTheDay
from twin import Geometry, InputError, Volume

PLAN = TreatmentPlan.parse("60/30")


def dose_of_day(target_gy, lung_gy):
    """A dose of two voxels: the target's and the lung's."""
    array = np.array([target_gy, lung_gy], np.float32).reshape(2, 1, 1)
    volume = Volume(Geometry((2, 1, 1), (10.0, 10.0, 10.0)), array, "DOSE", "Gy")
    at = {"target": np.zeros((1, 3)), "Lungs-GTV": np.array([[0.0, 0.0, 10.0]])}
    return SimpleNamespace(dose_of_day=SeenDose(volume, 60.0, at.__getitem__))


SEEN = Seen(
    day=14.3, fractions_given=10, fractions_planned=30, fraction_gy=2.0, gtv_cm3=30.0, gtv_at_plan_cm3=60.0,
    suv_ratio=0.8, shift_mm=12.0, findings=("effusion",), mean_lung_gy=12.0, oesophagus_v60=0.1, replans=0,
    images=dose_of_day(59.0, 12.0),
)  # fmt: skip


def test_the_built_in_policies_are_those_of_the_docs():
    kinds = {"none", "fixed replans", "volume trigger", "traffic light", "isotoxic", "pet response",
             "dose of the day"}  # fmt: skip
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


@pytest.mark.parametrize(
    ("target_gy", "lung_gy", "sight", "action"),
    [
        (57.5, 12.0, {}, "continue"),
        (56.5, 12.0, {}, "replan"),
        (56.5, 12.0, {"replans": 2}, "continue"),
        (56.5, 12.0, {"fractions_given": 27}, "continue"),
        (60.0, 21.0, {}, "replan"),
        (60.0, 21.0, {"mean_lung_gy": 20.5}, "continue"),  # as planned, near enough
    ],
)
def test_the_dose_of_the_day_decides_on_coverage_and_lung(target_gy, lung_gy, sight, action):
    sight = replace(SEEN, images=dose_of_day(target_gy, lung_gy), **sight)
    assert DoseOfTheDay().decide(sight).action == action


def test_who_looks_at_images_says_so():
    with pytest.raises(InputError, match="pixels = True"):
        DoseOfTheDay().decide(replace(SEEN, images=None))


def test_a_wrong_kind_gets_the_list_of_right_ones():
    with pytest.raises(InputError, match=r"unknown policy 'volume-triger'; there are: .*volume-trigger"):
        Policy.of("volume triger")


def test_a_mistaken_parameter_is_refused():
    with pytest.raises(ValueError, match="loss"):
        Policy.of({"kind": "volume trigger", "loss": 2.0})
