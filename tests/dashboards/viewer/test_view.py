import pytest

from dashboards.links import query_of
from dashboards.viewer.view import View, scan_choices
from scenarios.records.layer import DOSE, FOLLOW_UP, TUMOUR, scan_layer


@pytest.mark.parametrize(
    "search",
    [
        None,
        "",
        "?",
        "?day=nan",
        "?day=-1",
        "?day=1e99",
        "?plane=../../etc",
        "?window=%00",
        "?plans=",
        "?dose=<script>",
    ],
)
def test_nonsense_in_a_link_falls_back_to_the_default_view(search):
    assert View.of(query_of(search)) == View()


def test_a_link_names_its_plans_in_order(run):
    assert View.of(query_of("?plans=30-10,60-15")).plans_of(run) == ("30-10", "60-15")


def test_plans_that_the_run_lacks_are_left_out(run):
    assert View.of(query_of("?plans=99-9,30-10")).plans_of(run) == ("30-10", "60-15")


def test_the_day_of_a_link_is_the_nearest_follow_up():
    assert View.of(query_of("?day=25")).day_of([0.0, 21.0, 28.0]) == 28.0


OWN = (FOLLOW_UP, TUMOUR, DOSE)
PET, MR = scan_layer("PT", "SUV"), scan_layer("MR", "a.u.")


def test_what_a_link_shows_of_another_scan_is_what_the_run_has():
    view = View.of(query_of("?window=soft&pet=overlay"))
    assert view.scan((*OWN, PET)) == "pet:overlay"
    assert view.scan((*OWN, MR)) == "off"
    assert View.of(query_of("?mr=overlay")).scan((*OWN, MR)) == "off"  # it is never laid over the CT
    assert View.of(query_of("?mr=only")).scan((*OWN, MR)) == "mr:only"


def test_each_scan_is_a_choice_and_the_engines_own_layers_are_none():
    assert scan_choices(OWN) == [("off", "No other scans")]
    choices = dict(scan_choices((*OWN, PET, MR)))
    assert list(choices) == ["off", "pet:overlay", "pet:only", "mr:only"]
    assert choices["pet:overlay"] == "PET over CT" and choices["mr:only"] == "MR"
