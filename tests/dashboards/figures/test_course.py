import pytest

from dashboards.figures.course import course_figure


@pytest.mark.long
def test_the_course_shows_every_event_of_every_plan(run):
    traces = course_figure(run)["data"]
    assert sum(len(t["x"]) for t in traces) == len(run.table("events")) + len(run.table("decisions"))
    assert all(t["marker"]["symbol"].endswith("-open") for t in traces)  # nothing was delivered yet
