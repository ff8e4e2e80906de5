"""Patients, twin and new comparison in a real browser."""

import time

import pytest

from dashboards.parts.comparison_job import arguments_of
from dashboards.parts.scenario_form import Asked, Break, scenarios_of
from twin.errors import InputError

SEND = """
const zone = document.querySelector(`[data-store=${arguments[0]}]`);
rtTwin.send(zone, new File([Uint8Array.from(arguments[2])], arguments[1]));
"""


def test_patients_and_comparisons_are_listed_and_searched(page):
    page.open("/patients", viewer=False)
    page.says("patient.twin")
    page.says("60/15 v 30/10")
    page.says("40 sampled patients")
    page.find("#search").send_keys("30/10")
    page.wait(
        "return document.querySelectorAll('.ag-center-cols-container .ag-row').length === 2"
    )  # and the study
    page.script("document.querySelector('#list-runs a.rt-who').click()")
    page.settled()
    assert page.driver.current_url.endswith("/compare?run=demo") or "run=demo&" in page.driver.current_url


def test_a_folder_that_cannot_be_read_is_listed_with_the_reason(opened):
    from dashboards.files.library import Library
    from dashboards.tables.folder import folder_tables

    broken = opened / "broken-run"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    try:
        shown = str(folder_tables(Library(opened)))
        assert "broken-run cannot be read: " in shown and "40 sampled patients" in shown
    finally:
        (broken / "run.json").unlink()
        broken.rmdir()


def test_opening_a_page_starts_no_job(page):
    for path in ("/patients", "/new", "/twin?twin=patient.twin"):
        page.open(path, viewer=False)
        time.sleep(1)
        assert page.script("return document.querySelectorAll('.rt-job').length") == 0
        assert (
            page.script(
                "return [...document.querySelectorAll('[role=alert]')].map((e) => e.innerText).join('')"
            )
            == ""
        )


def test_a_broken_file_is_refused_in_plain_words(page, opened):
    page.open("/patients", viewer=False)
    page.says("Import a patient")
    page.script(SEND, "upload-scan", "broken.zip", [1, 2, 3])
    page.says("broken.zip (0.0 MB)")
    page.find("#import").click()
    page.wait("return document.querySelector('.rt-job-failed')")
    text = page.find(".rt-job-failed").text
    assert "broken.zip" in text and "Traceback" not in text
    assert not (opened / "broken.twin").exists()
    page.wait("return true")
    assert not (opened / ".uploads").exists()
    page.find(".rt-job-failed button").click()
    page.wait("return !document.querySelector('.rt-job')")


def test_a_twin_shows_its_record_with_what_is_missing(page, run):
    page.open("/twin?twin=patient.twin")
    page.says("Clinical record")
    page.says("missing")
    page.says(f"{run.twin.gtv_cm3:.1f}")
    assert "acquired" in page.title()
    assert page.script("return rtTwin.viewer.visible().length") == 3


def test_the_crosshair_moves_in_all_three_views(page):
    page.open("/twin?twin=patient.twin")
    before = [page.picture(n) for n in range(3)]
    page.script(
        "const c = document.getElementById('ortho-axial');"
        "c.dispatchEvent(new PointerEvent('pointermove', {shiftKey: true, clientX: 0, clientY: 0, bubbles: true}))"
    )
    page.script("rtTwin.viewer.panels[0].view.at = [30, 100, 200]; rtTwin.viewer.draw()")
    time.sleep(0.3)
    assert all(page.picture(n) != old for n, old in enumerate(before))


def test_a_comparison_is_started_from_the_page_and_cancelled(page, opened):
    page.open("/new?twin=patient.twin", viewer=False)
    page.says("What will run")
    page.find("#new-name").send_keys("cancelled")
    page.find("#new-run").click()
    page.wait("return document.querySelector('.rt-job-running')")
    page.wait("return document.querySelector('.rt-job-running button')")
    page.script("document.querySelector('.rt-job-running button').click()")
    page.wait("return document.querySelector('.rt-job-cancelled')")
    time.sleep(1)
    assert not (opened / "cancelled").exists()
    page.script("[...document.querySelectorAll('.rt-job button')].forEach((b) => b.click())")


def test_an_in_silico_patient_is_made_from_the_page(page, opened):
    page.open("/patients", viewer=False)
    page.says("Make an in-silico patient")
    page.find("#phantom-name").send_keys("made here")
    page.find("#phantom").click()
    page.wait("return document.querySelector('.rt-job-done')", seconds=90)
    page.find(".rt-job-done a").click()
    page.settled()
    page.says("Clinical record")
    assert (opened / "made-here.twin").is_dir()


@pytest.mark.parametrize("plans", [[], ["60/30x"], ["/etc/passwd.yaml"], ["60/30", "60/30"], ["60/30"] * 5])
def test_plans_that_cannot_be_are_refused_before_anything_runs(plans):
    with pytest.raises(InputError):
        scenarios_of(plans)


def test_a_break_doubles_the_plans_and_no_more_than_four_are_compared():
    gap = Break(7, 14, "friday")
    labels = [s.label for s in scenarios_of(["60/30", "55/20"], Asked(gap))]
    assert labels[:2] == ["60/30", "55/20"] and "7 days off from day 14" in labels[2]
    with pytest.raises(InputError, match="6 scenarios"):
        scenarios_of(["60/30", "55/20", "60/15"], Asked(gap))
    with pytest.raises(InputError, match="a break needs"):
        scenarios_of(["60/30"], Asked(Break(0, 14, "none")))


def test_the_form_becomes_the_command_that_it_says(opened):
    numbers = {"days": 90, "samples": 8, "images": 1, "seed": 3, "scanners": ["pet", "mr"]}
    made = arguments_of(opened / "patient.twin", ["60/30", "54/36 tid"], opened / "x", **numbers)
    assert made[0] == "compare" and made[1] == str(opened / "patient.twin")
    assert "--plan=54/36 tid" in made
    assert made[made.index("--days") + 1] == "90.0" and made[-2:] == ["--scanner=pet", "--scanner=mr"]


def test_an_observation_is_added_and_the_belief_learns(page, opened):
    import shutil

    shutil.copytree(opened / "patient.twin", opened / "followed.twin")
    page.open("/twin?twin=followed.twin")
    page.find("#observe-day").send_keys("21")
    page.find("#observe-gtv").send_keys("40")
    page.find("#observe-plan").send_keys("60/30")
    page.find("#observe").click()
    page.wait("return document.querySelector('.rt-job-done')", seconds=90)
    page.find(".rt-job-done a").click()
    page.says("Posterior")
    page.says("not informed")
    page.says("day 21: 40.0")


def test_a_folder_without_images_is_refused_in_plain_words(page, opened):
    page.open("/patients", viewer=False)
    page.says("Choose a folder")
    page.script(
        "const zone = document.querySelector('[data-store=upload-scan]');"
        "rtTwin.take(zone, [new File(['a'], 'IM1'), new File(['b'], 'IM2'), new File(['c'], '.hidden')], 'CT thorax');"
    )
    page.says("CT thorax: 2 files")
    page.find("#import").click()
    page.wait("return document.querySelector('.rt-job-failed')")
    assert "Traceback" not in page.find(".rt-job-failed").text
    assert not (opened / ".uploads").exists()
    page.script("[...document.querySelectorAll('.rt-job button')].forEach((b) => b.click())")


def test_policies_drugs_and_images_of_the_form_become_scenarios():
    asked = Asked(
        chemotherapy="sequential",
        immunotherapy=True,
        policies={"none": {}, "fixed replans": {"at_gy": "20, 40", "turnaround_days": 2}},
        during_days=5,
        after_days=None,
        also=(10.0,),
    )
    first, second = scenarios_of(["60/30"], asked)
    assert first.policy.kind == "none" and second.policy.at_gy == (20.0, 40.0)
    assert second.policy.turnaround_days == 2
    assert second.plan.chemotherapy.timing == "sequential" and second.plan.immunotherapy is not None
    assert (second.plan.imaging.during_days, second.plan.imaging.after_days) == (5, None)
    assert second.plan.imaging.also == (10.0,)
    assert type(second).model_validate(second.model_dump(mode="json")) == second


def test_drugs_are_not_given_without_radiation_and_a_trials_own_stay():
    (none,) = scenarios_of(["none"], Asked(chemotherapy="concurrent"))
    assert none.plan.chemotherapy is None
    (pacific,) = scenarios_of(["PACIFIC"], Asked(chemotherapy="sequential"))
    assert pacific.plan.chemotherapy.timing == "concurrent" and pacific.label == "PACIFIC"


@pytest.mark.parametrize(
    "asked",
    [Asked(policies={"volume trigger": {"loss": 7}}), Asked(policies={"fixed replans": {"at_gy": "x"}})],
)
def test_a_policys_parameter_that_cannot_be_is_said_in_a_sentence(asked):
    with pytest.raises(InputError):
        scenarios_of(["60/30"], asked)


def test_the_form_says_what_will_run_and_what_is_outside_the_context(page):
    page.open("/new?twin=patient.twin", viewer=False)
    page.says("30 fractions, 60 Gy")
    page.script("document.querySelector('#new-break').click()")
    page.says("7 days off from day 14")
    field = page.find("#new-plans")
    field.send_keys("30/10", "\ue007")
    page.says("these are 6 scenarios")
    page.script("document.querySelector('#new-break').click()")
    page.says("Outside the context of use")


def test_models_name_their_figures_and_their_domain(page):
    page.open("/models", viewer=False)
    page.says("Mechanistic follow-up CT")
    page.says("Virtual FDG-PET")
    page.wait("return document.querySelectorAll('.rt-markdown table').length >= 2")
    page.says("Domain.")
