"""The scorecard and its marks on the histograms say what the run's table says."""

import copy

import pytest

from dashboards.figures.constraint_marks import constraint_traces
from dashboards.tables.scorecard import scorecard_table
from scenarios.records.schema import table

LUNG = {
    "plan": "60-15", "set": "QUANTEC", "structure": "Lungs-GTV", "metric": "V20Gy", "goal": "V20Gy <= 30 %",
    "unit": "%", "limit": 30.0, "value": 21.16, "low": 18.2, "high": 24.7, "level": 0.8, "n": 12,
    "share_passing": 0.97, "verdict": "pass", "met": True, "endpoint": "pneumonitis", "grade": None,
    "rate_percent": 20.0, "source": "Marks 2010", "approximate": True, "outside": False,
}  # fmt: skip
HEART = {
    **LUNG, "structure": "Heart", "metric": "Dmean", "goal": "Dmean <= 4 Gy", "unit": "Gy", "limit": 4.0, "value": 4.4,
    "share_passing": 0.25, "verdict": "estimated", "met": False,
}  # fmt: skip
CORD = {**LUNG, "set": "SBRT", "structure": "SpinalCord", "goal": "Dmax <= 50 Gy", "metric": "Dmax",
        "verdict": "not applicable", "value": None, "low": None, "high": None, "share_passing": None,
        "met": None}  # fmt: skip


@pytest.fixture
def judged(run):
    """The run as if its table held three constraints for its first plan."""
    changed = copy.copy(run)
    changed.table = lambda name: table(name, [LUNG, HEART, CORD]) if name == "scorecard" else run.table(name)
    return changed


def test_a_value_stands_with_its_verdict_and_the_share_that_passes(judged, text):
    shown = text(scorecard_table(judged))
    assert "V20Gy \u2264 30 %" in shown and "21.2 %" in shown and "\u2713 pass" in shown
    assert "18.2 to 24.7" in shown and "passes in 97 %" in shown
    assert "over 12 samples" in shown and "approximate" in shown


def test_an_estimated_organ_is_marked_and_still_judged(judged, text):
    shown = text(scorecard_table(judged))
    assert "\u2717 fail\u2020" in shown and "drawn by this software" in shown


def test_what_holds_for_no_plan_is_left_out_and_for_one_says_so_for_the_other(judged, text):
    shown = text(scorecard_table(judged))
    assert "SpinalCord" not in shown
    assert shown.count("not applicable") == 2  # both rows, for the second plan


def test_constraints_stand_on_the_histograms_of_their_structures(judged):
    (marks,) = constraint_traces(judged, ["Lungs-GTV", "Heart", "SpinalCord"])
    assert sorted(zip(marks["x"], marks["y"], strict=True)) == [(4.0, 0.0), (20.0, 30.0)]
    assert constraint_traces(judged, ["Trachea"]) == []


def test_a_run_from_before_says_that_it_has_none(run, text):
    old = copy.copy(run)
    old.table = lambda name: table(name, []) if name == "scorecard" else run.table(name)
    assert "run the comparison again" in text(scorecard_table(old))


def test_the_runs_own_table_is_shown(run, text):
    found = run.table("scorecard")
    shown = text(scorecard_table(run))
    judged = found.filter(found["verdict"] != "not applicable")
    assert all(row["structure"] in shown for row in judged.iter_rows(named=True))
