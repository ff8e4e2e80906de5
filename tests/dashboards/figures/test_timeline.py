"""The timeline's rows: what happened is filled, what is simulated is open, and failures are among it."""

import polars as pl
import pytest

from dashboards.figures.failures import failure_words
from dashboards.figures.timeline import timeline_figure
from dashboards.files.library import Library


@pytest.fixture(scope="module")
def subject(opened):
    return Library(opened).twin("patient.twin")


def of(figure, row):
    return [t for t in figure["data"] if t.get("y") and t["y"][0] == row]


def test_failures_are_a_bar_and_an_open_mark_where_the_samples_have_them(subject, run):
    figure = timeline_figure(subject, run, "30-10", "failures")
    day = run.table("failures").filter(pl.col("plan") == "30-10", pl.col("kind") == "local failure")["day"]
    bar, mark = of(figure, "local failure")
    assert mark["x"] == [pytest.approx(day.median())] and mark["marker"]["symbol"].endswith("-open")
    assert bar["x"] == pytest.approx([day.quantile(q, "linear") for q in (0.1, 0.9)])
    assert figure["layout"]["xaxis"]["range"][1] > bar["x"][1]
    assert f"{day.is_not_null().mean():.0%}".replace("%", " %") in failure_words(run, "30-10")


def test_what_was_acquired_is_filled_and_what_is_expected_open(subject, run):
    figure = timeline_figure(subject, run, "60-15")
    acquired, expected = of(figure, "scans")
    assert not acquired["marker"]["symbol"].endswith("-open")
    assert expected["marker"]["symbol"].endswith("-open") and "simulated" in expected["name"]


def test_a_run_of_an_earlier_release_has_no_failures(subject, opened, tmp_path):
    import shutil

    shutil.copytree(opened / "demo", tmp_path / "demo")
    (tmp_path / "demo" / "failures.parquet").unlink()
    old = Library(tmp_path).run("demo")
    figure = timeline_figure(subject, old, "60-15", "failures")
    assert not of(figure, "local failure") and failure_words(old, "60-15") == ""
    assert figure["layout"]["xaxis"]["range"][1] == pytest.approx(1.02 * old.record.days)


def test_the_axis_goes_as_far_as_is_asked(page):
    page.open("/twin?twin=patient.twin")
    page.says("Simulated failures")
    page.wait("return document.getElementById('timeline')?.layout?.xaxis?.range[1] < 33")
    page.script("document.querySelector('#timeline-span input[value=failures]').click()")
    page.wait("return document.getElementById('timeline').layout.xaxis.range[1] > 60")
