import polars as pl
import pytest

from dashboards.figures.dvh import dvh_figure
from dashboards.figures.trajectory import trajectory_figure
from scenarios.records.schema import SIMULATED
from scenarios.report.colours import plan_colour


def test_bands_are_named_and_lie_where_the_table_says(run):
    figure = trajectory_figure(run)
    names = [t["name"] for t in figure["data"] if t.get("name")]
    assert "line: median, band: 80 % predictive interval, n = 12" in names
    upper = next(t for t in figure["data"] if t.get("name") == "60/15: 80 % predictive interval, n = 12")
    expected = run.table("bands").filter(pl.col("plan") == "60-15")["high"].to_list()
    assert upper["y"] == pytest.approx(expected, abs=0.006) and upper["fill"] == "tonexty"


def test_a_plan_keeps_its_colour_in_every_figure(run):
    for figure in (trajectory_figure(run), dvh_figure(run)):
        lines = [t for t in figure["data"] if t.get("name", "").startswith("60/15") and "fillcolor" not in t]
        colours = {t["line"].get("color") for t in lines if "line" in t and t["mode"] == "lines"}
        assert colours == {plan_colour(0)}


def test_every_fraction_has_its_tick(run):
    ticks = next(t for t in trajectory_figure(run)["data"] if t.get("name") == "60/15: fractions")
    assert len(ticks["x"]) == 15
    assert ticks["x"][0] == pytest.approx(0.375)


def test_figures_are_stamped(run):
    for figure in (trajectory_figure(run), dvh_figure(run)):
        assert SIMULATED in [a["text"] for a in figure["layout"]["annotations"]]


def test_a_plan_outside_its_context_is_marked_in_the_figure(run):
    names = [t.get("name", "") for t in trajectory_figure(run)["data"]]
    assert any(n.startswith("30/10 \u26a0") for n in names)
    assert not any(n.startswith("60/15 \u26a0") for n in names)
