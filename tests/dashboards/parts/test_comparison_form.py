"""The form of a new comparison takes what it can bear, and says of the rest what is wrong."""

from dataclasses import replace

import pytest

from dashboards.parts.comparison_form import Form, Known, fitting, foreseen
from scenarios.records.budget import Size
from twin import ClinicalRecord, Fraction, InputError

FIELDS = {
    "key": "p.twin", "plans": ["60/30", "55/20"], "chemo": "none", "immuno": None, "policies": None, "broken": None,
    "off_days": 7, "off_from": 14, "make_up": "prolong", "during": 7, "after": 30, "also": "", "days": 365,
    "samples": 200, "images": 1, "seed": 0, "scanners": ["pet"], "generator": "auto",
}  # fmt: skip
PATIENT = Known("p", ClinicalRecord(), 0.0, 0, (), 60.0, False, Size(29_000_000, 2.2, 60.0))


def form(**more) -> Form:
    return Form.read({**FIELDS, **more}, [], [])


def test_the_form_becomes_scenarios_and_what_they_will_be():
    first, second = foreseen(form(), PATIENT)
    assert (first.label, second.label) == ("60/30", "55/20")
    assert first.words.startswith("30 fractions, 60 Gy, the last on day 39") and first.outside == []
    assert [s.label for s in form(broken=True, plans=["60/30"]).scenarios][
        1
    ] == "60/30, 7 days off from day 14"
    assert form(after="", during=None).scenarios[0].plan.imaging.after_days is None


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"days": 1e9}, "days: it should be less than or equal to 36525"),
        ({"days": None}, "fill in days"),
        ({"samples": 10**9}, "samples"),
        ({"seed": "9" * 5000}, "seed"),
        ({"during": 1e-9}, "images in treatment, every: it should be greater than or equal to 1"),
        ({"off_from": -1}, "first day off"),
        ({"also": "1e999"}, "also"),
        ({"also": "1 " * 2000}, "also"),
        ({"plans": 5}, "plans"),
        ({"plans": [{"a": 1}]}, "plans"),
        ({"plans": ["x" * 4_000_000]}, "plans"),
        ({"policies": ["no such"]}, "unknown policy"),
        ({"plans": ["/etc/passwd.yaml"]}, "is a file"),
        ({"chemo": {}}, "chemo"),
        (
            {"days": 36525, "samples": 100_000},
            "this comparison would take about .* GB of memory, more than 4",
        ),
        ({"during": 1, "after": 1, "images": 50}, "GB of memory"),
    ],
)
def test_what_it_cannot_bear_is_said_in_a_sentence(more, says):
    with pytest.raises(InputError, match=says) as told:
        foreseen(form(**more), PATIENT)
    assert len(str(told.value)) < 400


def test_parameters_of_policies_come_by_name_and_strange_ones_are_refused():
    ids = [{"policy": "volume trigger", "field": "loss"}, {"policy": "other", "field": "x"}]
    mine = {**FIELDS, "plans": ["60/30"], "policies": ["volume trigger"]}
    assert Form.read(mine, [0.4, 3], ids).scenarios[0].policy.loss == 0.4
    for given, whose in (
        ([1e9, 3], ids),
        (["x", 3], ids),
        ([0.4], [{"policy": "volume trigger", "field": "kind"}]),
    ):
        with pytest.raises(InputError):
            _ = Form.read(mine, given, whose).scenarios
    for given, whose in ((5, ids), ([0.4], 5), ([{}], ids), ([0.4], [{"nothing": 1}])):
        with pytest.raises(InputError):
            Form.read(mine, given, whose)


def test_plans_that_contradict_what_was_delivered_are_not_proposed():
    begun = replace(PATIENT, now_days=2.5, fractions=tuple(Fraction(d + 0.375, 2.0, None) for d in range(3)))
    assert fitting(["60/30", "55/20"], PATIENT) == ["60/30", "55/20"]
    assert fitting(["60/30", "55/20"], begun) == ["60/30", "+20/8"]
    assert fitting(["60/30", "66/33", "55/20"], begun) == ["60/30", "66/33"]
