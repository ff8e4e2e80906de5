"""What a reader must be able to trust: whose picture it is, what an interval is of, no false words, one definition."""

import copy
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from dashboards.elements import about
from dashboards.faults import plain
from dashboards.figures.dvh import dvh_figure
from dashboards.figures.failures import failure_words
from dashboards.figures.study import effect_figure
from dashboards.figures.timeline import timeline_figure
from dashboards.files.library import Library
from dashboards.files.model_cards import learned, learned_from
from dashboards.names import plan_labels
from dashboards.pages.adaptive import policy_table
from dashboards.pages.cohort import chosen_patients
from dashboards.pages.compare import manifest_of
from dashboards.pages.twin import observe_arguments
from dashboards.parts.organ_card import edit_arguments, organs_of
from dashboards.parts.patient_card import patient_figure, patient_outcomes
from dashboards.tables.scorecard import scorecard_table
from dashboards.tables.study import difference_table, judged_by
from dashboards.viewer.shown import _COLOURS, _GREYISH, Shown
from dashboards.viewer.view import scan_choices
from scenarios.records.layer import PRESENCE, TUMOUR
from scenarios.records.schema import SIMULATED
from scenarios.report.colours import rgb
from scenarios.report.constraints import shown_constraints
from scenarios.report.images import _DAY_0
from scenarios.study.summary import benefit_shares
from simulators.dose.dvh import from_samples
from twin import Observation, StructureSet
from twin.errors import InputError

RUN = "/compare?run=demo"


@pytest.fixture(scope="module")
def study(opened):
    return Library(opened).study("study")


def test_1_the_image_says_of_which_sample_it_is_and_what_was_measured(run):
    frame = max((f for f in run.frames if f.plan == "60-15" and "ct" in f.files), key=lambda f: f.day)
    rows = run.table("recist").filter(pl.col("plan") == "60-15", pl.col("sample") == run.shown_sample)
    cm3 = rows.sort("day")["cm3"][-1]
    imaged = run.table("imaged").filter(pl.col("plan") == "60-15", (pl.col("day") - frame.day).abs() < 1e-6)
    said = run.standing(frame)
    assert f"{imaged['percentile'][0]:.0f}" in said and f"percentile, {cm3:.1f} cm\u00b3 on this day" in said
    seen = copy.copy(run)
    seen.twin = replace(run.twin, observations=(Observation(21.0, "gtv_cm3", 33.0),))
    shown = manifest_of(seen)["measured"]
    assert [one["day"] for one in shown] == [0.0, 21.0] and shown[1]["words"] == "measured: 33.0 cm\u00b3"
    assert ("presence:overlay", "Overlay") in scan_choices([PRESENCE])


def test_2_every_interval_says_what_it_is_of_and_outcomes_how_far_they_are_believed(run, study, opened, text):
    names = [
        t.get("name", "") for t in timeline_figure(Library(opened).twin("patient.twin"), run, "60-15")["data"]
    ]
    drawn = [n for n in names if "simulated: median" in n or n.startswith("as it would be drawn")]
    assert drawn and all("80 % predictive interval" in n for n in drawn)
    assert "80 % predictive interval of their days" in failure_words(run, "60-15")
    who = study.patients["patient"][0]
    card = patient_figure(study, plan_labels(study), who)
    assert any("predictive interval" in t.get("name", "") for t in card["data"])
    assert "Credibility" in text(patient_outcomes(study, plan_labels(study), who, judged_by(study)))
    adaptive = text(policy_table(Library(opened).run("adaptive")))
    assert "Credibility" in adaptive and "Predictive: this patient's own" in adaptive


def test_3_doses_and_learned_generators_say_what_they_are(run):
    assert "(approximate)" in dvh_figure(run)["layout"]["xaxis"]["title"]["text"]
    shipped = [card for card in learned() if card.weights is not None]
    said = {c.name: c.text.partition("\n")[0].strip("*.") for c in shipped}
    for name in ("cbct-ct/bridge", "follow-up/bridge", "follow-up/pix2pix"):
        assert said.pop(name) == "Learned from in-silico patients only"
    assert said == {
        "denoise/regression": "Learned from 31 real people with soft-tissue sarcoma and 9 in-silico patients",
        "mr-ct/regression": "Learned from 14 real people with soft-tissue sarcoma",
    }
    assert learned_from(["bridge 80b9ecd3", "mechanistic 2"]) == {
        "bridge 80b9ecd3": "learned from in-silico patients only"
    }


def test_3_no_picture_says_a_false_word(page):
    page.open(RUN + "&day=30&dose=todate&plans=60-15,30-10")
    assert page.script("return rtTwin.viewer.phase({fractions: 0, end_days: 0}, 30)") == "no radiotherapy"
    bars = "return rtTwin.viewer.scene(rtTwin.viewer.panels[0]).bars.map((b) => b.unit)"
    assert page.script(bars) == ["Gy, approximate"]
    page.press("d")
    page.wait("return rtTwin.viewer.state.difference === true")
    assert page.title(1).split("|")[0].count("day 30.4") == 2
    page.script(
        "rtTwin.viewer.manifest.learned = {[rtTwin.viewer.manifest.frames[3].generators.ct]: 'learned from x'}"
    )
    assert "learned from x" in page.title(0)


def test_4_the_cohort_page_has_one_definition_of_who_benefits(study, text):
    names, plan, outcome = plan_labels(study), "30-10", "tumour_control"
    everyone = chosen_patients(study, [], [], [0, 1e9])
    figure, words = effect_figure(study, names, plan, outcome, everyone)
    share = benefit_shares(study.effects).filter(pl.col("plan") == plan, pl.col("outcome") == outcome)
    better = f"{100 * share['better'][0]:.0f} %"
    assert f"{better} are better off" in words and "1 point" in words
    rows = text(difference_table(study, names))
    row = rows[rows.index("Tumour control") :]
    assert better in row[: row.index("Local control")]
    who = figure["data"][0]["customdata"][0]  # sorted: the most negative effect comes first
    assert figure["data"][0]["y"][0] <= -1.0
    card = text(patient_outcomes(study, names, who, judged_by(study)))
    row = card[card.index("Tumour control") :]
    assert "worse" in row[: row.index("Local control")]


def test_5_an_observation_asks_for_what_was_given_so_far(opened):
    with pytest.raises(InputError, match="say what was given up to day 21: a plan like 60/30, or none"):
        observe_arguments(opened, 21, 30, None)
    assert observe_arguments(opened, 21, 30, "none")[-1] == "30.0"
    assert observe_arguments(opened, 21, 30, " 60/30 ")[-1] == "--plan=60/30"


def test_6_other_schedules_are_compared_in_eqd2_and_ladders_are_no_failures(run, text):
    found = shown_constraints(run.table("scorecard"), run.table("dvh"), run.record.plans, {})
    lung = found.filter(
        pl.col("structure") == "Lungs-GTV", pl.col("metric") == "Dmean", pl.col("plan") == "60-15"
    )
    assert lung["alpha_beta_gy"].to_list() == [3.0] * 4 and lung["value"].n_unique() == 1
    raw = run.table("outcomes").filter(pl.col("plan") == "60-15", pl.col("outcome") == "mean_lung_dose")[
        "mean"
    ][0]
    assert raw < lung["value"][0] < raw * (4 + 3) / (2 + 3)  # no voxel has more than 4 Gy a fraction
    shown = text(scorecard_table(run))
    assert "EQD2, \u03b1/\u03b2 3 Gy, as planned" in shown and "7 / 13 / 20 / 24 Gy" in shown
    assert "as delivered" in shown and "at most" in shown
    even = from_samples("x", np.full(3, 60.0), np.ones(3), 3.0).eqd2(15, 3.0)
    assert even.mean_gy == pytest.approx(84.0, abs=0.02) and even.v(83.9) == pytest.approx(1.0)


def test_7_simulated_and_the_patient_are_in_sight_at_every_width_in_drawers_and_in_print(page, run):
    who = run.record.patient.id
    content = "return getComputedStyle(document.querySelector(arguments[0]), arguments[1]).content"
    page.open(RUN + "&day=30")
    inside = (
        "const bar = document.querySelector('.rt-header'); if (bar.scrollHeight > bar.clientHeight) return false;"
        "return ['simulated', 'who'].every((id) => { const r = document.getElementById(id).getBoundingClientRect();"
        "return r.width > 30 && r.left >= 0 && r.right <= innerWidth && r.top >= 0; })"
    )
    for width in (1920, 1280, 1024):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        page.wait(inside)
    page.script("document.getElementById('who').innerText = arguments[0]", "P-3cd4bc19d6cb")
    page.wait(inside)
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert all(who in page.title(n) for n in (0, 1))
    page.press("?")
    page.wait("return document.querySelector('.mantine-Modal-header')")
    assert SIMULATED in page.script(content, ".mantine-Modal-header", "::after")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        page.wait(f"const said = (() => {{ {content} }})(...arguments);"
                  "return said.includes(arguments[2]) && said.includes(arguments[3])",
                  "body", "::before", SIMULATED, who)  # fmt: skip
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    page.wait("return document.title === arguments[0]", f"Compare, {who} - RT-Twin")
    page.wait("return document.querySelector('.rt-nav [aria-current=page]')?.innerText === 'Compare'")


def test_8_estimated_organs_are_rejected_replaced_and_brought_back_from_the_page(phantom_twin, tmp_path):
    contours = phantom_twin.contours
    drawn = tuple(replace(s, estimated=s.name == "Heart") for s in contours)
    estimated = replace(phantom_twin, structures=(StructureSet(contours.geometry, drawn),))
    assert organs_of(estimated) == (["Heart"], [])
    rejected = estimated.organ_rejected("Heart")
    assert organs_of(rejected) == ([], ["Heart"]) and organs_of(rejected.organ_restored()) == (["Heart"], [])
    for button, ending in (("organ-reject", "--reject=Heart"), ("organ-undo", "--undo")):
        assert edit_arguments(tmp_path, button, "Heart", None)[-1] == ending
    assert edit_arguments(tmp_path, "organ-replace", "Heart", tmp_path)[-1] == f"--replace=Heart={tmp_path}"


def test_9_isodoses_share_no_colour_with_contours_and_report_and_page_have_the_same(run):
    grey = copy.copy(run)
    contours = run.twin.contours
    drawn = tuple(replace(s, colour=(250, 250, 245)) for s in contours)
    grey.twin = replace(run.twin, structures=(StructureSet(contours.geometry, drawn),))
    for subject in (run, grey):
        for _, colour in Shown(subject).drawn():
            assert max(rgb(colour)) - min(rgb(colour)) > _GREYISH
    assert rgb(_DAY_0) == _COLOURS["GTV"] and max(rgb(TUMOUR.colour)) - min(rgb(TUMOUR.colour)) > _GREYISH


@pytest.mark.parametrize(
    "sentence, said",
    [
        ("/tmp/rt-twin-x/upload.zip is not a zip file", "upload.zip is not a zip file"),
        ("'/data/my scans/a.nii' has no tumour; give --mask FILE", "'a.nii' has no tumour; give a tumour mask"),
        ("60/30 contradicts 54/3; see (/srv/p.twin)", "60/30 contradicts 54/3; see (p.twin)"),
    ],
)  # fmt: skip
def test_10_errors_name_no_place_of_the_server_and_no_flag(sentence, said):
    assert plain(sentence) == said


def test_10_the_frame_knows_whom_a_page_is_of(run):
    assert about("run", run.entry.key, run.entry.version, "p")["data-patient"] == "p"
