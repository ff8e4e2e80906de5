"""The automatic generator: the learned one inside its domain, and a reason where it is not taken."""

from dataclasses import replace

import pytest

from simulators import generator_named
from simulators.core.chance import Key, Purpose
from simulators.core.treatment import TumourView
from simulators.learned.fallback import FallbackTreatment
from simulators.tasks.pairs import request_between
from simulators.treatment.mechanistic import MechanisticTreatment
from twin import InputError


class Early(MechanisticTreatment):
    """Stands for a learned generator that knows the first 30 days."""

    name = "early"

    def domain(self, request):
        return "it learned from 0 to 30 days after the scan" if request.elapsed_days > 30 else None

    def generate(self, requests):
        return [replace(f, generator="early 1") for f in super().generate(requests)]


@pytest.fixture(scope="module")
def asked(phantom_twin):
    def on(day):
        view = TumourView(0.7 * phantom_twin.gtv_cm3, phantom_twin.gtv_cm3, 0.5)
        key = Key(0, phantom_twin.id, Purpose.IMAGE)
        return request_between(phantom_twin, phantom_twin.baseline, phantom_twin.contours, day, view, key)

    return on


@pytest.mark.long
def test_each_image_is_made_by_the_one_whose_domain_it_lies_in(asked):
    made = FallbackTreatment(Early).generate([asked(50.0), asked(20.0), asked(60.0)])
    assert [f.generator for f in made] == ["mechanistic 2", "early 1", "mechanistic 2"]
    late = "early: it learned from 0 to 30 days after the scan"
    assert [f.fallback for f in made] == [late, None, late]
    assert [f.request.elapsed_days for f in made] == [50.0, 20.0, 60.0]


def test_outside_lies_only_what_neither_can_make(asked):
    auto = FallbackTreatment(Early)
    assert auto.domain(asked(20.0)) is None and auto.domain(asked(60.0)) is None
    assert "days" in auto.domain(asked(3000.0))


def test_without_weights_the_mechanistic_one_says_why(asked):
    def none():
        raise InputError("there are no weights named bridge")

    auto = FallbackTreatment(none)
    assert auto.domain(asked(20.0)) is None
    followup = auto.generate([asked(20.0)])[0]
    assert followup.generator == "mechanistic 2" and followup.fallback == "there are no weights named bridge"


def test_nothing_is_loaded_before_an_image_is_wanted():
    def fail():
        raise AssertionError("loaded")

    assert FallbackTreatment(fail).generate([]) == []
    assert generator_named("auto").name == "auto"


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(InputError, match="unknown generator 'magic': there are no weights"):
        generator_named("magic")


@pytest.mark.long
def test_the_run_says_once_why_another_generator_was_taken(phantom_twin):
    from scenarios import TreatmentPlan, compare

    early = FallbackTreatment(Early)
    run = compare(
        phantom_twin,
        [TreatmentPlan.parse("55/20")],
        days=70,
        samples=2,
        seed=3,
        treatment=early,
        dose="approximate",
    )
    makers = {i.day: i.generator for i in run.record.images if i.kind == "ct"}
    assert {d > 30 for d, maker in makers.items() if maker == "mechanistic 2"} == {True}
    assert {d > 30 for d, maker in makers.items() if maker == "early 1"} == {False}
    late = sum(d > 30 for d in makers)
    assert [n for n in run.record.notes if "follow-up CTs" in n] == [
        f"{late} of {len(makers)} follow-up CTs were made by mechanistic 2 "
        "(early: it learned from 0 to 30 days after the scan)"
    ]
