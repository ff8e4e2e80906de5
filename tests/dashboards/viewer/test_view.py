import pytest

from dashboards.viewer.view import View


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
    assert View.parse(search) == View()


def test_a_link_names_its_plans_in_order(run):
    assert View.parse("?plans=30-10,60-15").plans_of(run) == ("30-10", "60-15")


def test_plans_that_the_run_lacks_are_left_out(run):
    assert View.parse("?plans=99-9,30-10").plans_of(run) == ("30-10", "60-15")


def test_the_day_of_a_link_is_the_nearest_follow_up():
    assert View.parse("?day=25").day_of([0.0, 21.0, 28.0]) == 28.0
