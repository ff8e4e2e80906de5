"""The cohort page: its figures against the study's tables, and in a real browser."""

from pathlib import Path

import polars as pl
import pytest

from dashboards.figures.study import effect_figure, survival_figure
from dashboards.files.library import Library
from dashboards.names import plan_labels
from dashboards.pages.cohort import chosen_patients
from dashboards.tables.study import difference_table, judged_by
from scenarios import load_study
from scenarios.validation.credibility import credibility

FORMER = Path(__file__).parents[2] / "fixtures" / "formats" / "v1" / "study"


@pytest.fixture(scope="module")
def study(opened):
    return Library(opened).study("study")


@pytest.fixture(scope="module")
def everyone(study):
    return chosen_patients(study, [], [], [0, 1e9])


def test_curves_begin_at_all_and_end_where_the_lives_say(study, everyone):
    figure = survival_figure(study, plan_labels(study), "overall_survival", everyone)
    curve = next(t for t in figure["data"] if t.get("name") == "60/15")
    assert curve["y"][0] == 100
    lives = study.lives.filter((pl.col("plan") == "60-15") & pl.col("death_days").is_not_null())
    alive = (lives["death_days"] > 5 * 365.25).mean()  # nobody is censored before five years
    assert curve["y"][-1] == pytest.approx(100 * alive, abs=0.1)


def test_numbers_at_risk_are_counted(study, everyone):
    figure = survival_figure(study, plan_labels(study), "overall_survival", everyone)
    counted = [t["text"] for t in figure["data"] if t.get("mode") == "text"]
    known = study.lives.filter((pl.col("plan") == "60-15") & pl.col("death_days").is_not_null())
    assert counted[0][0] == str(len(known))
    assert int(counted[0][2]) == pytest.approx(int((known["death_days"] >= 2 * 365.25).sum()), abs=1)


def test_the_waterfall_holds_each_patients_effect(study, everyone):
    figure, words = effect_figure(study, plan_labels(study), "30-10", "tumour_control", everyone)
    effects = study.effects.filter((pl.col("plan") == "30-10") & (pl.col("outcome") == "tumour_control"))
    known = effects.drop_nulls("mean")["mean"]
    assert sorted(figure["data"][0]["y"]) == pytest.approx(sorted(100 * known), abs=0.001)
    assert f"mean {100 * known.mean():+.1f}".replace("-", "\u2212") in words


def test_differences_say_how_far_their_outcome_may_be_believed(study, text):
    shown = text(difference_table(study, plan_labels(study)))
    assert judged_by(study) in ("standard", "calibrated")
    assert "Credibility" in shown and credibility("gtv_3_months", judged_by(study)).grade(3) in shown
    former = load_study(FORMER)
    assert judged_by(former) == "standard"


def test_filters_leave_who_they_say(study):
    found = chosen_patients(study, [], ["adenocarcinoma"], [0, 50])
    assert set(found["histology"]) <= {"adenocarcinoma"}
    assert len(found) == 0 or found["gtv_cm3"].max() <= 50


def test_a_cohort_opens_and_its_list_is_fetched_when_seen_sorted_and_saved(page, study, everyone):
    """The scripts of long tables come with the first; heads sort all patients; the CSV holds the list."""
    page.open("/cohort?study=study", viewer=False)
    page.says("Overall survival, 40 of 40 patients")
    page.wait("return document.querySelectorAll('.main-svg').length > 1")
    page.says("mean")
    entries = "performance.getEntriesByType('resource')"
    fetched = f"return {entries}.filter((e) => /ag_grid|async-community/.test(e.name)).length"
    assert page.script(fetched) == 0
    page.script("document.querySelector('#tabs-cohort [role=tab]:nth-child(3)').click()")
    page.wait(f"{fetched} === 2")
    page.says("40 patients.")
    page.wait(
        "return document.querySelector('#cohort-patients [aria-rowcount=\"41\"]')"
    )  # the head is a row too
    page.wait("return document.querySelectorAll('#cohort-patients [data-pick]').length > 5")
    lines = page.script("return rtTwin.longTable.csv(document.querySelector('#cohort-patients'))").split(
        "\r\n"
    )
    assert len(lines) == 41
    first = study.patients.row(0, named=True)
    assert lines[1].startswith(f'"{first["patient"]}","{first["gtv_cm3"]}"')
    sizes = [f"{v:.1f}" for v in everyone["gtv_cm3"].sort()]
    first = "return document.querySelector('[row-index=\"0\"] [col-id=gtv_cm3]')?.innerText === arguments[0]"
    for expected, order in ((sizes[0], "ascending"), (sizes[-1], "descending")):
        page.script("document.querySelector('[col-id=gtv_cm3] .ag-header-cell-label').click()")
        page.wait(first, expected)
        page.wait(
            "return document.querySelector('.ag-header-cell[col-id=gtv_cm3]').ariaSort === arguments[0]",
            order,
        )


@pytest.fixture
def patients(page):
    """The tab with the list of patients."""
    page.open("/cohort?study=study", viewer=False)
    page.says("Overall survival, 40 of 40 patients")
    page.script("document.querySelector('#tabs-cohort [role=tab]:nth-child(3)').click()")
    page.wait("return document.querySelectorAll('#cohort-patients [data-pick]').length > 5")
    return page


def test_what_is_missing_is_sorted_last_both_ways(page):
    page.open("/patients", viewer=False)
    page.wait("return Boolean(window.dashAgGridFunctions?.rtMissingLast)")
    order = page.script(
        "const by = (down) => (a, b) => dashAgGridFunctions.rtMissingLast(a, b, null, null, down) * (down ? -1 : 1);"
        "return [false, true].map((down) => [null, 30, 4, null, 100].sort(by(down)))"
    )
    assert order == [[4, 30, 100, None, None], [100, 30, 4, None, None]]


def test_the_keyboard_opens_a_patient_from_the_list(patients, study):
    from selenium.webdriver.common.keys import Keys

    page = patients
    page.script("document.querySelector('.ag-header-cell[col-id=patient]').focus()")
    for row in ("0", "1"):
        page.press(Keys.ARROW_DOWN)
        page.wait(
            "return document.activeElement.closest('.ag-row')?.getAttribute('row-index') === arguments[0]",
            row,
        )
    page.press(Keys.ENTER)
    who = study.patients["patient"][1]
    page.wait("return document.querySelector('#patient-card')?.innerText.includes(arguments[0])", who)


def test_a_study_that_is_not_there_is_said_in_plain_words(page):
    page.open("/cohort?study=../../etc", viewer=False)
    page.says("there is no study")


def test_a_click_on_a_patient_opens_the_card(patients, study):
    page = patients
    page.script("document.querySelectorAll('[data-pick]')[2].click()")
    who = study.patients["patient"][2]
    page.wait("return document.querySelector('#patient-card')?.innerText.includes(arguments[0])", who)
    page.says("There is no twin of this patient")
    page.wait("return document.querySelector('#patient-volume .main-svg')")
    mean = study.outcomes.filter(
        (pl.col("patient") == who) & (pl.col("plan") == "60-15") & (pl.col("outcome") == "mean_lung_dose")
    )["mean"][0]
    page.says(f"{mean:.1f}")


def test_a_click_on_a_bar_opens_that_patients_card(page, study):
    page.open("/cohort?study=study", viewer=False)
    page.wait("return document.querySelector('#effects .main-svg')")
    page.wait(  # figures hear of clicks a moment after they are drawn
        "document.getElementById('effects').emit('plotly_click', {points: [{customdata: arguments[0]}]});"
        "return document.querySelector('#patient-card')?.innerText.includes(arguments[0])",
        study.patients["patient"][5],
    )
