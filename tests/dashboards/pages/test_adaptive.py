"""Policies side by side and the clinic's load: against the tables, and in a real browser."""

import polars as pl
import pytest

from dashboards.figures.clinic import load_figure, use_figure, wait_figure
from dashboards.figures.policy import change_counts, change_figure, outcome_figure
from dashboards.files.library import Library
from dashboards.pages.adaptive import adaptive_runs, decision_rows, policy_table
from dashboards.tables.clinic import summary_table
from scenarios.records.schema import SIMULATED


@pytest.fixture(scope="module")
def adaptive(opened):
    return Library(opened).run("adaptive")


@pytest.fixture(scope="module")
def clinic(opened):
    return Library(opened).clinic("clinic")


def test_only_runs_with_a_policy_are_offered(opened):
    assert adaptive_runs(Library(opened)) == ["adaptive"]


def test_changes_are_counted_a_sample(adaptive):
    none, fixed = (plan.slug for plan in adaptive.record.plans)
    assert change_counts(adaptive, none) == (0.0, 0.0)
    made = adaptive.table("decisions").filter((pl.col("plan") == fixed) & (pl.col("decision") != "continue"))
    assert change_counts(adaptive, fixed) == (len(made) / 4, made["sample"].n_unique() / 4)
    assert len(made) >= 4  # each sample has its planned replans


def test_bars_stand_on_the_days_of_the_scans(adaptive):
    figure = change_figure(adaptive)
    bars = next(t for t in figure["data"] if "fixed" in t["name"])
    days = adaptive.table("decisions")["day"].round(1).unique().sort()
    assert bars["x"] == [f"day {day:.0f}" for day in days]
    assert max(bars["y"]) == 100.0
    assert SIMULATED in [note["text"] for note in figure["layout"]["annotations"]]


def test_outcomes_and_differences_are_those_of_the_tables(adaptive):
    values = outcome_figure(adaptive, paired=False)
    lung = next(
        t for t in values["data"] if t["name"].startswith("Mean lung dose") and "none" not in t["name"]
    )
    row = adaptive.table("outcomes").filter(pl.col("outcome") == "mean_lung_dose")
    assert lung["x"][0] == pytest.approx(row["mean"][0], abs=1e-3)
    paired = outcome_figure(adaptive, paired=True)
    slugs = {t["y"][0] for t in paired["data"]}
    assert slugs == {adaptive.record.plans[1].label}


def test_policies_stand_side_by_side(adaptive, text):
    shown = text(policy_table(adaptive))
    for words in (
        "no adaptation",
        "fixed replans",
        "Samples with a change",
        "Mean lung dose",
        "Tumour control",
    ):
        assert words in shown


def test_decisions_are_filtered(adaptive):
    rows, count = decision_rows(adaptive, None, None, False)
    assert count == f"{len(adaptive.table('decisions'))} decisions"
    _, only = decision_rows(adaptive, adaptive.record.plans[1].slug, 0, True)
    assert int(only.split()[0]) < len(adaptive.table("decisions"))
    assert any("Gy given, replan planned at" in row["reason"] for row in rows)
    assert {row["plan"] for row in rows} == {plan.label for plan in adaptive.record.plans}


def test_a_departments_figures_are_its_tables(clinic, text):
    resources = clinic.table("resources")
    busy = use_figure([clinic])["data"][0]
    assert busy["x"] == resources["resource"].to_list()
    waits = wait_figure([clinic])["data"][0]
    known = clinic.table("patients")["waited_days"].drop_nulls()
    assert waits["y"][-1] == 100.0 and max(waits["x"]) == pytest.approx(known.max(), abs=0.01)
    treated, waiting = load_figure([clinic])["data"]
    assert min(waiting["y"]) >= 0 and min(treated["y"]) >= 0
    patients = clinic.table("patients")
    begun = patients.filter(pl.col("start_day") <= 60)
    still = begun.filter(pl.col("end_day").is_null() | (pl.col("end_day") > 60))
    assert treated["y"][-1] == len(still)
    assert "Linac utilisation" in text(summary_table([clinic]))


def test_the_page_shows_policies_and_the_clinic(page):
    page.open("/adaptive?run=adaptive", viewer=False)
    page.says("Policies side by side")
    page.wait("return document.querySelector('#policy-doses .main-svg')")
    page.says("decisions")
    page.wait("return document.querySelectorAll('#decisions .ag-row').length > 3")
    page.script("document.querySelectorAll('#tabs-adaptive > .rt-bar [role=tab]')[1].click()")
    page.wait("return document.querySelector('#clinic-load .main-svg')")
    page.says("Waiting for treatment, median")


def test_a_clinic_that_is_not_there_is_said_in_plain_words(page):
    page.open("/adaptive?clinic=../../etc", viewer=False)
    page.says("there is no clinic")
